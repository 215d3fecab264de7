import { type StageId, stageKey } from '../core/keys.ts';
import { releaseTarget } from '../core/release.ts';
import { exceeds } from '../core/tolerance.ts';
import { release } from '../core/transitions.ts';
import { type Batch, requireStage, type Stage, toStage } from './batch.ts';
import type { SettlePorts } from './engine.ts';
import { sendChunks } from './send.ts';
import type { Sums } from './sums.ts';
import { writeStop } from './write-stop.ts';

export const windowOfStage = ({ window, windows }: SettlePorts, stage: number): number =>
  windows?.[stage] ?? window;

/** Undefined when there is nothing to release; else the caller looks again: at the stage it made, if it won. */
export async function releaseMore(
  engine: SettlePorts,
  id: StageId,
  { stage, sums }: { stage: Stage; sums: Sums },
): Promise<Stage | 'refused' | undefined> {
  if (stage.halt !== undefined) return undefined;
  const { planned, rel } = stage;
  const to = releaseTarget({
    planned,
    rel,
    done: sums.done,
    low: sums.low,
    window: windowOfStage(engine, id.stage),
  });
  if (to <= rel) return undefined;
  const low = { low: sums.low, ...sums.lowCounters };
  const answer = await engine.store.change(stageKey(id), release(rel, to, low));
  if (answer.applied) {
    await sendChunks(engine, id, { from: rel, to });
  } else if (answer.retried) {
    // The first try may have landed with its answer lost: what is released now was sent by nobody else.
    const now = await requireStage(engine.store, id);
    await sendChunks(engine, id, { from: rel, to: Math.min(to, now.rel) });
  }
  return answer.record === undefined ? 'refused' : toStage(answer.record);
}

/** The tolerated-failure threshold; the overshoot is at most the window. */
export async function overThreshold(
  engine: SettlePorts,
  batch: Batch,
  { counts }: Pick<Sums, 'counts'>,
): Promise<boolean> {
  if (batch.status !== 'running') return false;
  const { ok, skipped, failed, stalled } = counts;
  const done = ok + skipped + failed + stalled;
  if (!exceeds(batch.settings.tolerate, failed, done)) return false;
  await writeStop(engine.store, batch.id, {
    stop: 'threshold',
    reason: `${failed} of ${done} items failed; tolerated: ${describe(batch)}`,
  });
  return true;
}

function describe({ settings: { tolerate } }: Batch): string {
  const parts = [];
  if (tolerate?.count !== undefined) parts.push(`${tolerate.count} items`);
  if (tolerate?.percent !== undefined)
    parts.push(`${tolerate.percent} % of at least ${tolerate.minSample} items`);
  return parts.join(' or ');
}

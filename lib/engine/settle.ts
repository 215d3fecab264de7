import { type StageId, stageKey } from '../core/keys.ts';
import { exceeds } from '../core/options.ts';
import { releaseTarget } from '../core/release.ts';
import { hasEnded, isCancel, release } from '../core/transitions.ts';
import { coalesce } from '../pool/coalesce.ts';
import {
  type Batch,
  readBatch,
  readStageAndSums,
  readSums,
  requireStage,
  type Stage,
  type Sums,
  toStage,
} from './batch.ts';
import type { SettlePorts } from './engine.ts';
import { sendChunks, sendStep } from './send.ts';
import { writeStop } from './write-stop.ts';

/**
 * PROTOCOL settle: looks at state only, never at what the caller just did. Everybody runs it after
 * every change, won or not: of two racing actors at least one sees the other.
 */
export function settle(engine: SettlePorts, id: StageId): Promise<void> {
  const settler = settlers.get(engine) ?? newSettler(engine);
  settlers.set(engine, settler);
  return settler(JSON.stringify([id.batch, id.round, id.stage]));
}

/** Calls that come while one runs share the next: each still sees all that was written before it. */
const settlers = new WeakMap<SettlePorts, (stage: string) => Promise<void>>();

/**
 * The stored `low` of the stage settled last is remembered: it only grows, the tallies before it are in the stage's
 * own sums, and a look that begins at 0 reads every tally of a large batch at every commit.
 */
function newSettler(engine: SettlePorts): (stage: string) => Promise<void> {
  let last = { key: '', low: 0 };
  return coalesce(async (key) => {
    const [batch, round, stage] = JSON.parse(key) as [string, number, number];
    const low = await settleOnce(engine, { batch, round, stage }, last.key === key ? last.low : 0);
    last = { key, low };
  });
}

/** Looks from the tally `from` on, and answers where the next look may begin. */
async function settleOnce(engine: SettlePorts, id: StageId, from: number): Promise<number> {
  let low = from;
  let after: Stage | undefined;
  for (;;) {
    // Our own release answers with the stage as it then is: whoever changes it later settles after that.
    const { stage, sums } =
      after === undefined
        ? await readStageAndSums(engine.store, id, low)
        : { stage: after, sums: await readSums(engine.store, id, after) };
    low = stage.low;
    const released = await releaseMore(engine, id, { stage, sums });
    after = released === 'refused' ? undefined : released;
    if (released !== undefined) continue;
    if (
      !isCancel(stage.halt) &&
      sums.counts.failed > 0 &&
      (await overThreshold(engine, id, sums))
    ) {
      continue;
    }
    if (isComplete(stage, sums)) {
      const batch = await readBatch(engine.store, id.batch);
      if (batch?.round === id.round && !hasEnded(batch.status))
        await sendStep(engine, 'finalise', id);
    }
    return low;
  }
}

/** Complete: all chunks of a sealed stage are committed; after a cancel, all that were released. */
export function isComplete(stage: Stage, sums: Sums): boolean {
  return isCancel(stage.halt) ? sums.done === stage.rel : stage.sealed === sums.done;
}

/** Undefined when there is nothing to release; else the caller looks again: at the stage it made, if it won. */
async function releaseMore(
  engine: SettlePorts,
  id: StageId,
  { stage, sums }: { stage: Stage; sums: Sums },
): Promise<Stage | 'refused' | undefined> {
  if (stage.halt !== undefined) return undefined;
  const { planned, rel } = stage;
  const to = releaseTarget({ planned, rel, done: sums.done, low: sums.low, window: engine.window });
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
async function overThreshold(engine: SettlePorts, id: StageId, sums: Sums): Promise<boolean> {
  const batch = await readBatch(engine.store, id.batch);
  if (batch === undefined || batch.status !== 'running' || batch.round !== id.round) return false;
  const { ok, skipped, failed, stalled } = sums.counts;
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

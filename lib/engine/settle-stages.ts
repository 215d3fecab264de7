import { isBroken } from '../core/errors.ts';
import type { StageId } from '../core/keys.ts';
import { addCounts, noCounts } from '../core/outcome.ts';
import { hasGroups, stageSettings } from '../core/stage-settings.ts';
import { hasEnded, isCancel } from '../core/transitions.ts';
import { type Batch, readBatch, type Stage, stagesOf } from './batch.ts';
import type { SettlePorts } from './engine.ts';
import { planGroups } from './plan-groups.ts';
import { planStage } from './plan-stage.ts';
import { GROUP } from './put-chunks.ts';
import { overThreshold, releaseMore, windowOfStage } from './release-more.ts';
import { roundList } from './round-list.ts';
import { sendStep } from './send.ts';
import { lookAtStage, type Sums } from './sums.ts';
import { writeStop } from './write-stop.ts';

/** One stage as it was looked at. */
export interface SeenStage {
  id: StageId;
  stage: Stage;
  sums: Sums;
}

/** Chunks of the next stage that may be planned and not committed before this stage releases no more: two windows. */
const AHEAD_WINDOWS = 2;

/**
 * PROTOCOL settle of several stages: from the last to the first, since a commit in one stage can release in the one
 * before it; again and again until a whole pass changed nothing, since what is planned in a pass is released in the next.
 */
export async function settleStages(
  engine: SettlePorts,
  { batch: name, round }: Omit<StageId, 'stage'>,
): Promise<void> {
  for (;;) {
    const batch = await readBatch(engine.store, name);
    if (batch === undefined || batch.round !== round || hasEnded(batch.status)) return;
    const seen: SeenStage[] = [];
    let changed = false;
    for (const id of stagesOf(batch).reverse()) {
      const after = seen[0];
      const released = await settleStage(engine, { id, after, seen });
      if (released) changed = true;
      if (await planNext(engine, batch, { after, before: seen[0] })) changed = true;
    }
    const total = totalOf(seen);
    const stopped = seen.some(({ stage }) => isCancel(stage.halt));
    if (!stopped && total.counts.failed > 0 && (await overThreshold(engine, batch, total)))
      continue;
    if (changed) continue;
    if (allComplete(seen)) await sendStep(engine, 'finalise', { batch: name, round });
    return;
  }
}

/** Complete: the last stage is sealed and committed, and with it all before it; after a cancel, all that any released. */
export function allComplete(seen: readonly Pick<SeenStage, 'stage' | 'sums'>[]): boolean {
  const last = seen.at(-1);
  if (seen.some(({ stage }) => isCancel(stage.halt))) {
    return seen.every(({ stage, sums }) => isCancel(stage.halt) && sums.done === stage.rel);
  }
  return last !== undefined && last.stage.sealed === last.sums.done;
}

/** Releases what the window and the stage behind it allow. Puts what it saw last in front of `seen`. */
async function settleStage(
  engine: SettlePorts,
  { id, after, seen }: { id: StageId; after: SeenStage | undefined; seen: SeenStage[] },
): Promise<boolean> {
  for (let changed = false; ; changed = true) {
    const { stage, sums } = await lookAtStage(engine.store, id);
    const held = after !== undefined && isHeldBack(engine, after);
    const released = held ? undefined : await releaseMore(engine, id, { stage, sums });
    if (released !== undefined) continue;
    seen.unshift({ id, stage, sums });
    return changed;
  }
}

/**
 * Back-pressure: a bound on chunks that are planned and not committed, never on the parts they are cut from, of which any
 * number may hold too few items for one chunk. A groupBy holds nothing back, having no chunk until all is done. By what
 * was seen in this pass: whoever commits since settles after it.
 */
const isHeldBack = (engine: SettlePorts, { id, stage, sums }: SeenStage): boolean =>
  stage.planned - sums.done >= AHEAD_WINDOWS * windowOfStage(engine, id.stage);

/** Plans the stage behind, as far as there are parts for it. */
async function planNext(
  engine: SettlePorts,
  batch: Batch,
  { after, before }: { after: SeenStage | undefined; before: SeenStage | undefined },
): Promise<boolean> {
  const { store, objects } = engine;
  if (after === undefined || objects === undefined) return false;
  const { id, sums } = after;
  const { chunk } = stageSettings(batch.settings, id.stage);
  if (hasGroups(batch.settings, id.stage)) {
    // Most settles come long before the last commit; whoever makes that one looks after it.
    if (before?.stage.sealed === undefined || before.sums.done < before.stage.sealed) return false;
    try {
      return await planGroups({ store, objects }, id, { chunk, batch });
    } catch (error) {
      if (!isBroken(error)) throw error;
      await writeStop(store, batch.id, { stop: 'broken', reason: error.message });
      return true;
    }
  }
  const list = roundList(objects, batch, id.stage);
  const upTo = sums.done + AHEAD_WINDOWS * windowOfStage(engine, id.stage) + GROUP;
  return planStage({ store, objects }, id, { chunk, since: batch.startedAt, list, upTo });
}

function totalOf(seen: readonly SeenStage[]): Pick<Sums, 'counts'> {
  return { counts: seen.reduce((sum, { sums }) => addCounts(sum, sums.counts), noCounts()) };
}

import { addCounts, type Counts, itemsOf, noCounts } from '../core/outcome.ts';
import type { RoundChoice } from '../core/retry.ts';
import { firstGroups, hasGroups } from '../core/stage-settings.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { type Batch, readBatch, stagesOf } from './batch.ts';
import { lookAtStage, type Sums } from './sums.ts';

/** What `status` shows: one query of the open tallies, whatever the number of items. */
export interface BatchState {
  batch: Batch;
  /** Undefined while the input is still being cut. */
  totalChunks: number | undefined;
  plannedChunks: number;
  releasedChunks: number;
  doneChunks: number;
  counts: Counts;
  /** Items done; the total is known once the input is cut to its end. In a later round: of its own items. */
  doneItems: number;
  totalItems: number | undefined;
  /** Of a job of several stages: each one; the figures beside it are their sums. */
  stages?: StageState[] | undefined;
  /** Failed and stalled items of the whole batch, as its rounds so far left them. */
  open: { failed: number; stalled: number };
}

/** One stage of a running batch. */
export interface StageState {
  name: string;
  /** Undefined while the stage before it may still give more. */
  totalChunks: number | undefined;
  plannedChunks: number;
  releasedChunks: number;
  doneChunks: number;
  /** Chunks that are planned and not committed. */
  queuedChunks: number;
  counts: Counts;
  doneItems: number;
  plannedItems: number;
  totalItems: number | undefined;
}

export async function batchState(
  store: CheckpointStore,
  name: string,
): Promise<BatchState | undefined> {
  const batch = await readBatch(store, name);
  if (batch === undefined) return undefined;
  const looks = await Promise.all(stagesOf(batch).map((id) => lookAtStage(store, id)));
  const stages = looks.map((look, at) => stageState(batch, look, at));
  // Groups of a later round replace those before when it ends: until then they are as they were.
  const counted = batch.round === 0 ? looks : looks.slice(0, firstGroups(batch.settings));
  const sum = (of: (stage: StageState) => number): number =>
    stages.reduce((all, stage) => all + of(stage), 0);
  const known = (of: (stage: StageState) => number | undefined): number | undefined =>
    stages.every((stage) => of(stage) !== undefined) ? sum((stage) => of(stage) ?? 0) : undefined;
  const counts = stages.reduce((all, stage) => addCounts(all, stage.counts), noCounts());
  return {
    batch,
    totalChunks: known(({ totalChunks }) => totalChunks),
    plannedChunks: sum(({ plannedChunks }) => plannedChunks),
    releasedChunks: sum(({ releasedChunks }) => releasedChunks),
    doneChunks: sum(({ doneChunks }) => doneChunks),
    counts,
    doneItems: itemsOf(counts),
    totalItems: known(({ totalItems }) => totalItems),
    stages: batch.settings.stages === undefined ? undefined : stages,
    open: batch.open ?? openFailures(counted, batch.filter),
  };
}

function stageState(
  { settings }: Batch,
  { stage, sums }: Awaited<ReturnType<typeof lookAtStage>>,
  at: number,
): StageState {
  const { name = '' } = settings.stages?.[at] ?? {};
  const doneItems = itemsOf(sums.counts);
  // How many groups there are is known of what was worked.
  const grouped = hasGroups(settings, at);
  const plannedItems = grouped ? doneItems : itemsBefore(stage.cur);
  const complete = grouped ? stage.sealed === sums.done : stage.sealed !== undefined;
  return {
    name,
    totalChunks: stage.sealed,
    plannedChunks: stage.planned,
    releasedChunks: stage.rel,
    doneChunks: sums.done,
    queuedChunks: stage.planned - sums.done,
    counts: sums.counts,
    doneItems,
    plannedItems,
    totalItems: complete ? plannedItems : undefined,
  };
}

/**
 * A later round takes items from the failures that were there before it; its tallies say how many of those had stalled.
 * Tallies of a round that an older version began do not: where more ran than had failed, the rest had stalled.
 */
function openFailures(
  looks: readonly { sums: Sums }[],
  round: RoundChoice | undefined,
): BatchState['open'] {
  const { ok, skipped, failed, stalled } = looks.reduce(
    (all, { sums }) => addCounts(all, sums.counts),
    noCounts(),
  );
  const wasStalled = looks.reduce((all, { sums }) => all + sums.wasStalled, 0);
  const fresh = looks.reduce((all, { sums }) => all + sums.fresh, 0);
  if (round === undefined) return { failed, stalled };
  const ran = ok + skipped + failed + stalled - fresh;
  const ofStalled = Math.max(wasStalled, ran - round.failed);
  return {
    failed: round.before.failed - (ran - ofStalled) + failed,
    stalled: round.before.stalled - ofStalled + stalled,
  };
}

/** A plan cursor is `<source>:<byte>:<items so far>`, and what the input adds to it; of a later stage the third is the same. */
export const itemsBefore = (cursor: string): number =>
  Number.parseInt(cursor.split(':')[2] ?? '0', 10);

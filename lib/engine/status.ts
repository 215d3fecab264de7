import type { Counts } from '../core/outcome.ts';
import type { RoundChoice } from '../core/retry.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { type Batch, readBatch, readSums, requireStage, type Sums, stagesOf } from './batch.ts';

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
  /** Failed and stalled items of the whole batch, as its rounds so far left them. */
  open: { failed: number; stalled: number };
}

export async function batchState(
  store: CheckpointStore,
  name: string,
): Promise<BatchState | undefined> {
  const batch = await readBatch(store, name);
  const [id] = batch === undefined ? [] : stagesOf(batch);
  if (batch === undefined || id === undefined) return undefined;
  const stage = await requireStage(store, id);
  const sums = await readSums(store, id, stage);
  return {
    batch,
    totalChunks: stage.sealed,
    plannedChunks: stage.planned,
    releasedChunks: stage.rel,
    doneChunks: sums.done,
    counts: sums.counts,
    doneItems: Object.values(sums.counts).reduce((sum, items) => sum + items, 0),
    totalItems: stage.sealed === undefined ? undefined : itemsOf(stage.cur),
    open: openFailures(sums, batch.filter),
  };
}

/**
 * A later round takes items from the failures that were there before it; its tallies say how many of those had stalled.
 * Tallies of a round that an older version began do not: where more ran than had failed, the rest had stalled.
 */
function openFailures(
  { counts, wasStalled }: Sums,
  round: RoundChoice | undefined,
): BatchState['open'] {
  const { ok, skipped, failed, stalled } = counts;
  if (round === undefined) return { failed, stalled };
  const ran = ok + skipped + failed + stalled;
  const ofStalled = Math.max(wasStalled, ran - round.failed);
  return {
    failed: round.before.failed - (ran - ofStalled) + failed,
    stalled: round.before.stalled - ofStalled + stalled,
  };
}

/** A plan cursor is `<source>:<byte>:<items so far>`, and what the input adds to it. */
const itemsOf = (cursor: string): number => Number.parseInt(cursor.split(':')[2] ?? '0', 10);

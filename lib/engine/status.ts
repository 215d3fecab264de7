import type { Counts } from '../core/outcome.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { type Batch, readBatch, readSums, requireStage, stagesOf } from './batch.ts';

/** What `status` shows: one query of the open tallies, whatever the number of items. */
export interface BatchState {
  batch: Batch;
  /** Undefined while the input is still being cut. */
  totalChunks: number | undefined;
  plannedChunks: number;
  releasedChunks: number;
  doneChunks: number;
  counts: Counts;
  /** Items done; the total is known once the input is cut to its end. */
  doneItems: number;
  totalItems: number | undefined;
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
  };
}

/** A plan cursor is `<source>:<byte>:<items so far>`. */
const itemsOf = (cursor: string): number => Number(cursor.split(':')[2] ?? 0);

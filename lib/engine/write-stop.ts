import { SluiceError } from '../core/errors.ts';
import { batchKey, stageKey } from '../core/keys.ts';
import { copyHalt, type Stop, setStop } from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { type Batch, readBatch, stagesOf } from './batch.ts';

/** Reasons are kept in a record of less than 8 KB. */
const MAX_REASON = 1000;

/**
 * Writes a stop in the batch record (the truth), then copies the record's own stop, won or not, to the
 * stages. Returns the batch as it then is. The caller settles.
 */
export async function writeStop(
  store: CheckpointStore,
  id: string,
  { stop, reason }: { stop: Stop; reason: string },
): Promise<Batch> {
  const batch = await requireBatch(store, id);
  const short = reason.length <= MAX_REASON ? reason : `${reason.slice(0, MAX_REASON - 1)}…`;
  await store.change(batchKey(id), setStop(batch.round, stop, short));
  return copyHalts(store, id);
}

/** Copies the batch's stop to its stages, each fenced by its version. */
export async function copyHalts(store: CheckpointStore, id: string): Promise<Batch> {
  const batch = await requireBatch(store, id);
  for (const stage of stagesOf(batch)) {
    await store.change(stageKey(stage), copyHalt(batch.stop, batch.ver));
  }
  return batch;
}

async function requireBatch(store: CheckpointStore, id: string): Promise<Batch> {
  const batch = await readBatch(store, id);
  if (batch !== undefined) return batch;
  throw new SluiceError('NOT_FOUND', `There is no batch ${id}.`, { hint: 'See: sluice list' });
}

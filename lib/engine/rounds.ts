import type { StoredRecord, Value } from '../core/change.ts';
import { SluiceError } from '../core/errors.ts';
import { batchKey, endedRoundKey } from '../core/keys.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { type Batch, readBatch, toBatch } from './batch.ts';

/** What the batch record says of its present round; everything else stays as the batch was started. */
const OF_A_ROUND = ['status', 'digest', 'stop', 'reason', 'filter', 'roundAt'] as const;

/** The record that keeps how a round ended; a pure function of the ended batch record. */
export function endedRound(record: StoredRecord): StoredRecord {
  const kept: Record<string, Value> = { round: record['round'] as number };
  for (const name of OF_A_ROUND) {
    const value = record[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** The batch as it was when a round ended; the present round as it is. Throws `DAMAGED` when that was never kept. */
export async function batchInRound(
  store: CheckpointStore,
  batch: Pick<Batch, 'id' | 'round'>,
  round: number,
): Promise<Batch> {
  const [now, record, ended] = await Promise.all([
    readBatch(store, batch.id),
    store.read(batchKey(batch.id)),
    store.read(endedRoundKey(batch.id, round)),
  ]);
  if (now?.round === round) return now;
  if (record === undefined || ended === undefined) {
    throw new SluiceError('DAMAGED', `Batch ${batch.id} has no record of its round ${round}.`);
  }
  const kept: Record<string, Value> = { ...record };
  for (const name of [...OF_A_ROUND, 'open']) delete kept[name];
  const { round: _round, v: _v, status, ...facts } = ended;
  return toBatch({ ...kept, ...facts, round, status: status as Value, end: status as Value });
}

/** What an earlier round gave is input of a later one: where it is gone no other try brings it back, and the round ends. */
export function goneInRound(round: number, error: unknown): unknown {
  if ((error as { code?: unknown }).code !== 'DAMAGED') return error;
  const message = `What round ${round} gave is not there any more: ${(error as Error).message} Bring it back from a copy and retry once more, or run the job anew.`;
  return new SluiceError('INPUT_CHANGED', message, { cause: error });
}

import { applyChange, type StoredRecord } from '../../core/change.ts';
import { compareUtf8 } from '../../core/compare-utf8.ts';
import { LIVE } from '../../core/keys.ts';
import type { CheckpointStore } from '../../ports/checkpoint-store.ts';
import { checkRecord } from '../local/record-check.ts';

/** Records in maps. They are frozen, so that nobody can alter the store through an answer. */
export function memoryCheckpointStore(): CheckpointStore {
  const batches = new Map<string, Map<string, StoredRecord>>();
  return {
    read: (key) => Promise.resolve(batches.get(key.batch)?.get(key.sort)),
    query(batch, from, to) {
      const found = [...(batches.get(batch) ?? [])]
        .filter(([sort]) => compareUtf8(from, sort) <= 0 && compareUtf8(sort, to) <= 0)
        .sort(([a], [b]) => compareUtf8(a, b))
        .map(([sort, record]) => ({ sort, record }));
      return Promise.resolve(found);
    },
    async change(key, change) {
      const record = applyChange(batches.get(key.batch)?.get(key.sort), change);
      if (!record) return { applied: false, record: undefined, retried: false };
      checkRecord(key, record);
      const records = batches.get(key.batch) ?? new Map<string, StoredRecord>();
      batches.set(key.batch, records);
      records.set(key.sort, Object.freeze(record));
      return { applied: true, record, retried: false };
    },
    forget(batch) {
      batches.delete(batch);
      batches.get(LIVE)?.delete(batch);
      return Promise.resolve();
    },
  };
}

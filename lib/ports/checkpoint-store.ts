import type { Change, RecordKey, StoredRecord } from '../core/change.ts';

/**
 * Records under conditional changes. The conditions themselves are data (`lib/core/transitions.ts`), so
 * that every adapter only has to apply one kind of change, and no adapter can spell a condition its own way.
 */
export interface CheckpointStore {
  /** Consistent: sees every change that was answered before. */
  read(key: RecordKey): Promise<StoredRecord | undefined>;
  /** Records of one batch whose sort key lies in [from, to], in that order; consistent. */
  query(batch: string, from: string, to: string): Promise<{ sort: string; record: StoredRecord }[]>;
  /** Applies the change if its condition holds, all of it or nothing. Durable when it resolves. */
  change(key: RecordKey, change: Change): Promise<ChangeAnswer>;
  /** Forgets all records of a batch, and its entry in the list. */
  forget(batch: string): Promise<void>;
}

export interface ChangeAnswer {
  applied: boolean;
  /** The record after the change; undefined when it was refused. */
  record: StoredRecord | undefined;
  /**
   * An earlier try of this very call got no answer: a refusal may then be the change's own effect.
   */
  retried: boolean;
}

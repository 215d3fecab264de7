import type { RecordKey, StoredRecord } from '../../lib/core/change.ts';
import { batchKey, chunkKey, stageKey, tallyKey, tallyOf } from '../../lib/core/keys.ts';
import { markName } from '../../lib/core/transitions.ts';

/** The one batch of a world, and the stages of each of its rounds. */
export const BATCH = 'sim-batch';
export const stageIn = (round: number, stage = 0) => ({ batch: BATCH, round, stage });

/** What is stored, as nobody in the world sees it: at this very moment, without a call. */
export interface Truth {
  readonly records: Map<string, Map<string, StoredRecord>>;
  readonly objects: Map<string, Uint8Array>;
  record(key: RecordKey): StoredRecord | undefined;
  batch(): StoredRecord | undefined;
  stage(round: number, stage?: number): StoredRecord | undefined;
  chunk(round: number, chunk: number, stage?: number): StoredRecord | undefined;
  /** Epoch of the committed attempt. */
  mark(round: number, chunk: number, stage?: number): number | undefined;
  /** Chunks of a stage with a mark, counted from the marks themselves. */
  marks(round: number, stage?: number): number;
  /** Somebody is going to retry what failed. */
  retryDue: boolean;
}

export function newTruth(): Truth {
  const records: Truth['records'] = new Map();
  const record = ({ batch, sort }: RecordKey): StoredRecord | undefined =>
    records.get(batch)?.get(sort);
  return {
    records,
    objects: new Map(),
    record,
    batch: () => record(batchKey(BATCH)),
    stage: (round, stage) => record(stageKey(stageIn(round, stage))),
    chunk: (round, chunk, stage) => record(chunkKey({ ...stageIn(round, stage), chunk })),
    mark: (round, chunk, stage) =>
      record(tallyKey(stageIn(round, stage), tallyOf(chunk)))?.[markName(chunk)] as
        | number
        | undefined,
    retryDue: false,
    marks(round, stage) {
      let sum = 0;
      const prefix = tallyKey(stageIn(round, stage), 0).sort.slice(0, 8);
      for (const [sort, tally] of records.get(BATCH) ?? []) {
        if (!sort.startsWith(prefix)) continue;
        for (const name of Object.keys(tally)) if (/^m\d+$/.test(name)) sum += 1;
      }
      return sum;
    },
  };
}

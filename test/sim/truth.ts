import type { RecordKey, StoredRecord } from '../../lib/core/change.ts';
import { batchKey, chunkKey, stageKey, tallyKey, tallyOf } from '../../lib/core/keys.ts';
import { markName } from '../../lib/core/transitions.ts';

/** The one batch of a world, and the one stage of each of its rounds. */
export const BATCH = 'sim-batch';
export const stageIn = (round: number) => ({ batch: BATCH, round, stage: 0 });

/** What is stored, as nobody in the world sees it: at this very moment, without a call. */
export interface Truth {
  readonly records: Map<string, Map<string, StoredRecord>>;
  readonly objects: Map<string, Uint8Array>;
  record(key: RecordKey): StoredRecord | undefined;
  batch(): StoredRecord | undefined;
  stage(round: number): StoredRecord | undefined;
  chunk(round: number, chunk: number): StoredRecord | undefined;
  /** Epoch of the committed attempt. */
  mark(round: number, chunk: number): number | undefined;
  /** Chunks of the round with a mark, counted from the marks themselves. */
  marks(round: number): number;
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
    stage: (round) => record(stageKey(stageIn(round))),
    chunk: (round, chunk) => record(chunkKey({ ...stageIn(round), chunk })),
    mark: (round, chunk) =>
      record(tallyKey(stageIn(round), tallyOf(chunk)))?.[markName(chunk)] as number | undefined,
    retryDue: false,
    marks(round) {
      let sum = 0;
      const prefix = tallyKey(stageIn(round), 0).sort.slice(0, 5);
      for (const [sort, tally] of records.get(BATCH) ?? []) {
        if (!sort.startsWith(prefix)) continue;
        for (const name of Object.keys(tally)) if (/^m\d+$/.test(name)) sum += 1;
      }
      return sum;
    },
  };
}

import type { RecordKey, StoredRecord } from '../../lib/core/change.ts';
import { batchKey, chunkKey, stageKey, tallyKey, tallyOf } from '../../lib/core/keys.ts';
import { markName } from '../../lib/core/transitions.ts';

/** The one batch of a world, and its one stage. */
export const BATCH = 'sim-batch';
export const STAGE = { batch: BATCH, round: 0, stage: 0 } as const;

/** What is stored, as nobody in the world sees it: at this very moment, without a call. */
export interface Truth {
  readonly records: Map<string, Map<string, StoredRecord>>;
  readonly objects: Map<string, Uint8Array>;
  record(key: RecordKey): StoredRecord | undefined;
  batch(): StoredRecord | undefined;
  stage(): StoredRecord | undefined;
  chunk(chunk: number): StoredRecord | undefined;
  /** Epoch of the committed attempt. */
  mark(chunk: number): number | undefined;
  /** Chunks with a mark, counted from the marks themselves. */
  marks(): number;
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
    stage: () => record(stageKey(STAGE)),
    chunk: (chunk) => record(chunkKey({ ...STAGE, chunk })),
    mark: (chunk) =>
      record(tallyKey(STAGE, tallyOf(chunk)))?.[markName(chunk)] as number | undefined,
    marks() {
      let sum = 0;
      for (const [sort, tally] of records.get(BATCH) ?? []) {
        if (!sort.startsWith('T')) continue;
        for (const name of Object.keys(tally)) if (/^m\d+$/.test(name)) sum += 1;
      }
      return sum;
    },
  };
}

import { partKey, tallyKey, tallyOf } from '../core/keys.ts';
import type { Status } from '../core/outcome.ts';
import { markName } from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Batch, requireStage, stagesOf } from './batch.ts';
import { type JoinedRow, joinedRows, loadParts, type PartName } from './committed-parts.ts';

export interface ItemFilter {
  status?: Status;
  /** Error code. */
  code?: string;
  key?: string;
  index?: number;
}

/** The items that are recorded so far and fit the filter, in input order; opens only parts that can have them. */
export async function* items(
  stores: { store: CheckpointStore; objects: ObjectStore },
  batch: Batch,
  filter: ItemFilter,
): AsyncGenerator<JoinedRow> {
  const { status, code } = filter;
  const failedOnly = status === 'failed' || status === 'stalled' || code !== undefined;
  for await (const loaded of loadParts(stores.objects, marked(stores.store, batch))) {
    const { trailer } = loaded;
    if (filter.status !== undefined && trailer.counts[filter.status] === 0) continue;
    if (filter.code !== undefined && !mayHave(trailer.codes, filter.code)) continue;
    if (filter.index !== undefined && !within(trailer, filter.index)) continue;
    for await (const row of joinedRows(loaded, { failedOnly })) if (fits(row, filter)) yield row;
  }
}

const mayHave = (codes: object, code: string): boolean =>
  Object.hasOwn(codes, code) || Object.hasOwn(codes, 'OTHER');

const within = (
  { first, items: count }: { first: number; items: number },
  index: number,
): boolean => index >= first && index < first + count;

function fits({ outcome }: JoinedRow, { status, code, key, index }: ItemFilter): boolean {
  if (status !== undefined && outcome.status !== status) return false;
  if (key !== undefined && outcome.key !== key) return false;
  if (index !== undefined && outcome.index !== index) return false;
  return code === undefined || ('error' in outcome && outcome.error.code === code);
}

/** Committed parts of a batch that may still be running. */
async function* marked(store: CheckpointStore, batch: Batch): AsyncGenerator<PartName> {
  for (const id of stagesOf(batch)) {
    const { rel } = await requireStage(store, id);
    let marks: Awaited<ReturnType<CheckpointStore['read']>>;
    let tally = -1;
    for (let chunk = 0; chunk < rel; chunk += 1) {
      if (tallyOf(chunk) !== tally) {
        tally = tallyOf(chunk);
        marks = await store.read(tallyKey(id, tally));
      }
      const epoch = marks?.[markName(chunk)] as number | undefined;
      if (epoch !== undefined) yield { chunk, epoch, key: partKey({ ...id, chunk }, epoch) };
    }
  }
}

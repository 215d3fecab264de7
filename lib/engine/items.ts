import { partKey, tallyKey, tallyOf } from '../core/keys.ts';
import type { Status } from '../core/outcome.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { markName } from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Batch, requireStage, stagesOf } from './batch.ts';
import { cameThrough, wasCutShort } from './came-through.ts';
import {
  type JoinedRow,
  joinedRows,
  loadParts,
  type PartName,
  type ReadPart,
  readParts,
  tellsFailures,
  unpackWhere,
} from './committed-parts.ts';
import { batchInRound } from './rounds.ts';

export interface ItemFilter {
  status?: Status;
  /** Error code. */
  code?: string;
  key?: string;
  index?: number;
}

type RoundOf = Pick<Batch, 'id' | 'round' | 'settings'>;

interface Stores {
  store: CheckpointStore;
  objects: ObjectStore;
}

/**
 * The items that are recorded so far and fit the filter, stage by stage in order, each as the highest round left it; of round 0
 * opens only parts that can have them.
 */
export async function* items(
  stores: Stores,
  batch: Batch,
  filter: ItemFilter,
): AsyncGenerator<JoinedRow> {
  const rounds = await Promise.all(
    Array.from({ length: batch.round }, (_, at) => roundOf(stores, batch, at + 1)),
  );
  const whole = firstGroups(batch.settings);
  // From the first groupBy on all rows are those of one round.
  const last = rounds.findLast(({ status }) => status === 'done')?.round ?? 0;
  const shown = (round: number) => (stage: number) => stage < whole || round === last;
  let rows = rowsOfRound0(stores, { ...batch, shown: shown(0) }, filter);
  for (const own of rounds) {
    rows = overlaid(rows, rowsThatRan(stores, own, shown(own.round)));
  }
  for await (const row of rows) if (fits(row, filter)) yield row;
}

async function* rowsOfRound0(
  { store, objects }: Stores,
  { shown, ...batch }: Batch & { shown(stage: number): boolean },
  { status, code, index }: ItemFilter,
): AsyncGenerator<JoinedRow> {
  const failedOnly = status === 'failed' || status === 'stalled' || code !== undefined;
  const wanted = ({ stage, first, trailer }: ReadPart): boolean =>
    shown(stage) &&
    (status === undefined || trailer.counts[status] > 0) &&
    (code === undefined || mayHave(trailer.codes, code)) &&
    (index === undefined || within({ first, ...trailer }, index));
  const needed = (part: ReadPart): boolean => wanted(part) && !(failedOnly && tellsFailures(part));
  const parts = readParts(objects, marked(store, { ...batch, round: 0 }));
  for await (const part of unpackWhere(parts, needed)) {
    if (wanted(part)) yield* joinedRows(part, { failedOnly });
  }
}

/** The newest one as it was read: somebody else may begin the next meanwhile. */
const roundOf = async ({ store }: Stores, batch: Batch, round: number): Promise<Batch> =>
  round === batch.round ? batch : batchInRound(store, batch, round);

/** The rows of a later round that count: what was not run has failed before, and is as it was. */
async function* rowsThatRan(
  stores: Stores,
  own: Batch,
  shown: (stage: number) => boolean,
): AsyncGenerator<JoinedRow> {
  const { round } = own;
  const counts =
    own.end !== undefined && wasCutShort(own) ? await cameThrough(stores, own) : () => true;
  for await (const loaded of loadParts(stores.objects, marked(stores.store, own))) {
    if (!shown(loaded.stage)) continue;
    for await (const row of joinedRows(loaded)) {
      const left = !counts(loaded.stage, row.outcome);
      if (left || row.outcome.status === 'notRun') continue;
      yield { ...row, facts: { ...row.facts, round } };
    }
  }
}

/** Both come stage by stage in the order of their numbers; where both have an item, the later round's row is the one. */
async function* overlaid(
  rows: AsyncGenerator<JoinedRow>,
  later: AsyncGenerator<JoinedRow>,
): AsyncGenerator<JoinedRow> {
  let next = await later.next();
  for await (const row of rows) {
    for (; !next.done && order(next.value, row) < 0; next = await later.next()) yield next.value;
    if (next.done || order(next.value, row) > 0) yield row;
  }
  for (; !next.done; next = await later.next()) yield next.value;
}

const order = (a: JoinedRow, b: JoinedRow): number =>
  (a.facts.stage ?? 0) - (b.facts.stage ?? 0) || a.outcome.index - b.outcome.index;

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

/** Committed parts of a round that may still be running. */
async function* marked(store: CheckpointStore, batch: RoundOf): AsyncGenerator<PartName> {
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
      if (epoch !== undefined)
        yield { stage: id.stage, chunk, epoch, key: partKey({ ...id, chunk }, epoch) };
    }
  }
}

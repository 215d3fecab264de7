import { isMissed, type MissedFile } from '../core/discovery.ts';
import { type ItemError, SluiceError } from '../core/errors.ts';
import { partKey, type StageId } from '../core/keys.ts';
import type { Reader } from '../core/reader.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import type { RoundChoice } from '../core/retry.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { givenItems, giverOf } from './given.ts';
import { listedInput, roundList } from './round-list.ts';
import { goneInRound } from './rounds.ts';

interface StageInputOptions {
  filter: RoundChoice | undefined;
  /** They are files that were found: those without facts are failed items. */
  found: boolean;
  /** Of a retried file that was missed. */
  lookAgain?: Reader['lookAgain'];
}

type Records = Pick<Input, 'records'>;

/**
 * The items of a later `each` stage: what the parts of the stage before it give; in a later round also those of its
 * list, which parts of earlier rounds gave.
 */
export function stageInput(
  objects: ObjectStore,
  { stage, ...id }: StageId,
  { filter, found, lookAgain }: StageInputOptions,
): Pick<Input, 'records' | 'indexes' | 'stalled'> {
  const before = { ...id, stage: stage - 1 };
  const given = partsInput(objects, before, found);
  const list = roundList(objects, { id: id.batch, round: id.round, filter }, stage);
  if (list === undefined) return given;
  const { next, items } = list;
  const recordsOf = ({ round = 0 }) => lasting(objects, { ...before, round }, found);
  const listed = again(listedInput(list, recordsOf), lookAgain);
  const own: typeof listed = {
    async *records(range) {
      for await (const block of given.records(range)) {
        const indexes = block.rows.map((_, at) => next - items + block.first + at);
        yield { ...block, indexes };
      }
    },
    indexes: async ({ first, count }) =>
      Array.from({ length: count }, (_, at) => next - items + first + at),
    stalled: async () => [],
  };
  const of = ({ epochs }: ChunkRange): typeof listed => (epochs === undefined ? listed : own);
  return {
    records: (range) => of(range).records(range),
    indexes: (range) => of(range).indexes(range),
    stalled: (range) => of(range).stalled(range),
  };
}

/** A retried file that was missed may be there by now; what the parts say of it never changes. */
function again<I extends Records>(input: I, lookAgain: StageInputOptions['lookAgain']): I {
  if (lookAgain === undefined) return input;
  return {
    ...input,
    async *records(range) {
      for await (const block of input.records(range)) {
        const looks = block.rows.map((row) => (isMissed(row) ? lookAgain(row) : row));
        const rows = await Promise.all(looks);
        const raws = block.raws.map((raw, at) =>
          rows[at] === block.rows[at] ? raw : JSON.stringify(rows[at]),
        );
        yield { ...block, rows, raws, errors: missedIn(rows) };
      }
    },
  };
}

/** What the parts of a stage give. */
function partsInput(objects: ObjectStore, id: StageId, found: boolean): Records {
  return {
    async *records(range) {
      let first = range.first;
      for (const { chunk, epoch, from, to } of piecesOf(range)) {
        const giver = await giverOf(objects, partKey({ ...id, chunk }, epoch));
        const span = { from, to: Math.min(to, giver.items) };
        for await (const { values, raws, givers } of givenItems(objects, giver, span)) {
          const where = (at: number): string =>
            `from ${nameOf(givers[at] as string)} of the stage before`;
          const errors = found ? missedIn(values) : undefined;
          const block: RecordBlock = { first, rows: values, raws, errors, where };
          first += values.length;
          if (values.length > 0) yield block;
        }
      }
      if (first !== range.first + range.count) throw miscounted(range, first - range.first);
    },
  };
}

/** Parts of an earlier round. */
function lasting(objects: ObjectStore, id: StageId, found: boolean): Records {
  return {
    async *records(range) {
      try {
        yield* partsInput(objects, id, found).records(range);
      } catch (error) {
        throw goneInRound(id.round, error);
      }
    },
  };
}

/** A line's head is its index, or of a group its key. */
function nameOf(head: string): string {
  const { index, key } = JSON.parse(`${head}}`) as { index?: number; key: string };
  return index === undefined ? `group ${JSON.stringify(key)}` : `item ${index}`;
}

function missedIn(values: readonly unknown[]): Map<number, ItemError> | undefined {
  const errors = new Map<number, ItemError>();
  for (const [at, value] of values.entries()) {
    if (isMissed(value)) errors.set(at, { kind: 'permanent', ...(value as MissedFile).problem });
  }
  return errors.size === 0 ? undefined : errors;
}

/** The parts of a chunk's range, each with the items of it that belong to the chunk. */
function* piecesOf({
  source,
  last = source,
  start,
  end,
  epochs = '',
}: ChunkRange): Generator<{ chunk: number; epoch: number; from: number; to: number }> {
  for (const [at, epoch] of epochs.split(',').entries()) {
    const chunk = source + at;
    yield {
      chunk,
      epoch: Number(epoch),
      from: chunk === source ? start : 0,
      to: chunk === last ? end : Number.POSITIVE_INFINITY,
    };
  }
}

const miscounted = ({ first, count }: ChunkRange, found: number): SluiceError =>
  new SluiceError(
    'DAMAGED',
    `The parts of the stage before hold ${found} of the ${count} items from ${first} on.`,
    { hint: 'A part was changed after it was committed: sluice verify names it.' },
  );

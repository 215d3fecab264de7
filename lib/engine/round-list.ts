import { SluiceError } from '../core/errors.ts';
import { retryListKey } from '../core/keys.ts';
import type { Remotes } from '../core/poll.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import type { RetryLine, RoundChoice } from '../core/retry.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Batch } from './batch.ts';

/** What a stage of a later round has of the round's list. */
export interface RoundList {
  objects: ObjectStore;
  key: string;
  /** Bytes of the list, and items that they name. */
  start: number;
  end: number;
  items: number;
  /** Number of the first item that is not of the list. */
  next: number;
}

/** What tells the list of a round. */
export type ListOf = Pick<Batch, 'id' | 'round' | 'filter'>;

/** Undefined in round 0. */
export function roundList(
  objects: ObjectStore,
  { id, round, filter }: ListOf,
  stage: number,
): RoundList | undefined {
  if (filter === undefined) return undefined;
  const key = retryListKey(id, round, filter.sha256);
  const [one, ...before] = listed(filter, stage).reverse();
  if (one === undefined) throw new Error(`Round ${round} of batch ${id} has no stage ${stage}.`);
  const start = before.reduce((sum, { bytes }) => sum + bytes, 0);
  return { objects, key, start, end: start + one.bytes, items: one.items, next: one.next };
}

const listed = ({ stages, bytes, failed, stalled }: RoundChoice, stage: number) =>
  (stages ?? [{ bytes, items: failed + stalled, next: Number.POSITIVE_INFINITY }]).slice(
    0,
    stage + 1,
  );

/** The items of a chunk of the list; `recordsOf` reads the chunk that a line names. */
export function listedInput(
  list: RoundList,
  recordsOf: (line: RetryLine) => Pick<Input, 'records'>,
): Required<Pick<Input, 'records' | 'indexes' | 'stalled'>> {
  return {
    async *records(range) {
      let { first } = range;
      for (const line of await linesOf(list, range)) {
        for await (const block of picked(recordsOf(line), line)) {
          yield { ...block, first };
          first += block.rows.length;
        }
      }
    },
    async indexes(range) {
      const lines = await linesOf(list, range);
      return lines.flatMap(({ first, items }) => items.map((at) => first + at));
    },
    async stalled(range) {
      const lines = range.wasStalled === undefined ? [] : await linesOf(list, range);
      return lines.flatMap(({ first, stalled = [] }) => stalled.map((at) => first + at));
    },
  };
}

async function linesOf({ objects, key }: RoundList, range: ChunkRange): Promise<RetryLine[]> {
  const bytes = await objects.get(key, { start: range.start, end: range.end });
  const lines = parseLines(key, Buffer.from(bytes ?? new Uint8Array()));
  const count = lines.reduce((sum, { items }) => sum + items.length, 0);
  if (count !== range.count) throw damagedList(key, `it has ${count} items of ${range.count}`);
  return lines;
}

/** The records of one line: its chunk is read until the last one of them. */
async function* picked(
  base: Pick<Input, 'records'>,
  { items, stalled: _stalled, remotes = {}, round: _round, ...range }: RetryLine,
): AsyncGenerator<Omit<RecordBlock, 'first'>> {
  let next = 0;
  for await (const block of base.records(range)) {
    const end = block.first + block.rows.length;
    const indexes: number[] = [];
    while (next < items.length && range.first + (items[next] as number) < end) {
      indexes.push(range.first + (items[next] as number));
      next += 1;
    }
    const known = indexes.map((index) => remotes[index - range.first]);
    if (indexes.length > 0) yield pickedOf(block, indexes, known);
    if (next === items.length) return;
  }
}

function pickedOf(
  block: RecordBlock,
  indexes: readonly number[],
  remotes: readonly (Remotes | undefined)[],
): Omit<RecordBlock, 'first'> {
  const places = indexes.map((index) => index - block.first);
  const errors: NonNullable<RecordBlock['errors']> = new Map();
  for (const [at, place] of places.entries()) {
    const error = block.errors?.get(place);
    if (error !== undefined) errors.set(at, error);
  }
  return {
    rows: places.map((place) => block.rows[place]),
    raws: places.map((place) => block.raws[place] as string),
    errors,
    where: block.where && ((position) => block.where?.(places[position] as number)),
    indexes,
    remotes: new Map(remotes.flatMap((one, at) => (one === undefined ? [] : [[at, one]]))),
  };
}

const READ_BYTES = 1024 * 1024;
const LF = 10;

/** The lines of the list from a byte on, each with the byte after it; a read at a time in memory. */
export async function* listLines(
  { objects, key, end: last }: Pick<RoundList, 'objects' | 'key' | 'end'>,
  from: number,
): AsyncGenerator<{ line: RetryLine; end: number }> {
  let rest = Buffer.alloc(0);
  for (let at = from; at < last; ) {
    const read = await objects.get(key, { start: at, end: Math.min(at + READ_BYTES, last) });
    if (read === undefined || read.length === 0) throw damagedList(key, `it ends at byte ${at}`);
    const bytes = Buffer.concat([rest, read]);
    let end = at - rest.length;
    at += read.length;
    const whole = bytes.lastIndexOf(LF) + 1;
    for (let start = 0; start < whole; ) {
      const next = bytes.indexOf(LF, start) + 1;
      end += next - start;
      for (const line of parseLines(key, bytes.subarray(start, next))) yield { line, end };
      start = next;
    }
    rest = bytes.subarray(whole);
  }
}

function parseLines(key: string, bytes: Buffer): RetryLine[] {
  try {
    const texts = bytes.toString().split('\n');
    return texts.filter((text) => text !== '').map((text) => JSON.parse(text) as RetryLine);
  } catch (error) {
    throw damagedList(key, (error as Error).message);
  }
}

export const damagedList = (key: string, why: string): SluiceError =>
  new SluiceError('BAD_INPUT', `The list of the round, ${key}, is damaged: ${why}.`, {
    hint: 'Bring it back from a copy, or cancel the batch and retry once more.',
  });

import { SluiceError } from '../core/errors.ts';
import type { Remotes } from '../core/poll.ts';
import type { ChunkRange, Cut, RecordBlock } from '../core/records.ts';
import type { RetryLine, RoundChoice } from '../core/retry.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { LF } from './scan.ts';

export interface RoundInputOptions {
  /** The pinned input of round 0, from which the records are read again. */
  base: Input;
  objects: ObjectStore;
  /** The round's list. */
  key: string;
  list: Pick<RoundChoice, 'sha256' | 'bytes'>;
  /** Of a chunk: items, and bytes of the input that it reads. */
  limits: { items: number; bytes: number };
}

/**
 * The input of a later round: the items that its list names, in input order. A chunk is a range of lines of the list;
 * its records are read from the chunks of round 0 that those lines name, so a record of any size comes back whole.
 */
export function roundInput(options: RoundInputOptions): Input {
  const { base, objects, key, list } = options;
  const linesOf = async (range: ChunkRange): Promise<RetryLine[]> => {
    const bytes = await objects.get(key, { start: range.start, end: range.end });
    const lines = parseLines(key, Buffer.from(bytes ?? new Uint8Array()));
    const count = lines.reduce((sum, { items }) => sum + items.length, 0);
    if (count !== range.count) throw damaged(key, `it has ${count} items of ${range.count}`);
    return lines;
  };
  return {
    async prepare() {
      const size = await objects.size(key);
      if (size !== list.bytes) throw damaged(key, `it has ${size ?? 'no'} bytes of ${list.bytes}`);
      return undefined;
    },
    cuts: (cursor) => cuts(options, cursor),
    fault: () => undefined,
    digest: async () => list.sha256,
    async *records(range) {
      let { first } = range;
      for (const line of await linesOf(range)) {
        for await (const block of picked(base, line)) {
          yield { ...block, first };
          first += block.rows.length;
        }
      }
    },
    async indexes(range) {
      const lines = await linesOf(range);
      return lines.flatMap(({ first, items }) => items.map((at) => first + at));
    },
    async stalled(range) {
      const lines = range.wasStalled === undefined ? [] : await linesOf(range);
      return lines.flatMap(({ first, stalled = [] }) => stalled.map((at) => first + at));
    },
  };
}

/** The records of one line: its chunk is read until the last one of them. */
async function* picked(
  base: Input,
  { items, stalled: _stalled, remotes = {}, ...range }: RetryLine,
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
    errors: errors.size > 0 ? errors : undefined,
    where: block.where && ((position) => block.where?.(places[position] as number)),
    indexes,
    remotes: new Map(remotes.flatMap((one, at) => (one === undefined ? [] : [[at, one]]))),
  };
}

/** Whole lines, as many as fit: few chunks of round 0 that failed whole, or many that lost an item each. */
async function* cuts(options: RoundInputOptions, cursor: string): AsyncGenerator<Cut> {
  const { limits } = options;
  const [, from = '0', done = '0'] = cursor.split(':');
  let open = { start: Number(from), end: Number(from), items: 0, stalled: 0, bytes: 0 };
  let first = Number(done);
  const cut = (): Cut => {
    const { start, end, items: count, stalled } = open;
    const range = { source: 0, start, end, first, count };
    first += count;
    open = { start: end, end, items: 0, stalled: 0, bytes: 0 };
    const cursor = `0:${end}:${first}`;
    return { range: stalled === 0 ? range : { ...range, wasStalled: stalled }, cursor };
  };
  for await (const { line, end } of listed(options, open.start)) {
    const items = line.items.length;
    // Of a chunk that holds several small sources only this is known.
    const bytes = line.last === undefined ? line.end - line.start : limits.bytes;
    const full = open.items + items > limits.items || open.bytes + bytes > limits.bytes;
    if (open.items > 0 && full) yield cut();
    const stalled = open.stalled + (line.stalled?.length ?? 0);
    open = { ...open, end, items: open.items + items, stalled, bytes: open.bytes + bytes };
  }
  if (open.items > 0) yield cut();
}

const READ_BYTES = 1024 * 1024;

/** The lines of the list from a byte on, each with the byte after it; a read at a time in memory. */
async function* listed(
  { objects, key, list }: RoundInputOptions,
  from: number,
): AsyncGenerator<{ line: RetryLine; end: number }> {
  let rest = Buffer.alloc(0);
  for (let at = from; at < list.bytes; ) {
    const read = await objects.get(key, { start: at, end: Math.min(at + READ_BYTES, list.bytes) });
    if (read === undefined || read.length === 0) throw damaged(key, `it ends at byte ${at}`);
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
    throw damaged(key, (error as Error).message);
  }
}

const damaged = (key: string, why: string): SluiceError =>
  new SluiceError('BAD_INPUT', `The list of the round, ${key}, is damaged: ${why}.`, {
    hint: 'Bring it back from a copy, or cancel the batch and retry once more.',
  });

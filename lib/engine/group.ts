import { PermanentError } from '../core/errors.ts';
import { DEFAULT_LIST, type Group } from '../core/group.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { HeldLines } from './held-bytes.ts';
import { blockBytes, runsIn, type ShuffleRun } from './read-shuffle.ts';
import { prefixOf } from './shuffle.ts';

/** A group as it was found: its runs by round, of each in input order, each in a block of a shuffle object. */
export interface HeldGroup {
  hash: string;
  key: string;
  size: number;
  runs: HeldRun[];
}

interface HeldRun {
  place: Place;
  /** Its lines; without them, or when their memory was given away, they are read when they are asked for. */
  lines: HeldLines | undefined;
  /** The numbers of the items that gave them; empty where one round gave all rows. */
  numbers: string;
}

/** Where its block lies. */
export interface Place {
  object: string;
  /** That gave it. */
  round: number;
  start: number;
  end: number;
}

/** What a job sees of it. As JSON, which a failure keeps, it is key and size. A class, since there is one by the row. */
export class GivenGroup implements Group {
  readonly key: string;
  readonly size: number;
  readonly rows: AsyncIterable<unknown>;
  readonly list: Group['list'];

  constructor(objects: ObjectStore, held: HeldGroup) {
    this.key = held.key;
    this.size = held.size;
    this.rows = new GroupRows(objects, held);
    // A job may take it out of its group.
    this.list = (max) => listOf(objects, held, max);
  }

  toJSON(): { key: string; size: number } {
    return { key: this.key, size: this.size };
  }
}

class GroupRows implements AsyncIterable<unknown> {
  readonly #objects: ObjectStore;
  readonly #held: HeldGroup;

  constructor(objects: ObjectStore, held: HeldGroup) {
    this.#objects = objects;
    this.#held = held;
  }

  [Symbol.asyncIterator](): AsyncGenerator<unknown> {
    return eachRow(this.#objects, this.#held);
  }
}

async function listOf(
  objects: ObjectStore,
  held: HeldGroup,
  max = DEFAULT_LIST,
): Promise<unknown[]> {
  if (held.size > max) {
    throw new PermanentError(
      `group.list() gives at most ${max} rows, and this group has ${held.size}: go through group.rows, or give a larger maximum.`,
      { code: 'GROUP_TOO_LARGE' },
    );
  }
  const all: unknown[] = [];
  for await (const some of rowsOf(objects, held)) for (const row of some) all.push(row);
  return all;
}

async function* eachRow(objects: ObjectStore, group: HeldGroup): AsyncGenerator<unknown> {
  for await (const rows of rowsOf(objects, group)) for (const row of rows) yield row;
}

/** The group's rows, some at a time. */
async function* rowsOf(objects: ObjectStore, group: HeldGroup): AsyncGenerator<unknown[]> {
  const rounds = [...new Set(group.runs.map(({ place }) => place.round))];
  if (rounds.length > 1) {
    const runsOf = (round: number) => group.runs.filter(({ place }) => place.round === round);
    yield* inOneOrder(
      rounds.map((round) => numberedRows(objects, { ...group, runs: runsOf(round) })),
    );
    return;
  }
  for await (const { rows } of linesOf(objects, group)) yield rows;
}

interface Numbered {
  number: number;
  row: unknown;
}

/** The rows of one round, with the numbers of the items that gave them, which ascend. */
async function* numberedRows(objects: ObjectStore, group: HeldGroup): AsyncGenerator<Numbered> {
  for await (const { rows, numbers } of linesOf(objects, group)) {
    let number = 0;
    for (const [at, step] of numbers.split(',').entries()) {
      number += Number(step);
      yield { number, row: rows[at] };
    }
  }
}

/** Rows of several rounds by number: an item gives rows in one round alone. */
async function* inOneOrder(rounds: readonly AsyncGenerator<Numbered>[]): AsyncGenerator<[unknown]> {
  try {
    const heads = await Promise.all(rounds.map((rows) => rows.next()));
    for (;;) {
      let first = -1;
      let least = Number.POSITIVE_INFINITY;
      for (const [at, { done, value }] of heads.entries()) {
        if (done === true || value.number >= least) continue;
        [first, least] = [at, value.number];
      }
      if (first === -1) return;
      yield [heads[first]?.value.row];
      heads[first] = await (rounds[first] as AsyncGenerator<Numbered>).next();
    }
  } finally {
    await Promise.all(rounds.map((rows) => rows.return(undefined)));
  }
}

interface RunRows {
  rows: unknown[];
  numbers: string;
}

/** The group's rows, run by run; runs of one object are read together. */
async function* linesOf(
  objects: ObjectStore,
  { key, hash, runs }: HeldGroup,
): AsyncGenerator<RunRows> {
  const span = { lo: prefixOf(hash), hi: prefixOf(hash) + 1 };
  for (let from = 0; from < runs.length; ) {
    const { place, lines, numbers } = runs[from] as HeldRun;
    const held = lines?.page.bytes;
    if (lines !== undefined && held !== undefined) {
      yield { rows: rowsIn(held, lines.from, lines.to), numbers };
      from += 1;
      continue;
    }
    let to = from + 1;
    while (to < runs.length && follows(runs[to - 1] as HeldRun, runs[to] as HeldRun)) to += 1;
    const source = { key: place.object, tail: NOTHING, tailAt: Number.POSITIVE_INFINITY };
    const places = runs.slice(from, to).map((run) => run.place);
    for await (const { bytes } of blockBytes(objects, source, places)) {
      for (const run of runsIn(place.object, bytes, span)) {
        if (run.key !== key) continue;
        yield { rows: rowsIn(bytes, run.from, run.to), numbers: numbersOf(bytes, run) };
      }
    }
    from = to;
  }
}

/** As they are stored. */
export const numbersOf = (bytes: Buffer, { numbers }: Pick<ShuffleRun, 'numbers'>): string =>
  bytes.toString('latin1', numbers.from, numbers.to);

const NOTHING = new Uint8Array();

const follows = ({ place: a }: HeldRun, { place: b }: HeldRun): boolean =>
  a.object === b.object && a.end === b.start;

/** Lines of JSON as values. */
function rowsIn(bytes: Buffer, from: number, to: number): unknown[] {
  const rows: unknown[] = [];
  const text = bytes.toString('utf8', from, to);
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    rows.push(JSON.parse(text.slice(start, end)));
    start = end + 1;
  }
  return rows;
}

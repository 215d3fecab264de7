import { PermanentError } from '../core/errors.ts';
import { DEFAULT_LIST, type Group } from '../core/group.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { HeldLines } from './held-bytes.ts';
import { blockBytes, runsIn } from './read-shuffle.ts';
import { prefixOf } from './shuffle.ts';

/** A group as it was found: its runs in input order, each in a block of a shuffle object. */
export interface HeldGroup {
  hash: string;
  key: string;
  size: number;
  runs: HeldRun[];
}

interface HeldRun {
  place: Place;
  /** Its lines; undefined where they are read when they are asked for. */
  lines: HeldLines | undefined;
}

/** Where its block lies. */
export interface Place {
  object: string;
  start: number;
  end: number;
}

/** What a job sees of it. As JSON, which a failure keeps, it is key and size. */
export function newGroup(objects: ObjectStore, held: HeldGroup): Group & { toJSON(): unknown } {
  const { key, size } = held;
  const rows: AsyncIterable<unknown> = { [Symbol.asyncIterator]: () => rowsOf(objects, held) };
  return {
    key,
    size,
    rows,
    async list(max = DEFAULT_LIST) {
      if (size > max) {
        throw new PermanentError(
          `group.list() gives at most ${max} rows, and this group has ${size}: go through group.rows, or give a larger maximum.`,
          { code: 'GROUP_TOO_LARGE' },
        );
      }
      const all: unknown[] = [];
      for await (const some of linesOf(objects, held)) for (const row of some) all.push(row);
      return all;
    },
    toJSON: () => ({ key, size }),
  };
}

async function* rowsOf(objects: ObjectStore, group: HeldGroup): AsyncGenerator<unknown> {
  for await (const rows of linesOf(objects, group)) for (const row of rows) yield row;
}

/** The group's rows, run by run; runs of one object are read together. */
async function* linesOf(
  objects: ObjectStore,
  { key, hash, runs }: HeldGroup,
): AsyncGenerator<unknown[]> {
  const span = { lo: prefixOf(hash), hi: prefixOf(hash) + 1 };
  for (let from = 0; from < runs.length; ) {
    const { place, lines } = runs[from] as HeldRun;
    if (lines !== undefined) {
      yield rowsIn(lines.page, lines.from, lines.to);
      from += 1;
      continue;
    }
    let to = from + 1;
    while (to < runs.length && follows(runs[to - 1] as HeldRun, runs[to] as HeldRun)) to += 1;
    const source = { key: place.object, tail: NOTHING, tailAt: Number.POSITIVE_INFINITY };
    const places = runs.slice(from, to).map((run) => run.place);
    for await (const { bytes } of blockBytes(objects, source, places)) {
      for (const run of runsIn(place.object, bytes, span)) {
        if (run.key === key) yield rowsIn(bytes, run.from, run.to);
      }
    }
    from = to;
  }
}

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

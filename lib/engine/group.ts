import { PermanentError } from '../core/errors.ts';
import { DEFAULT_LIST, type Group } from '../core/group.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { blockTexts, runsIn } from './read-shuffle.ts';
import { prefixOf } from './shuffle.ts';

/** A group as it was found: its runs in input order, each in a block of a shuffle object. */
export interface HeldGroup {
  hash: string;
  key: string;
  size: number;
  runs: HeldRun[];
}

interface HeldRun {
  object: string;
  start: number;
  end: number;
  /** Its lines; undefined where they are read when they are asked for. */
  text: string | undefined;
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
      for await (const row of rows) all.push(row);
      return all;
    },
    toJSON: () => ({ key, size }),
  };
}

async function* rowsOf(objects: ObjectStore, group: HeldGroup): AsyncGenerator<unknown> {
  for await (const text of textsOf(objects, group)) {
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      yield JSON.parse(text.slice(start, end));
      start = end + 1;
    }
  }
}

/** The group's lines, run by run; runs of one object are read together. */
async function* textsOf(
  objects: ObjectStore,
  { key, hash, runs }: HeldGroup,
): AsyncGenerator<string> {
  const span = { lo: prefixOf(hash), hi: prefixOf(hash) + 1 };
  for (let from = 0; from < runs.length; ) {
    const { object, text } = runs[from] as HeldRun;
    if (text !== undefined) {
      yield text;
      from += 1;
      continue;
    }
    let to = from + 1;
    while (to < runs.length && follows(runs[to - 1] as HeldRun, runs[to] as HeldRun)) to += 1;
    const source = { key: object, tail: NOTHING, tailAt: Number.POSITIVE_INFINITY };
    for await (const block of blockTexts(objects, source, runs.slice(from, to))) {
      for (const run of runsIn(object, block.text, span)) if (run.key === key) yield run.text;
    }
    from = to;
  }
}

const NOTHING = new Uint8Array();

const follows = (a: HeldRun, b: HeldRun): boolean => a.object === b.object && a.end === b.start;

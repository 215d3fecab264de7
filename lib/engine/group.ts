import { PermanentError } from '../core/errors.ts';
import { DEFAULT_LIST, type Group } from '../core/group.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { blockTexts, type RunLines, runsIn } from './read-shuffle.ts';
import { prefixOf } from './shuffle.ts';

/** A group as it was found: its runs by round, of each in input order, each in a block of a shuffle object. */
export interface HeldGroup {
  hash: string;
  key: string;
  size: number;
  runs: HeldRun[];
}

export interface HeldRun {
  object: string;
  start: number;
  end: number;
  /** The round that gave it. */
  round: number;
  /** Undefined where they are read when they are asked for. */
  lines: RunLines | undefined;
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
  const rounds = [...new Set(group.runs.map(({ round }) => round))];
  if (rounds.length > 1) {
    const of = (round: number): HeldGroup => ({
      ...group,
      runs: group.runs.filter((run) => run.round === round),
    });
    yield* inOneOrder(rounds.map((round) => numberedRows(objects, of(round))));
    return;
  }
  for await (const { text } of linesOf(objects, group)) {
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      yield JSON.parse(text.slice(start, end));
      start = end + 1;
    }
  }
}

interface Numbered {
  number: number;
  row: unknown;
}

/** The rows of one round, with the numbers of the items that gave them, which ascend. */
async function* numberedRows(objects: ObjectStore, group: HeldGroup): AsyncGenerator<Numbered> {
  for await (const { text, numbers } of linesOf(objects, group)) {
    let number = 0;
    let start = 0;
    for (const step of numbers.split(',')) {
      number += Number(step);
      const end = text.indexOf('\n', start);
      yield { number, row: JSON.parse(text.slice(start, end)) };
      start = end + 1;
    }
  }
}

/** Rows of several rounds by number: an item gives rows in one round alone. */
async function* inOneOrder(rounds: readonly AsyncGenerator<Numbered>[]): AsyncGenerator<unknown> {
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
      yield heads[first]?.value.row;
      heads[first] = await (rounds[first] as AsyncGenerator<Numbered>).next();
    }
  } finally {
    await Promise.all(rounds.map((rows) => rows.return(undefined)));
  }
}

/** The group's lines, run by run; runs of one object are read together. */
async function* linesOf(
  objects: ObjectStore,
  { key, hash, runs }: HeldGroup,
): AsyncGenerator<RunLines> {
  const span = { lo: prefixOf(hash), hi: prefixOf(hash) + 1 };
  for (let from = 0; from < runs.length; ) {
    const { object, lines } = runs[from] as HeldRun;
    if (lines !== undefined) {
      yield lines;
      from += 1;
      continue;
    }
    let to = from + 1;
    while (to < runs.length && follows(runs[to - 1] as HeldRun, runs[to] as HeldRun)) to += 1;
    const source = { key: object, tail: NOTHING, tailAt: Number.POSITIVE_INFINITY };
    for await (const block of blockTexts(objects, source, runs.slice(from, to))) {
      for (const run of runsIn(object, block.text, span)) if (run.key === key) yield run;
    }
    from = to;
  }
}

const NOTHING = new Uint8Array();

const follows = (a: HeldRun, b: HeldRun): boolean => a.object === b.object && a.end === b.start;

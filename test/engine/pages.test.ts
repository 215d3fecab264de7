import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordBlock } from '../../lib/core/records.ts';
import { borrowPage, newHeldBytes, returnPage } from '../../lib/engine/held-bytes.ts';
import { newRecordSource } from '../../lib/engine/record-source.ts';

describe('bytes that are held', () => {
  it('are what they were, however many come after them', () => {
    const held = newHeldBytes(borrowPage);
    const lengths = [1, 100, 200_000, 62_043, 62_044, 1, 400_000, 0, 262_144, 5];
    const all = lengths.map((length, at) => {
      const block = Buffer.alloc(length + 7, at + 1);
      return { length, at, lines: held.copy(block, 3, 3 + length) };
    });
    for (const { length, at, lines } of all) {
      expect(lines.to - lines.from).toBe(length);
      const found = lines.page.bytes?.subarray(lines.from, lines.to);
      expect(found?.equals(Buffer.alloc(length, at + 1))).toBe(true);
    }
  });

  it('share pages of 256 KiB, filled to their end; what is larger has one of its size', () => {
    const held = newHeldBytes(borrowPage);
    const copy = (length: number) => held.copy(Buffer.alloc(length), 0, length);
    const first = copy(200_000);
    const second = copy(262_144 - 200_000);
    expect(second.page).toBe(first.page);
    expect(second).toMatchObject({ from: 200_000, to: 262_144 });
    const third = copy(1);
    expect(third.page).not.toBe(first.page);
    expect([third.from, third.page.bytes?.length]).toEqual([0, 262_144]);
    expect(copy(262_145).page.bytes).toHaveLength(262_145);
  });
});

describe('pages that are given away', () => {
  it('have no bytes for whoever held them, and are the next ones; what is larger is not kept', () => {
    const held = newHeldBytes(borrowPage);
    const small = held.copy(Buffer.alloc(10));
    const large = held.copy(Buffer.alloc(262_145));
    const { bytes } = small.page;
    held.release().forEach(returnPage);
    expect([small.page.bytes, large.page.bytes]).toEqual([undefined, undefined]);
    expect(held.release()).toEqual([]);
    const next = newHeldBytes(borrowPage);
    expect(next.copy(Buffer.alloc(10)).page.bytes).toBe(bytes);
    expect(next.copy(Buffer.alloc(262_144)).page.bytes).not.toBe(bytes);
    expect(borrowPage(262_145)).toHaveLength(262_145);
  });

  it('are at most 48', () => {
    const pages = Array.from({ length: 49 }, () => borrowPage(262_144));
    pages.forEach(returnPage);
    const again = new Set(Array.from({ length: 49 }, () => borrowPage(262_144)));
    expect(pages.filter((page) => again.has(page))).toHaveLength(48);
  });
});

const blockOf = (first: number, rows: unknown[], more = {}): RecordBlock => ({
  ...{ first, rows, raws: rows.map((row) => `raw ${row}`), errors: undefined },
  ...more,
});

/** A chunk of items 100 to 105, in blocks that hold what lies before and behind it too. */
function newSource(
  cursor = 0,
  blocks = [
    blockOf(98, [98, 99, 100, 101]),
    blockOf(102, []),
    blockOf(102, [102, 103, 104, 105, 106]),
  ],
) {
  let [opened, closed] = [0, 0];
  const records = async function* (): AsyncGenerator<RecordBlock> {
    opened += 1;
    try {
      for (const block of blocks) yield block;
    } finally {
      closed += 1;
    }
  };
  const range = { source: 0, start: 0, end: 1, first: 100, count: 6 };
  const source = newRecordSource({ records }, range, cursor);
  const takeAll = async (until: number, go = () => true): Promise<unknown[]> => {
    const pull = source.pull(until, { goes: go });
    const rows = [];
    for (let step = await pull.next(); !step.done; step = await pull.next()) rows.push(step.value);
    return rows;
  };
  return { source, takeAll, facts: () => ({ opened, closed }) };
}

describe('the records of a chunk', () => {
  const rowsOf = (taken: unknown[]): unknown[] =>
    (taken as { row: unknown }[]).map(({ row }) => row);

  it('come in order from the cursor to the end asked for, whatever the blocks are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 6 }),
        async (cursor, until) => {
          const { source, takeAll } = newSource(cursor);
          const first = rowsOf(await takeAll(until));
          const wanted = [100, 101, 102, 103, 104, 105];
          expect(first).toEqual(wanted.slice(cursor, until));
          expect(source.position).toBe(Math.max(cursor, until));
          expect(rowsOf(await takeAll(6))).toEqual(wanted.slice(Math.max(cursor, until)));
        },
      ),
      { numRuns: 49 },
    );
  });

  it('carry place, number, text, error and remotes of their block', async () => {
    const block = blockOf(100, ['a', 'b'], {
      indexes: [7, 9],
      errors: new Map([[1, 'bad']]),
      remotes: new Map([[0, 'r']]),
    });
    const { takeAll } = newSource(0, [block]);
    expect(await takeAll(2)).toEqual([
      {
        position: 0,
        index: 7,
        row: 'a',
        raw: 'raw a',
        error: undefined,
        block,
        at: 0,
        remotes: 'r',
      },
      {
        position: 1,
        index: 9,
        row: 'b',
        raw: 'raw b',
        error: 'bad',
        block,
        at: 1,
        remotes: undefined,
      },
    ]);
  });

  it('are not read before one is asked for, and read once by many at once', async () => {
    const { source, takeAll, facts } = newSource();
    expect(await takeAll(0)).toEqual([]);
    expect(await takeAll(6, () => false)).toEqual([]);
    source.close();
    expect(facts()).toEqual({ opened: 0, closed: 0 });
    const pull = source.pull(6, { goes: () => true });
    const steps = await Promise.all(Array.from({ length: 7 }, () => pull.next()));
    const rows = steps.map((step) => (step.done ? 'done' : step.value.row));
    expect(rows).toEqual([100, 101, 102, 103, 104, 105, 'done']);
    expect(facts()).toEqual({ opened: 1, closed: 0 });
    source.close();
    await Promise.resolve();
    expect(facts()).toEqual({ opened: 1, closed: 1 });
  });

  it('that are fewer than planned end the batch, and say how many there are', async () => {
    const { takeAll, source } = newSource(0, [blockOf(100, [100, 101])]);
    expect(await takeAll(2)).toHaveLength(2);
    await expect(takeAll(6)).rejects.toMatchObject({
      code: 'INPUT_CHANGED',
      message: 'The input changed: items 100 to 105 were planned, only 2 of these 6 are there.',
      hint: 'Start a new batch on the changed input.',
    });
    expect(source.position).toBe(2);
  });
});

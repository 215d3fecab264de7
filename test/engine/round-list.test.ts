import { describe, expect, it } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import type { ItemError } from '../../lib/core/errors.ts';
import type { RecordBlock } from '../../lib/core/records.ts';
import type { RetryLine } from '../../lib/core/retry.ts';
import { listedInput, listLines, type RoundList } from '../../lib/engine/round-list.ts';

const bad: ItemError = { kind: 'permanent', code: 'BAD_RECORD', message: 'not JSON' };
const lineOf = (first: number, items: number[], rest: Partial<RetryLine> = {}): RetryLine => ({
  ...{ source: 0, start: first, end: first + 10, first, count: 10, items },
  ...rest,
});

/** Chunks of ten records in blocks of four; item 13 is one that cannot be read. `read` has the chunks that were asked for. */
function inputOf(read: number[]) {
  return () => ({
    async *records({ first, count }: { first: number; count: number }) {
      read.push(first);
      for (let at = 0; at < count; at += 4) {
        const from = first + at;
        const places = Array.from({ length: Math.min(4, count - at) }, (_, place) => from + place);
        const broken = places.indexOf(13);
        yield {
          first: from,
          rows: places.map((index) => (index === 13 ? undefined : { index })),
          raws: places.map((index) => `raw ${index}`),
          errors: broken < 0 ? undefined : new Map([[broken, bad]]),
          where: (position) => `line ${from + position + 1}`,
        } satisfies RecordBlock;
      }
    },
  });
}

async function listOf(lines: RetryLine[], damage = (text: string): string => text) {
  const objects = memoryObjectStore();
  const bytes = Buffer.from(damage(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
  await objects.put('list', bytes);
  const items = lines.reduce((sum, line) => sum + line.items.length, 0);
  const list: RoundList = { objects, key: 'list', start: 0, end: bytes.length, items, next: 100 };
  const range = { source: 0, start: 0, end: bytes.length, first: 0, count: items, wasStalled: 1 };
  return { list, range };
}

const LINES = [
  lineOf(10, [0, 3, 9], { stalled: [3], remotes: { 3: { p: 'r13' } } }),
  lineOf(40, [5]),
];

describe('the list of a round', () => {
  it('gives each item its own record, error, place and remote work, numbered on from line to line', async () => {
    const { list, range } = await listOf(LINES);
    const seen = [];
    const read: number[] = [];
    for await (const block of listedInput(list, inputOf(read)).records({ ...range, first: 7 })) {
      const { first, rows, raws, errors, where, indexes, remotes } = block;
      for (const [at, row] of rows.entries()) {
        const facts = [
          indexes?.[at],
          row,
          raws[at],
          errors?.get(at),
          where?.(at),
          remotes?.get(at),
        ];
        seen.push([first + at, ...facts]);
      }
    }
    expect(seen).toEqual([
      [7, 10, { index: 10 }, 'raw 10', undefined, 'line 11', undefined],
      [8, 13, undefined, 'raw 13', bad, 'line 14', { p: 'r13' }],
      [9, 19, { index: 19 }, 'raw 19', undefined, 'line 20', undefined],
      [10, 45, { index: 45 }, 'raw 45', undefined, 'line 46', undefined],
    ]);
    expect(read).toEqual([10, 40]);
  });

  it('says which items of a chunk it has, and which of them had stalled', async () => {
    const { list, range } = await listOf(LINES);
    const input = listedInput(list, inputOf([]));
    expect(await input.indexes(range)).toEqual([10, 13, 19, 45]);
    expect(await input.stalled(range)).toEqual([13]);
    const { wasStalled: _none, ...without } = range;
    expect(await input.stalled(without)).toEqual([]);
  });

  it('is damaged where it has another number of items than its chunk', async () => {
    const { list, range } = await listOf(LINES);
    const input = listedInput(list, inputOf([]));
    await expect(input.indexes({ ...range, count: 5 })).rejects.toMatchObject({
      ...{ code: 'BAD_INPUT', message: expect.stringContaining('it has 4 items of 5') },
      hint: 'Bring it back from a copy, or cancel the batch and retry once more.',
    });
    await list.objects.delete('list');
    await expect(input.indexes(range)).rejects.toThrow('it has 0 items of 4');
  });
});

describe('the lines of a list', () => {
  const linesOf = async (list: RoundList, from = 0) => {
    const seen = [];
    for await (const { line, end } of listLines(list, from)) seen.push([line.first, end]);
    return seen;
  };

  it('come from any line on, each with the byte behind it, however many reads they take', async () => {
    // Two reads and a bit, so that lines lie across their ends.
    const many = Array.from({ length: 20_000 }, (_, at) =>
      lineOf(at * 10, [at % 10, 9].sort(), { round: 0 } as never),
    );
    const { list } = await listOf(many);
    expect(list.end).toBeGreaterThan(1024 * 1024);
    const all = await linesOf(list);
    expect(all.map(([first]) => first)).toEqual(many.map(({ first }) => first));
    expect(all.at(-1)?.[1]).toBe(list.end);
    const from = all[12_345]?.[1] as number;
    expect(await linesOf(list, from)).toEqual(all.slice(12_346));
    expect(await linesOf({ ...list, end: from })).toEqual(all.slice(0, 12_346));
  });

  it('are damaged where the list is short, gone, or no JSON', async () => {
    const { list } = await listOf(LINES);
    await expect(linesOf({ ...list, end: list.end + 9 })).rejects.toThrow(
      `The list of the round, list, is damaged: it ends at byte ${list.end}.`,
    );
    await list.objects.delete('list');
    await expect(linesOf(list)).rejects.toThrow('it ends at byte 0.');
    const broken = await listOf(LINES, (text) => text.replace('"first"', 'first'));
    await expect(linesOf(broken.list)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});

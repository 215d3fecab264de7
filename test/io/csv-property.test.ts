import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openCsv } from '../../lib/io/csv.ts';
import { readAllRecords, WHOLE } from './reading.ts';
import { referenceRecords } from './reference-csv.ts';

/** Longer than the stretch that the scanner looks through before it searches natively. */
const LONG = 'long '.repeat(30);

/** Texts in which quotes, delimiters and line ends meet in every way. */
const csvish = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('"', ',', '\n', '\r\n', 'a', 'bc', ' ') },
      { weight: 3, arbitrary: fc.constantFrom('"a"', '""', ',"', '",', '\n"', '"\n', '\r', '\t') },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'é',
          '漢',
          ',,,\n',
          LONG,
          '"x\ny",',
          '"a"b\n',
          `\n"a\nb,c\nd",${LONG},"x"y\n`,
        ),
      },
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(''));

const shape = fc.record({
  text: csvish,
  bom: fc.boolean(),
  items: fc.integer({ min: 1, max: 5 }),
  bytes: fc.integer({ min: 1, max: 40 }),
  window: fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 41, max: 400 })),
});

const HEADER = 'a,b,c\n';

/** As the row rules say it, from the reference's cells. */
function expected(text: string): { raw: string; row: unknown; code: string | undefined }[] {
  return referenceRecords(text, ',').map(({ raw, broken, cells }) => {
    if (broken) return { raw, row: undefined, code: 'BROKEN_QUOTE' };
    const extra = cells.slice(3).some((cell) => cell.trim() !== '');
    if (cells.length < 3 || extra) return { raw, row: undefined, code: 'RAGGED_ROW' };
    return { raw, row: { a: cells[0], b: cells[1], c: cells[2] }, code: undefined };
  });
}

describe('csv against the reference grammar', () => {
  test('any chunks and any read size give the records of the reference', async () => {
    await fc.assert(
      fc.asyncProperty(shape, async ({ text, bom, items, bytes, window }) => {
        const source = Buffer.from((bom ? '\ufeff' : '') + HEADER + text);
        const layout = openCsv(source, {}, window);
        const { chunks, records } = await readAllRecords(layout, source, {
          limits: { items, bytes },
        });
        expect(records.map(({ raw, row, error }) => ({ raw, row, code: error?.code }))).toEqual(
          expected(text),
        );
        expect(records.map(({ index }) => index)).toEqual(records.map((_, i) => i));
        expect(chunks.reduce((sum, { count }) => sum + count, 0)).toBe(records.length);
      }),
      { numRuns: 3000 },
    );
  });

  test('outcomes, messages included, do not depend on the cut; chunks are gapless and restartable', async () => {
    await fc.assert(
      fc.asyncProperty(shape, async ({ text, items, bytes, window }) => {
        const source = Buffer.from(HEADER + text);
        const layout = openCsv(source, {}, window);
        const whole = await readAllRecords(openCsv(source, {}), source, { limits: WHOLE });
        const { chunks, records } = await readAllRecords(layout, source, {
          limits: { items, bytes },
        });
        expect(records).toEqual(whole.records);
        let at = layout.dataStart;
        for (const { start, end, count } of chunks) {
          expect(start).toBe(at);
          expect(count).toBeGreaterThan(0);
          expect(count).toBeLessThanOrEqual(items);
          at = end;
        }
        if (chunks.length > 0) expect(at).toBe(source.length);
        for (const [i, { end }] of chunks.entries()) {
          const rest = [];
          const range = { start: end, end: source.length };
          const read = async (from: number, to: number) => source.subarray(from, to);
          for await (const cut of layout.cuts(read, range, { items, bytes })) rest.push(cut);
          expect(rest).toEqual(chunks.slice(i + 1));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a chunk ends after its items or once it holds its bytes', async () => {
    const source = Buffer.from(`${HEADER}${'1,2,3\n'.repeat(10)}\n,,\n`);
    const layout = openCsv(source, {});
    const byItems = await readAllRecords(layout, source, { limits: { items: 4, bytes: 1000 } });
    expect(byItems.chunks).toEqual([
      { start: 6, end: 30, count: 4, lines: 4 },
      { start: 30, end: 54, count: 4, lines: 4 },
      { start: 54, end: 70, count: 2, lines: 4 },
    ]);
    const byBytes = await readAllRecords(layout, source, { limits: { items: 100, bytes: 25 } });
    expect(byBytes.chunks.map(({ count }) => count)).toEqual([5, 5]);
    expect(byBytes.chunks.at(-1)?.end).toBe(source.length);
  });

  test('an opened quote on every line costs at most two scans of each byte', async () => {
    const lines = 'x",y,"z\n'.repeat(20_000);
    const source = Buffer.from(`${HEADER}"p,"q\n${lines}"end"bad\n`);
    const layout = openCsv(source, {});
    let bytesRead = 0;
    const began = process.cpuUsage();
    const { records } = await readAllRecords(layout, source, {
      limits: { items: 1_000_000, bytes: 1e9 },
      read: async (start, end) => {
        bytesRead += end - start;
        return source.subarray(start, end);
      },
    });
    const { user } = process.cpuUsage(began);
    expect(records.filter(({ error }) => error?.code === 'BROKEN_QUOTE').length).toBeGreaterThan(1);
    expect(records.length).toBeGreaterThan(1000);
    expect(bytesRead).toBeLessThan(5 * source.length);
    expect(user / 1000).toBeLessThan(2000);
  });
});

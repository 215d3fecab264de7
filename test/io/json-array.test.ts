import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { Reader } from '../../lib/core/reader.ts';
import { jsonArray, openJsonArray } from '../../lib/io/json-array.ts';
import { createElementScanner } from '../../lib/io/json-scan.ts';
import { bytesOf, MAX_RECORD, type Outcome, readAllRecords, readFrom, WHOLE } from './reading.ts';

interface Given {
  items?: number;
  bytes?: number;
  window?: number;
  max?: number;
}

/** Cuts and reads a source, and what cutting says about its end. */
async function read(
  text: string | Uint8Array,
  given: Given = {},
): Promise<Outcome & { fault: string | undefined }> {
  const bytes = bytesOf(text);
  let fault: string | undefined;
  const found = await readAllRecords(openJsonArray(bytes, {}, given.window), bytes, {
    limits: {
      items: given.items ?? WHOLE.items,
      bytes: given.bytes ?? WHOLE.bytes,
      fault: (why) => {
        expect(fault).toBeUndefined();
        fault = why;
      },
    },
    maxRecordBytes: given.max ?? MAX_RECORD,
  });
  expect(found.chunks.reduce((sum, { count }) => sum + count, 0)).toBe(found.records.length);
  expect(found.records.map(({ index }) => index)).toEqual([...found.records.keys()]);
  return { ...found, fault };
}

const short = ({ records }: Outcome): unknown[] =>
  records.map(({ row, error }) => error?.code ?? row);

describe('what is allowed', () => {
  test('values of every kind, blank space anywhere, a BOM; raws are the values\u2019 own text', async () => {
    const { records, fault } = await read(
      '\ufeff \r\n[\n {"a" : [1,{"b":"],}\\"\\\\"}]}\t,"x,]" , -1.5e3,true\n,null,[ ], {}\r\n]\n\n',
    );
    expect(fault).toBeUndefined();
    expect(records.map(({ row, raw }) => [row, raw])).toEqual([
      [{ a: [1, { b: '],}"\\' }] }, '{"a" : [1,{"b":"],}\\"\\\\"}]}'],
      ['x,]', '"x,]"'],
      [-1500, '-1.5e3'],
      [true, 'true'],
      [null, 'null'],
      [[], '[ ]'],
      [{}, '{}'],
    ]);
  });

  test.each(['[]', ' [ \n ] ', '\ufeff[]\n'])('no record: %j', async (text) => {
    expect(await read(text)).toEqual({ chunks: [], records: [], fault: undefined });
  });

  test('chunks follow each other without gaps, end behind commas, and hold the blank space', async () => {
    const text = '[ 1, 2 ,\n3,4 ,  5 ] \n';
    const { chunks } = await read(text, { items: 2 });
    expect(chunks.map(({ lines: _lines, ...chunk }) => chunk)).toEqual([
      { start: 1, end: 8, count: 2 },
      { start: 8, end: 14, count: 2 },
      { start: 14, end: text.length, count: 1 },
    ]);
    const { chunks: small } = await read('[1,22,333]', { bytes: 4 });
    expect(small.map(({ count }) => count)).toEqual([2, 1]);
  });

  test('100,000 levels, lone surrogates, __proto__ keys', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const { records } = await read(`[${deep},"\\ud800",{"__proto__":{"polluted":1}}]`);
    expect(records.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(records[0]?.raw).toHaveLength(200_000);
    expect(records[1]?.row).toBe('\ud800');
    expect(Object.keys(records[2]?.row as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const open = await read(`[${'{"a":'.repeat(100_000)}`);
    expect(short(open)).toEqual(['BAD_JSON']);
    const shut = await read(`[1${']'.repeat(100_000)}`);
    expect(short(shut)).toEqual([1]);
  });

  test('Latin-1, when it is asked for', async () => {
    const bytes = Buffer.from('["é",x]', 'latin1');
    const { records } = await readAllRecords(openJsonArray(bytes, { encoding: 'latin1' }), bytes);
    expect(records[0]?.row).toBe('é');
    expect(records[1]?.error?.message).toBe(
      'The record at byte 5 is not JSON: unexpected "x" at byte 5 (line 1, column 1 of the record).',
    );
  });

  test('types and options', () => {
    expectTypeOf(jsonArray()).toEqualTypeOf<Reader<unknown>>();
    expectTypeOf(jsonArray(z.object({ n: z.number() }))).toEqualTypeOf<Reader<{ n: number }>>();
    expect(() => jsonArray(undefined, { delimiter: ',' })).toThrow(
      'delimiter has no meaning for json.',
    );
  });
});

describe('what is no array', () => {
  test.each<[string | Uint8Array, RegExp]>([
    ['', /^the file is empty: it holds no array\. One without records is \[\]$/],
    ['\n \n', /^the file holds no array: all of its first 3 bytes are blank$/],
    ['{}', /^the first value is an object, not an array\. .* ndjson\(\); .* jq \.items/],
    ['\ufeff {"items":[1]}', /^the first value is an object/],
    ['"a"', /^the first value is a string/],
    ['-1', /^the first value is a number/],
    ['true', /^the first value is a boolean/],
    ['null', /^the first value is null/],
    ['é', /^the file is no JSON array: it begins with "é" at byte 0, not with \[$/],
    [Buffer.from('\ufeff[]', 'utf16le'), /^the file is UTF-16 LE/],
  ])('%j', (text, says) => {
    const bytes = bytesOf(text);
    expect(jsonArray().open(bytes, {}).problem).toMatch(says);
  });
});

describe('one bad record fails alone', () => {
  const bad = 'BAD_JSON';
  test.each<[string, unknown[], string]>([
    [
      '[1,{"a":tru},2]',
      [1, bad, 2],
      'The record at byte 3 is not JSON: unexpected "t" at byte 8 (line 1, column 6 of the record).',
    ],
    [
      '[1,\n {"é":1,\n  b},2]',
      [1, bad, 2],
      'The record at byte 5 is not JSON: unexpected "b" at byte 16 (line 2, column 3 of the record).',
    ],
    [
      '[1,{"a":1]},2]',
      [1, bad, 2],
      'The record at byte 3 is not JSON: unexpected "]" at byte 9 (line 1, column 7 of the record).',
    ],
    [
      '[1,2},3]',
      [1, bad, 3],
      'The record at byte 3 is not JSON: unexpected "}" at byte 4 (line 1, column 2 of the record).',
    ],
    ['[1,2 3,4]', [1, bad, 4], 'unexpected "3" at byte 5'],
    ['[1,"a\nb",4]', [1, bad, 4], 'unexpected "\\n" at byte 5'],
    ['[1,tru,4]', [1, bad, 4], 'unexpected "t" at byte 3'],
    [
      '[1,,4]',
      [1, bad, 4],
      'The record at byte 3 is empty: no value stands before its comma. Remove the comma',
    ],
    [
      '[1, ]',
      [1, bad],
      'The record at byte 4 is empty: a comma stands before the ] that closes the array. Remove it, or',
    ],
    ['[1,"\0",4]', [1, 'NUL_BYTE', 4], 'holds a NUL byte at byte 4'],
    ['[1,\0 2,4]', [1, 'NUL_BYTE', 4], 'holds a NUL byte at byte 3'],
    [
      '[1,"12345678901",4]',
      [1, 'RECORD_TOO_LONG', 4],
      'The record at byte 3 is 13 bytes long; maxRecordBytes allows 12.',
    ],
  ])('%j', async (text, rows, says) => {
    const max = text.includes('12345678901') ? 12 : 100;
    const found = await read(text, { max });
    expect(short(found)).toEqual(rows);
    expect(found.fault).toBeUndefined();
    expect(found.records.find(({ error }) => error)?.error?.message).toContain(says);
  });

  test('bytes that are no UTF-8', async () => {
    const found = await read(
      Buffer.concat([bytesOf('["é","'), Buffer.from([0xc3, 0x28]), bytesOf('",3]')]),
    );
    expect(short(found)).toEqual(['é', 'INVALID_UTF8', 3]);
  });

  test('blank space does not make a record too long', async () => {
    const blank = ' '.repeat(500);
    expect(
      short(await read(`[${blank}1${blank},${blank}2${blank}]`, { max: 5, window: 7 })),
    ).toEqual([1, 2]);
  });
});

describe('a source that is not whole keeps its records', () => {
  const open = (where: string, bytes: number): string =>
    `the array is not closed: the source ends${where}, after ${bytes} bytes, without the ] that closes the array. It is cut, or a quote or bracket is missing`;
  test.each<[string, unknown[], string]>([
    ['[', [], open('', 1)],
    ['[1,', [1], open('', 3)],
    ['[1,{"a":1}', [1, { a: 1 }], open(' in the record at byte 3', 10)],
    ['[1,{"a":', [1, 'BAD_JSON'], open(' in the record at byte 3', 8)],
    ['[1,{"a":1,{"b":2},3]', [1, 'BAD_JSON'], open(' in the record at byte 3', 20)],
    ['[1,"a]', [1, 'BAD_JSON'], open(' in the record at byte 3', 6)],
    ['[1,23', [1, 'BAD_JSON'], open(' in the record at byte 3', 5)],
    ['[1] ,2]', [1], 'the array ends at byte 2, but more stands behind it from byte 4 on'],
    ['[] x', [], 'the array ends at byte 1, but more stands behind it from byte 3 on'],
    ['[1]\n[2]\n', [1], 'the array ends at byte 2, but more stands behind it from byte 4 on'],
    ['[1]\0', [1], 'the array ends at byte 2, but more stands behind it from byte 3 on'],
  ])('%j', async (text, rows, says) => {
    for (const given of [{}, { items: 1, window: 1 }]) {
      const found = await read(text, given);
      expect(short(found)).toEqual(rows);
      expect(found.fault).toContain(says);
      if (found.chunks.length > 0) expect(found.chunks.at(-1)?.end).toBe(text.length);
    }
  });

  test('cut at every byte: all whole records, at most one bad one, and the reason', async () => {
    const values = [{ a: '],"\\' }, 'é', 12, [[], {}], null, { b: { c: -1.5 } }, true];
    const bytes = bytesOf(` ${JSON.stringify(values, null, 1)}\n`);
    const closed = bytes.lastIndexOf(']') + 1;
    for (let end = bytes.indexOf('[') + 1; end <= bytes.length; end++) {
      const found = await read(bytes.subarray(0, end), { items: 2, window: 5 });
      const good = found.records.filter(({ error }) => error === undefined);
      expect(good.map(({ row }) => row)).toEqual(values.slice(0, good.length));
      expect(found.records.length - good.length).toBeLessThanOrEqual(1);
      expect(found.fault === undefined).toBe(end >= closed);
      // A record whose comma is there is whole.
      const commas = values.findLastIndex((_, i) =>
        bytes
          .subarray(0, end)
          .toString()
          .startsWith(` ${JSON.stringify(values.slice(0, i + 1), null, 1).slice(0, -2)},`),
      );
      expect(good.length).toBeGreaterThan(commas);
    }
  });
});

describe('any window, any chunks', () => {
  const blank = fc.constantFrom('', '', ' ', '\n', '\r\n\t', '  \n  ');
  const given = fc.record({
    items: fc.integer({ min: 1, max: 4 }),
    bytes: fc.integer({ min: 1, max: 40 }),
    window: fc.integer({ min: 1, max: 30 }),
    max: fc.constantFrom(3, 1000),
  });

  test('the rows of JSON.parse, in order, with their text', async () => {
    const spaced = fc
      .array(fc.tuple(fc.jsonValue({ noUnicodeString: false }), blank, blank, fc.boolean()))
      .map((all) => ({
        values: all.map(([value]) => value),
        text: `[${all.map(([value, before, after, wide]) => before + JSON.stringify(value, null, wide ? 1 : 0) + after).join(',')}]`,
      }));
    await fc.assert(
      fc.asyncProperty(spaced, blank, given, async ({ text }, around, sizes) => {
        const found = await read(around + text + around, { ...sizes, max: MAX_RECORD });
        expect(found.fault).toBeUndefined();
        expect(found.records.map(({ row }) => row)).toEqual(JSON.parse(text));
        expect(found.records.map(({ raw }) => JSON.parse(raw))).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test('broken bytes give the same records, chunk by chunk, as in one go', async () => {
    const pieces = fc.array(
      fc.constantFrom(
        '[',
        ']',
        '{',
        '}',
        ',',
        '"',
        '\\',
        ' ',
        '\n',
        '1',
        ':',
        'a',
        '\0',
        '\xff',
        '{"a":"b"},',
        '"\\"",',
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, given, async (parts, sizes) => {
        const bytes = Buffer.from(`[${parts.join('')}`, 'latin1');
        const found = await read(bytes, sizes);
        const whole = await read(bytes, { max: sizes.max });
        expect(found.records).toEqual(whole.records);
        expect(found.fault).toBe(whole.fault);
      }),
      { numRuns: 1000 },
    );
  });

  test('the scanner finds the same places through any windows', () => {
    const scan = (bytes: Buffer, sizes: readonly number[]): number[][] => {
      const found: number[][] = [];
      const scanner = createElementScanner({ start: 0, end: bytes.length }, true);
      for (let turn = 0; scanner.position < bytes.length; turn++) {
        const at = scanner.position;
        const size = sizes[turn % sizes.length] as number;
        scanner.feed(bytes.subarray(at, at + size), (...place) => found.push(place));
      }
      const { closedAt, restAt, openAt } = scanner.end;
      return [...found, [closedAt, restAt, openAt]];
    };
    const token = fc.constantFrom('{', '}', '[', ']', '1', '"', '\\"', '\\\\', '"a"', ',', ' , ');
    const long = fc
      .tuple(fc.constantFrom(' ', 'x', '\\"', '"b",', '{}'), fc.integer({ min: 20, max: 150 }))
      .map(([text, times]) => text.repeat(times));
    const text = fc.array(fc.oneof(token, token, long), { maxLength: 30 });
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, sizes, (parts, windows) => {
        const bytes = Buffer.from(parts.join(''));
        expect(scan(bytes, windows)).toEqual(scan(bytes, [bytes.length]));
      }),
      { numRuns: 2000 },
    );
  });

  test('a chunk is read from its own bytes alone, also where it was cut for its size', async () => {
    const bytes = bytesOf('[{"a":"]"}, [1,2],,"x",\n3 ,{"b":{}}] ');
    const layout = openJsonArray(bytes, {});
    const whole = await read(bytes);
    const { chunks } = await read(bytes, { bytes: 6 });
    expect(chunks).toHaveLength(4);
    let first = 0;
    for (const { start, end, count } of chunks) {
      const own = async (from: number, to: number) => {
        expect(from).toBeGreaterThanOrEqual(start);
        expect(to).toBeLessThanOrEqual(end);
        return bytes.subarray(from, to);
      };
      const range = { start, end, first };
      const rows: unknown[] = [];
      for await (const block of layout.records(own, range, { maxRecordBytes: MAX_RECORD })) {
        rows.push(...block.rows);
      }
      const expected = whole.records.slice(first, first + count).map(({ row }) => row);
      expect(rows).toEqual(expected);
      first += count;
    }
  });

  test('cutting goes on at any chunk\u2019s end with the same chunks and the same fault', async () => {
    const text = '[1, {"a":2} ,"x",,5,[6],7,{"b"';
    const bytes = bytesOf(text);
    const layout = openJsonArray(bytes, {}, 3);
    const from = async (start: number) => {
      const told: string[] = [];
      const chunks: { start: number }[] = [];
      const limits = {
        items: 2,
        bytes: 1000,
        fault: (why: string) => told.push(`${chunks.length} ${why}`),
      };
      for await (const chunk of layout.cuts(readFrom(bytes), { start, end: bytes.length }, limits))
        chunks.push(chunk);
      return { chunks, told };
    };
    const { chunks, told } = await from(layout.dataStart);
    expect(chunks).toHaveLength(4);
    // Told when three chunks were given, before the last one.
    expect(told).toEqual([expect.stringMatching(/^3 the array is not closed/)]);
    for (const [i, { start }] of chunks.entries()) {
      const again = await from(start);
      expect(again.chunks).toEqual(chunks.slice(i));
      expect(again.told.map((why) => why.slice(2))).toEqual(told.map((why) => why.slice(2)));
    }
    expect(await from(bytes.length)).toEqual({ chunks: [], told: [] });
  });
});

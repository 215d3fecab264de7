import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import type { Reader } from '../../lib/core/reader.ts';
import type { Cut } from '../../lib/core/records.ts';
import { openInput } from '../../lib/io/input.ts';
import { parquet } from '../../lib/io/parquet.ts';
import type { BoundSource } from '../../lib/io/source.ts';
import { stdinSource } from '../../lib/io/source.ts';
import type { Input } from '../../lib/ports/input.ts';

interface Setup {
  name?: string;
  schema?: Reader['schema'];
  items?: number;
  onRead?: (start: number, end: number) => void;
}

const sourceOf = (bytes: Uint8Array, { name = 'x.parquet', onRead }: Setup = {}): BoundSource => ({
  pin: { name, bytes: bytes.length, version: '1' },
  compressed: bytes[0] === 0x1f && bytes[1] === 0x8b,
  seekable: true,
  async read(start, end) {
    onRead?.(start, end);
    return bytes.subarray(start, end);
  },
  async *stream() {
    yield bytes;
  },
});

const inputOf = (source: BoundSource, { schema, items = 100 }: Setup = {}): Input =>
  openInput({
    reader: parquet(schema as never) as Reader,
    readerOptions: {},
    sources: [source],
    limits: { items, bytes: 1_000_000, maxRecordBytes: 1_000_000 },
    objects: memoryObjectStore(),
    batch: 'b1',
  });

interface Answer {
  problem: string | undefined;
  fault: string | undefined;
  rows: unknown[];
  cuts: Cut[];
  places: (string | undefined)[];
}

async function readAll(source: BoundSource, setup: Setup = {}): Promise<Answer> {
  const input = inputOf(source, setup);
  const problem = await input.prepare();
  const answer: Answer = { problem, fault: input.fault(), rows: [], cuts: [], places: [] };
  if (problem !== undefined) return answer;
  for await (const cut of input.cuts('')) answer.cuts.push(cut);
  for (const { range } of answer.cuts) {
    for await (const block of input.records(range)) {
      block.rows.forEach((row, i) => {
        answer.rows.push(block.errors?.get(i)?.message ?? row);
        answer.places.push(block.where?.(i));
      });
    }
  }
  return answer;
}

const read = (bytes: Uint8Array, setup?: Setup): Promise<Answer> =>
  readAll(sourceOf(bytes, setup), setup);

const numbers = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, i) => from + i);

type Writing = Parameters<typeof parquetWriteBuffer>[0];
const written = (count: number, options: Partial<Writing> = {}): Buffer =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'n', data: numbers(count), type: 'INT32' },
        { name: 't', data: numbers(count).map((n) => `text ${n}`), type: 'STRING' },
      ],
      ...options,
    }),
  );

const fixture = readFileSync(new URL('../fixtures/parquet/types.parquet', import.meta.url));

test('a file of another writer: every type, nested columns, nulls, two row groups', async () => {
  const { rows, problem, fault } = await read(fixture);
  expect([problem, fault]).toEqual([undefined, undefined]);
  const column = (name: string): unknown[] =>
    (rows as Record<string, unknown>[]).map((row) => row[name]);
  expect(column('id')).toEqual([
    1,
    9007199254740991,
    '9007199254740992',
    null,
    '-9223372036854775808',
  ]);
  expect(column('u64')).toEqual(['18446744073709551615', 0, 1, 2, null]);
  expect(column('text')).toEqual(['é"\\', 'a\nb', null, '', '\u{1f600}']);
  expect(column('kind')).toEqual(['x', 'y', 'x', null, 'x']);
  expect(column('ok')).toEqual([true, false, null, true, true]);
  expect(column('real')).toEqual([0.1, 'NaN', 'Infinity', -0.5, null]);
  expect(column('single')).toEqual([0.5, -1.25, null, 3, 1e10]);
  expect(column('price')).toEqual(['12.30', '-0.05', null, '0.00', '9999999.99']);
  expect(column('large')).toEqual([
    '12345678901234567890123456.7890123456',
    null,
    '-1.0000000000',
    '0.0000000000',
    '0.0000000001',
  ]);
  expect(column('day')).toEqual(['2026-02-28', '1969-12-31', null, '0001-01-01', '9999-12-31']);
  expect(column('clock')).toEqual([
    '23:59:59.999999',
    '00:00:00.000000',
    null,
    '01:02:03.000000',
    '12:00:00.000001',
  ]);
  expect(column('at')).toEqual([
    '2026-01-31T12:00:00.000001Z',
    null,
    '1969-12-31T23:59:59.999999Z',
    '1970-01-01T00:00:00.000000Z',
    '2000-01-01T00:00:00.000000Z',
  ]);
  expect(column('local')).toEqual([
    '1970-01-01T00:00:00.000000001',
    null,
    '1969-12-31T23:59:59.999999999',
    '1970-01-01T00:00:00.000000000',
    '2023-11-14T22:13:20.000000001',
  ]);
  expect(column('bytes')).toEqual(['AP8=', '', null, 'YWJj', 'gA==']);
  expect(column('tags')).toEqual([['a', null], [], null, ['b'], ['c', 'd']]);
  expect(column('where')).toEqual([
    { lat: 1.5, names: ['p'] },
    null,
    { lat: null, names: null },
    { lat: 2, names: [] },
    { lat: 0, names: [null] },
  ]);
  const counts = (column('counts') as (object | null)[]).map((map) => map && Object.entries(map));
  expect(counts).toEqual([
    [
      ['a', 1],
      ['__proto__', 2],
    ],
    [],
    null,
    [['b', null]],
    [['c', 3]],
  ]);
  expect(column('parts')).toEqual([
    [{ n: 1 }],
    [null, { n: null }],
    [],
    null,
    [{ n: 2 }, { n: 3 }],
  ]);
});

describe('rows', () => {
  test.each<[string, Partial<Writing>]>([
    ['UNCOMPRESSED', {}],
    ['SNAPPY', {}],
    ['GZIP', { compressors: { GZIP: (bytes) => gzipSync(bytes) } }],
    ['BROTLI', { compressors: { BROTLI: (bytes) => brotliCompressSync(bytes) } }],
  ])('of row groups and pages of any size: %s', async (codec, options) => {
    const bytes = written(1000, {
      codec: codec as Writing['codec'] & string,
      rowGroupSize: 170,
      pageSize: 300,
      ...options,
    } as Partial<Writing>);
    const { rows, places, cuts, fault } = await read(bytes);
    expect(fault).toBeUndefined();
    expect(rows).toEqual(numbers(1000).map((n) => ({ n, t: `text ${n}` })));
    expect(cuts).toHaveLength(10);
    expect(places).toEqual(numbers(1000, 1).map((row) => `row ${row}`));
  });

  test('none: a file without rows has no items, and is no fault', async () => {
    expect(await read(written(0))).toMatchObject({
      problem: undefined,
      fault: undefined,
      rows: [],
    });
  });

  test('a text that is no UTF-8 fails its row alone, and says which', async () => {
    const bytes = written(3, { codec: 'UNCOMPRESSED', statistics: false });
    const at = bytes.indexOf('text 1');
    bytes[at] = 0xff;
    const { rows } = await read(bytes);
    expect(rows[0]).toEqual({ n: 0, t: 'text 0' });
    expect(rows[1]).toMatch(/^The record at row 2 is not UTF-8 at byte \d+\./);
    expect(rows[2]).toEqual({ n: 2, t: 'text 2' });
  });

  test('one row group is held at a time, and each byte of it is read once', async () => {
    const bytes = written(60_000, { rowGroupSize: 20_000 });
    let largest = 0;
    let total = 0;
    const onRead = (start: number, end: number): void => {
      largest = Math.max(largest, end - start);
      total += end - start;
    };
    const { rows } = await read(bytes, { onRead, items: 10_000 });
    expect(rows).toHaveLength(60_000);
    // The footer is asked for with up to 512 KiB before it.
    expect(total).toBeLessThan(bytes.length + 520 * 1024);
    expect(largest).toBeLessThan(Math.max(bytes.length / 2, 520 * 1024));
  });
});

describe('a file that cannot be read as a whole is named with the reason', () => {
  const sound = written(10);
  const withTail = (tail: string): Buffer =>
    Buffer.concat([sound.subarray(0, -4), Buffer.from(tail)]);
  test.each<[string, Uint8Array, RegExp]>([
    [
      'empty',
      Buffer.alloc(0),
      /^x\.parquet: source x\.parquet is no Parquet file: it has 0 bytes$/,
    ],
    ['text', Buffer.from('id,name\n1,a\n2,b\n'), /begins with "id,n", not with PAR1$/],
    ['cut', sound.subarray(0, -20), /is cut: it begins with PAR1 but does not end with it/],
    ['an encrypted footer', withTail('PARE'), /is encrypted \(its footer\)/],
    [
      'a footer longer than the file',
      Buffer.concat([sound.subarray(0, -8), Buffer.from([255, 255, 0, 0]), Buffer.from('PAR1')]),
      /has a damaged footer \(/,
    ],
  ])('%s', async (_name, bytes, says) => {
    const { problem, rows } = await read(bytes);
    expect(problem).toMatch(says);
    expect(rows).toEqual([]);
    const { lines } = parquet();
    const found = await lines?.problem({ bytes: bytes.length, read: sourceOf(bytes).read });
    expect(`x.parquet: source x.parquet ${found}`).toBe(problem);
  });

  test('a codec that is not known, an encrypted column, a column twice, VARIANT', async () => {
    const codec = written(10, {
      codec: 'LZO',
      compressors: { LZO: (b: Uint8Array) => b },
    } as never);
    expect((await read(codec)).problem).toMatch(
      /has column "n" compressed by LZO, which cannot be read: write it with one of UNCOMPRESSED, /,
    );
    const twice = parquetWriteBuffer({
      columnData: [
        { name: 'n', data: [1], type: 'INT32' },
        { name: 'm', data: [1], type: 'INT32' },
      ],
    });
    const renamed = Buffer.from(twice);
    for (let at = renamed.indexOf('\x01m'); at >= 0; at = renamed.indexOf('\x01m', at + 1)) {
      renamed[at + 1] = 'n'.charCodeAt(0);
    }
    expect((await read(renamed)).problem).toMatch(/has column "n" twice: rename one$/);
    const variant = parquetWriteBuffer({
      columnData: [{ name: 'v', data: [{ a: 1 }], type: 'VARIANT' }],
    });
    expect((await read(Buffer.from(variant))).problem).toMatch(
      /has column "v" of type VARIANT, which cannot be read/,
    );
  });

  test('gzip around it, and a pipe', async () => {
    const says =
      /^a Parquet file is read from its end, so it cannot come through a pipe or in gzip/;
    const packed = await read(gzipSync(sound), { name: 'x.parquet.gz' });
    expect(packed.problem?.replace('x.parquet.gz: ', '')).toMatch(says);
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield sound;
    }
    const piped = await readAll(stdinSource(bytes()));
    expect(piped.problem?.replace('stdin: ', '')).toMatch(says);
  });
});

describe('a file that is damaged further on', () => {
  test('keeps the row groups before, and ends with the reason', async () => {
    const bytes = written(300, { rowGroupSize: 100, codec: 'UNCOMPRESSED', statistics: false });
    const at = bytes.indexOf('text 150') - 60;
    bytes.fill(0xff, at, at + 40);
    const { rows, fault } = await read(bytes);
    expect(rows.slice(0, 100)).toEqual(numbers(100).map((n) => ({ n, t: `text ${n}` })));
    expect(fault).toMatch(
      /^source x\.parquet cannot be read from row group 2 \(rows 101 to 200\) on: ./,
    );
  });

  test('a source that cannot be read is no damage', async () => {
    const bytes = written(10);
    const broken = { ...sourceOf(bytes), read: () => Promise.reject(new Error('no answer')) };
    await expect(inputOf(broken).prepare()).rejects.toThrow('no answer');
  });
});

test('a failures file goes back in: rows as they were read, also in gzip', async () => {
  const schema = z.object({ n: z.number().max(5), t: z.string() });
  const lines = [7, 3].map((n) =>
    JSON.stringify({ sluice: 'failure/1', index: n, record: { n, t: `text ${n}` } }),
  );
  const text = Buffer.from(`${lines.join('\n')}\n`);
  for (const bytes of [text, gzipSync(text)]) {
    const { rows, problem } = await read(bytes, {
      name: 'failures.jsonl',
      schema: schema as never,
    });
    expect(problem).toBeUndefined();
    expect(rows).toEqual([
      { n: 7, t: 'text 7' },
      { n: 3, t: 'text 3' },
    ]);
  }
});

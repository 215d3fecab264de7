import { expect, test } from 'vitest';
import type { CutRange, ReadBytes } from '../../lib/core/reader.ts';
import { openJsonArray } from '../../lib/io/json-array.ts';
import { hugeSource, MAX_RECORD, type Outcome, readAllRecords, readFrom } from './reading.ts';

const MIB = 1024 * 1024;

interface Huge {
  before: string;
  /** Fills the middle; its length divides 1 MiB. */
  fill: string;
  after: string;
}

/** Reads an array with a middle of any size that is made while it is read; also the largest memory seen. */
async function readHuge(
  { before, fill, after }: Huge,
  size: number,
): Promise<Outcome & { peak: number; fault: string | undefined }> {
  const head = Buffer.from(before);
  const { read, source, peak } = hugeSource(
    { before: head, fill, after: Buffer.from(after) },
    size,
  );
  let fault: string | undefined;
  const limits = {
    items: 1000,
    bytes: 4 * MIB,
    fault: (why: string) => {
      fault = why;
    },
  };
  const found = await readAllRecords(openJsonArray(head, {}), source, { read, limits });
  return { ...found, peak: peak(), fault };
}

const FIRST = '[{"a":1},';
const LAST = ',{"b":2}]\n';

/** 128 MiB each: all of them in the long run, in the short one the tests of the scanner on small ones stand for them. */
const long = test.skipIf(process.env['SLUICE_FULL'] === undefined);

long.each<[string, Huge]>([
  ['a string', { before: `${FIRST}"`, fill: 'x', after: `"${LAST}` }],
  ['escapes', { before: `${FIRST}"`, fill: '\\"', after: `"${LAST}` }],
  ['brackets', { before: `${FIRST}`, fill: '{}', after: LAST }],
  ['an array', { before: `${FIRST}[`, fill: '1,"x"  ,', after: `0]${LAST}` }],
])(
  'a record of 128 MiB is passed over in flat memory: %s',
  async (_name, huge) => {
    // Growth to the usual size is not what is measured: windows that await their collection took 61 MiB.
    await readHuge(huge, 64 * MIB);
    const start = process.memoryUsage.rss();
    const { records, peak, fault } = await readHuge(huge, 128 * MIB);
    expect(fault).toBeUndefined();
    expect(records.map(({ row, error }) => error?.code ?? row)).toEqual([
      { a: 1 },
      'RECORD_TOO_LONG',
      { b: 2 },
    ]);
    const length = huge.before.length + 128 * MIB + huge.after.length - FIRST.length - LAST.length;
    expect(records[1]?.raw).toBe('');
    expect(records[1]?.error?.message).toContain(`The record at byte 9 is ${length} bytes long`);
    expect((peak - start) / MIB).toBeLessThan(50);
  },
  120_000,
);

long.each<[string, Huge, string | undefined]>([
  ['between records', { before: FIRST, fill: ' \n', after: '{"b":2}]' }, undefined],
  [
    'and rubbish behind the array',
    { before: '[{"a":1},{"b":2}]', fill: '],', after: '' },
    'byte 17',
  ],
])(
  '128 MiB of blank space %s: nothing of it is kept',
  async (_name, huge, why) => {
    await readHuge(huge, 64 * MIB);
    const start = process.memoryUsage.rss();
    const { records, chunks, peak, fault } = await readHuge(huge, 128 * MIB);
    expect(records.map(({ row }) => row)).toEqual([{ a: 1 }, { b: 2 }]);
    expect(chunks.at(-1)?.end).toBe(huge.before.length + 128 * MIB + huge.after.length);
    if (why === undefined) expect(fault).toBeUndefined();
    else expect(fault).toContain(why);
    expect((peak - start) / MIB).toBeLessThan(50);
  },
  120_000,
);

test('a chunk above 8 MiB is read in pieces: the same records as in small chunks', async () => {
  const text = `[${Array.from({ length: 30_000 }, (_, i) => {
    if (i % 9999 === 5) return `"${'y'.repeat(MAX_RECORD)}"`;
    return i % 7 === 0 ? '' : JSON.stringify({ i, text: 'é[,"\\'.repeat(i % 60) }, null, i % 2);
  }).join(' ,\n')}\n,]`;
  const bytes = Buffer.from(text);
  expect(bytes.length).toBeGreaterThan(9 * MIB);
  const layout = openJsonArray(bytes, {});
  const small = await readAllRecords(layout, bytes, { limits: { items: 100, bytes: MIB } });
  let largest = 0;
  const read: ReadBytes = (start, end) => {
    largest = Math.max(largest, end - start);
    return readFrom(bytes)(start, end);
  };
  const large = await readAllRecords(layout, bytes, { read });
  expect(large.chunks).toHaveLength(1);
  expect(largest).toBeLessThanOrEqual(4 * MIB);
  expect(large.records).toEqual(small.records);
  expect(large.records).toHaveLength(30_001);
  expect(large.records.filter(({ error }) => error?.code === 'RECORD_TOO_LONG')).toHaveLength(3);
});

/** 4 GiB of one value over and over, made while it is read: nothing of it is ever on a disk. */
function repeated(before: string, value: string, after: string, size: number) {
  const head = Buffer.from(before);
  const tail = Buffer.from(after);
  const block = Buffer.from(value.repeat(Math.ceil((2 * MIB) / value.length)));
  const middle = Math.floor((size - head.length - tail.length) / value.length) * value.length;
  const end = head.length + middle + tail.length;
  const read: ReadBytes = async (from, to) => {
    const bytes = Buffer.allocUnsafe(to - from);
    for (let at = from; at < to; ) {
      const own = at - head.length;
      let part: Buffer;
      if (own < 0) part = head.subarray(at);
      else if (own >= middle) part = tail.subarray(own - middle);
      else
        part = block.subarray(
          own % value.length,
          (own % value.length) + Math.min(MIB, middle - own),
        );
      at += part.copy(bytes, at - from, 0, Math.min(part.length, to - at));
    }
    return bytes;
  };
  return { read, end };
}

const FOUR_GIB = 4 * 1024 * MIB;

test.each([
  ['its end alone', FOUR_GIB],
  ...(process.env['SLUICE_FULL'] === undefined ? [] : [['all of it', 0] as const]),
] as [string, number][])(
  'an array with a trailing comma beyond 4 GiB: offsets are right (%s)',
  async (_name, from) => {
    const value = '{"id":12345,"text":"abcdefghi"},\n';
    const { read, end } = repeated('[\n', value, ' ]\n', FOUR_GIB + 3 * MIB);
    const layout = openJsonArray(await read(0, MIB), {});
    const start =
      from === 0 ? layout.dataStart : Math.ceil((from - 2) / value.length) * value.length + 2;
    let last: CutRange | undefined;
    let lines = from === 0 ? layout.linesBefore : (start - 2) / value.length + 1;
    let count = 0;
    let peak = 0;
    const before = process.memoryUsage.rss();
    let fault: string | undefined;
    const limits = {
      items: 1000,
      bytes: 4 * MIB,
      fault: (why: string) => {
        fault = why;
      },
    };
    for await (const cut of layout.cuts(read, { start, end }, limits)) {
      if (last !== undefined) lines += last.lines;
      last = cut;
      count += cut.count;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    expect(fault).toBeUndefined();
    // Each value of a line, and the empty one behind the last comma.
    expect(count).toBe((end - 3 - Math.max(2, start)) / value.length + 1);
    if (last === undefined) throw new Error('no chunk');
    expect(last.start).toBeGreaterThan(2 ** 32);
    const found: string[] = [];
    const range = { ...last, first: 0, line: lines };
    for await (const block of layout.records(read, range, { maxRecordBytes: MAX_RECORD })) {
      for (const error of block.errors?.values() ?? []) found.push(error.message);
    }
    const line = (end - 3 - 2) / value.length + 2;
    expect(found).toEqual([
      `The record at line ${line} (byte ${end - 2}) is empty: a comma stands before the ] that closes the array. Remove it, or add the record that is missing.`,
    ]);
    if (from === 0) expect((peak - before) / MIB).toBeLessThan(50);
  },
  300_000,
);

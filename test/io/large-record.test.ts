import { expect, test } from 'vitest';
import type { ReadBytes } from '../../lib/core/reader.ts';
import { openCsv } from '../../lib/io/csv.ts';
import { openNdjson } from '../../lib/io/ndjson.ts';
import { readAllRecords } from './reading.ts';

const HUGE = 200 * 1024 * 1024;
const before = Buffer.from('a,b\n1,2\n');
const after = Buffer.from('\n3,4\n');
const end = before.length + HUGE + after.length;

/** A source with one line of 200 MiB in its middle, made while it is read. */
const synthetic =
  (fill: string, peak: { bytes: number }): ReadBytes =>
  async (from, to) => {
    peak.bytes = Math.max(peak.bytes, process.memoryUsage.rss());
    const bytes = Buffer.alloc(to - from, fill);
    for (const [part, at] of [
      [before, 0],
      [after, before.length + HUGE],
    ] as const) {
      const start = Math.max(from, at);
      const stop = Math.min(to, at + part.length);
      if (start < stop) part.copy(bytes, start - from, start - at, stop - at);
    }
    return bytes;
  };

test.each([
  ['csv', 'x', openCsv(before, {})],
  ['csv of commas and quotes', ',"x"', openCsv(before, {})],
  ['csv with a quote that is never closed', '"', openCsv(before, {})],
  ['ndjson', 'x', openNdjson(before, {})],
])('a line of 200 MiB is skipped in flat memory: %s', async (_name, fill, layout) => {
  const peak = { bytes: 0 };
  const read = synthetic(fill, peak);
  await layout.cuts(read, { start: 0, end: 1024 }, { items: 1, bytes: 1 }).next?.();
  const start = process.memoryUsage.rss();
  const source = { length: end } as Uint8Array;
  const { records, chunks } = await readAllRecords(layout, source, {
    read,
    limits: { items: 1000, bytes: 4 << 20 },
  });
  const long = records.find(({ error }) => error?.code === 'RECORD_TOO_LONG');
  expect(long?.raw).toBe('');
  expect(long?.error?.message).toContain(`is ${HUGE} bytes long; maxRecordBytes allows 1048576`);
  expect(records.at(-1)?.error?.code).toBe(layout.columns ? undefined : 'BAD_JSON');
  expect(chunks.at(-1)?.end).toBe(end);
  expect((peak.bytes - start) / 1024 / 1024).toBeLessThan(50);
});

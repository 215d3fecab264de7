import { expect, test } from 'vitest';
import type { Layout } from '../../lib/core/reader.ts';
import { openCsv } from '../../lib/io/csv.ts';
import { openNdjson } from '../../lib/io/ndjson.ts';
import { hugeSource, type Outcome, readAllRecords } from './reading.ts';

const MIB = 1024 * 1024;
const before = Buffer.from('a,b\n1,2\n');
const after = Buffer.from('\n3,4\n');

/** Reads a source whose middle is one line, made while it is read; returns the largest memory seen. */
async function readHuge(
  layout: Layout,
  fill: string,
  huge: number,
): Promise<Outcome & { peak: number; end: number }> {
  const { read, source, peak } = hugeSource({ before, fill, after }, huge);
  const limits = { items: 1000, bytes: 4 * MIB };
  const found = await readAllRecords(layout, source, { read, limits });
  return { ...found, peak: peak(), end: source.length };
}

test.each([
  { name: 'csv', fill: 'x', layout: openCsv(before, {}), size: 200 },
  { name: 'csv of quoted cells', fill: ',"x"', layout: openCsv(before, {}), size: 64 },
  { name: 'csv, an open quote', fill: '"', layout: openCsv(before, {}), size: 64 },
  { name: 'ndjson', fill: 'x', layout: openNdjson(before, {}), size: 200 },
])('a line of $size MiB is skipped in flat memory: $name', async ({ fill, layout, size }) => {
  // The heap's own growth to its usual size is not what is measured.
  await readHuge(layout, fill, 30 * MIB);
  const start = process.memoryUsage.rss();
  const { records, chunks, peak, end } = await readHuge(layout, fill, size * MIB);
  const long = records.find(({ error }) => error?.code === 'RECORD_TOO_LONG');
  expect(long?.raw).toBe('');
  expect(long?.error?.message).toContain(
    `is ${size * MIB} bytes long; maxRecordBytes allows 1048576`,
  );
  expect(records.at(-1)?.raw).toBe('3,4');
  expect(chunks.at(-1)?.end).toBe(end);
  expect((peak - start) / MIB).toBeLessThan(50);
});

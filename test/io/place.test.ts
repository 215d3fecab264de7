import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Layout } from '../../lib/core/reader.ts';
import { openCsv } from '../../lib/io/csv.ts';
import { openJsonArray } from '../../lib/io/json-array.ts';
import { openNdjson } from '../../lib/io/ndjson.ts';
import { readAllRecords } from './reading.ts';

const runs = process.env['SLUICE_FULL'] === undefined ? 150 : 3000;

/** Small alphabets full of what matters, so that broken quotes and blank lines come together. */
const texts = {
  csv: fc.array(fc.constantFrom('"', '\n', ',', 'a', '\r\n', '""', ' ', '"\n', 'é'), {
    maxLength: 60,
  }),
  ndjson: fc.array(fc.constantFrom('{}', '\n', ' ', '\r\n', '[1', 'é', '\t'), { maxLength: 40 }),
  json: fc.array(fc.constantFrom('{"a":', '}', '1', ',', '\n', '"', ' ', '[', ']', 'é'), {
    maxLength: 40,
  }),
};

const openers: Record<keyof typeof texts, (head: Uint8Array, windowBytes: number) => Layout> = {
  csv: (head, windowBytes) => openCsv(head, {}, windowBytes),
  ndjson: (head, windowBytes) => openNdjson(head, {}, windowBytes),
  json: (head, windowBytes) => openJsonArray(head, {}, windowBytes),
};

/** Line of a byte, from 1: counted anew from the source's first byte. */
const lineAt = (bytes: Buffer, at: number): number =>
  bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;

test.each(['csv', 'ndjson', 'json'] as const)(
  'the line of a record is that of its first byte, however it was cut: %s',
  async (format) => {
    const before = { csv: '"x\ny",z\n', ndjson: '', json: ' \n[\n' }[format];
    await fc.assert(
      fc.asyncProperty(
        texts[format],
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 4, max: 30 }),
        async (parts, items, windowBytes) => {
          const bytes = Buffer.from(`${before}${parts.join('')}`);
          if (bytes.length === 0) return;
          const layout = openers[format](bytes, windowBytes);
          if (layout.problem !== undefined) return;
          const whole = await readAllRecords(openers[format](bytes, 1 << 20), bytes, {
            lines: true,
          });
          const cut = await readAllRecords(layout, bytes, {
            limits: { items, bytes: 1000 },
            lines: true,
          });
          expect(cut.records.map(({ where }) => where)).toEqual(
            whole.records.map(({ where }) => where),
          );
          expect(cut.records.map(({ error }) => error)).toEqual(
            whole.records.map(({ error }) => error),
          );
          for (const { where, error } of whole.records) {
            const told = /line (\d+) \(byte (\d+)\)/.exec(error?.message ?? where ?? '');
            if (told === null) continue;
            expect(Number(told[1])).toBe(lineAt(bytes, Number(told[2])));
            if (error !== undefined) expect(where).toContain(`line ${told[1]}`);
          }
        },
      ),
      { numRuns: runs },
    );
  },
);

test('a chunk above 8 MiB, read in pieces, tells the same lines as small chunks', async () => {
  const rows = Array.from({ length: 60_000 }, (_, i) =>
    i % 1000 === 7
      ? `"${i}\n\n${'x'.repeat(i % 3000)}",1`
      : `${i},"${'y'.repeat(i % 280)}"${i % 999 === 0 ? '\n' : ''}`,
  );
  const bytes = Buffer.from(`a,b\n${rows.join('\n')}\n`);
  expect(bytes.length).toBeGreaterThan(8.1 * 1024 * 1024);
  const layout = openCsv(bytes, {});
  const options = { lines: true, maxRecordBytes: 1500 };
  const large = await readAllRecords(layout, bytes, options);
  const small = await readAllRecords(layout, bytes, {
    ...options,
    limits: { items: 500, bytes: 100_000 },
  });
  expect(large.records.some(({ error }) => error?.code === 'RECORD_TOO_LONG')).toBe(true);
  const seen = (records: typeof small.records) =>
    records.map(({ where, error }) => (error?.code === 'RECORD_TOO_LONG' ? error.message : where));
  expect(seen(large.records)).toEqual(seen(small.records));
}, 30_000);

import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { parquetLines } from '../../lib/io/parquet-lines.ts';

const MIB = 1024 * 1024;
const GROUPS = 40;
const ROWS = 25_000;

/** Groups of 25,000 rows that do not compress, about 5 MB each. */
function large(): Buffer {
  let seed = 1;
  const next = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed;
  };
  const count = GROUPS * ROWS;
  const text = (): string => `${next()}-${next()}-${next()}-${next()}`;
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'n', data: Float64Array.from({ length: count }, next), type: 'DOUBLE' },
        { name: 't', data: Array.from({ length: count }, text), type: 'STRING' },
        {
          name: 'u',
          data: Array.from({ length: count }, (_, i) => (i % 3 ? text() : null)),
          type: 'STRING',
        },
      ],
      rowGroupSize: ROWS,
      statistics: false,
    }),
  );
}

/** A minute of writing the file: the long run alone. The short one counts the bytes that are read at once. */
test.skipIf(process.env['SLUICE_FULL'] === undefined)(
  'a million rows in 40 row groups: the resident set stays where the first groups brought it',
  async () => {
    const bytes = large();
    const source = {
      bytes: bytes.length,
      read: async (start: number, end: number) => bytes.subarray(start, end),
    };
    const peaks: number[] = [];
    let rows = 0;
    let written = 0;
    for await (const block of parquetLines(source)) {
      for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) rows += 1;
      written += block.length;
      const group = Math.min(GROUPS - 1, Math.floor((rows - 1) / ROWS));
      peaks[group] = Math.max(peaks[group] ?? 0, process.memoryUsage.rss());
    }
    expect(rows).toBe(GROUPS * ROWS);
    const early = Math.max(...peaks.slice(0, GROUPS / 4));
    const late = Math.max(...peaks.slice((GROUPS * 3) / 4));
    console.log(
      `${Math.round(bytes.length / MIB)} MiB of Parquet, ${Math.round(written / MIB)} MiB of lines: ` +
        `peak ${Math.round(early / MIB)} MiB in the first quarter, ${Math.round(late / MIB)} MiB in the last`,
    );
    expect((late - early) / MIB).toBeLessThan(60);
  },
  300_000,
);

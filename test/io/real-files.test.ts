import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { csv } from '../../lib/io/csv.ts';
import { openInput } from '../../lib/io/input.ts';
import { fileSource, pinFile } from '../../lib/io/local-file.ts';

const data =
  process.env['SLUICE_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const odds = `${data}/odds/jokecamp/football-data.co.uk`;

async function rowsOf(path: string): Promise<Record<string, string>[]> {
  const input = openInput({
    reader: csv(),
    readerOptions: { encoding: 'latin1' },
    sources: [fileSource(await pinFile(path))],
    limits: { items: 50, bytes: 1_000_000, maxRecordBytes: 100_000 },
    objects: memoryObjectStore(),
    batch: 'b1',
  });
  expect(await input.prepare()).toBeUndefined();
  const rows: Record<string, string>[] = [];
  for await (const { range } of input.cuts('')) {
    for await (const block of input.records(range)) {
      expect(block.errors).toBeUndefined();
      rows.push(...(block.rows as Record<string, string>[]));
    }
  }
  return rows;
}

describe.skipIf(!existsSync(odds))('files of football-data.co.uk (SLUICE_DATA)', () => {
  test('lines of commas at the end are no records, nameless columns no cells', async () => {
    const path = `${odds}/france/F1 (15).csv`;
    const rows = await rowsOf(path);
    const lines = readFileSync(path, 'latin1').split(/\r?\n/);
    expect(rows).toHaveLength(lines.slice(1).filter((line) => /[^,\s]/.test(line)).length);
    expect(rows.length).toBeGreaterThan(300);
    expect(rows[0]).toEqual({
      Div: 'F1',
      Date: '07/08/98',
      HomeTeam: 'Le Havre',
      AwayTeam: 'Metz',
      FTHG: '0',
      FTAG: '0',
      FTR: 'D',
      HTHG: '0',
      HTAG: '0',
      HTR: 'D',
    });
  });
});

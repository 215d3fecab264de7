import { existsSync } from 'node:fs';
import Database from 'libsql';
import type { Report } from '../core/report.ts';

const COUNTS = `SELECT (SELECT count(*) FROM artists WHERE seen_at = ?1), (SELECT count(*) FROM albums WHERE seen_at = ?1),
  sum(duplicate IS NULL), sum(duplicate = 'copy'), sum(duplicate = 'recording'), sum(doubt IS NOT NULL)
  FROM tracks WHERE seen_at = ?1`;

/**
 * What a scan of the music job found, counted in its SQLite file: how many artists there are is in no outcome. Nothing of
 * another job, of a database elsewhere, or where a later scan has replaced the rows.
 */
export function musicSummary({ job, options, now, stages }: Report): string[] {
  const { sink } = options;
  const path = typeof sink === 'string' ? /^sqlite:(.*)$/s.exec(sink)?.[1] : undefined;
  if (job !== 'music' || path === undefined || !existsSync(path)) return [];
  const counts = countsOf(path, Date.parse(now));
  if (counts === undefined || counts.some((count) => count === null)) return [];
  const [artists, albums, tracks, copies, recordings, doubts] = counts as number[];
  const errors = stages?.find(({ name }) => name === 'extract')?.failed ?? 0;
  const rows: [string, number | undefined][] = [
    ['artists', artists],
    ['albums', albums],
    ['tracks', tracks],
    ['duplicates', (copies ?? 0) + (recordings ?? 0)],
    ['  copies', copies],
    ['doubts', doubts],
    ['errors', errors],
  ];
  return rows.map(([name, count]) => `${name.padEnd(12)}${String(count).padStart(9)}`);
}

function countsOf(path: string, seen: number): unknown[] | undefined {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    return db.prepare(COUNTS).raw().get(seen) as unknown as unknown[];
  } catch {
    // A file that is locked or gone is no fault of the batch, which has ended.
    return undefined;
  } finally {
    db?.close();
  }
}

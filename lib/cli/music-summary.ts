import { existsSync } from 'node:fs';
import Database from 'libsql';
import type { Report } from '../core/report.ts';

const COUNTS = `SELECT (SELECT count(*) FROM artists_seen WHERE seen_at = ?1),
  (SELECT count(*) FROM albums_seen WHERE seen_at = ?1),
  sum(duplicate IS NULL), sum(duplicate = 'copy'), sum(duplicate = 'recording'), sum(doubt IS NOT NULL)
  FROM tracks JOIN tracks_seen USING (id) WHERE seen_at = ?1`;

/**
 * What a scan of the music job found, counted in its SQLite file: how many artists there are is in no outcome. Of a
 * database elsewhere, of none, or where a later scan has replaced the rows: what the outcomes tell. Nothing of another job.
 */
export function musicSummary(report: Report): string[] {
  if (report.job !== 'music') return [];
  const rows = countedRows(report) ?? outcomeRows(report);
  return rows.map(([name, count]) => `${name.padEnd(12)}${String(count).padStart(9)}`);
}

type CountRow = [string, number];

function countedRows({ options, now, stages }: Report): CountRow[] | undefined {
  const { sink } = options;
  const path = typeof sink === 'string' ? /^sqlite:(.*)$/s.exec(sink)?.[1] : undefined;
  if (path === undefined || !existsSync(path)) return undefined;
  const counts = countsOf(path, Date.parse(now));
  if (counts === undefined || counts.some((count) => count === null)) return undefined;
  const [artists = 0, albums = 0, tracks = 0, copies = 0, recordings = 0, doubts = 0] =
    counts as number[];
  return [
    ['artists', artists],
    ['albums', albums],
    ['tracks', tracks],
    ['duplicates', copies + recordings],
    ['  copies', copies],
    ['doubts', doubts],
    ['errors', stages?.find(({ name }) => name === 'extract')?.failed ?? 0],
  ];
}

/** Every file that was read has a row, and only duplicates are skipped; so with all rows through these three are exact. */
function outcomeRows({ status, stages }: Report): CountRow[] {
  const of = (stage: string) => stages?.find(({ name }) => name === stage);
  const [extract, albums, insert] = ['extract', 'albums', 'insert'].map(of);
  if (status !== 'done' || extract === undefined || insert === undefined) return [];
  if (insert.failed > 0 || (albums?.failed ?? 0) > 0) return [];
  return [
    ['tracks', extract.ok - insert.skipped],
    ['duplicates', insert.skipped],
    ['errors', extract.failed],
  ];
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

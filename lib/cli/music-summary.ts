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

function countedRows(report: Report): CountRow[] | undefined {
  const { now, options } = report;
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
    ['errors', roundsIn(report).errors],
  ];
}

/** Every file that was read has a row, and only duplicates are skipped; so with all rows through these three are exact. */
function outcomeRows(report: Report): CountRow[] {
  const { albums, insert, read, errors } = roundsIn(report);
  if (report.status !== 'done' || insert === undefined) return [];
  if (insert.failed > 0 || (albums?.failed ?? 0) > 0) return [];
  return [
    ['tracks', read - insert.skipped],
    ['duplicates', insert.skipped],
    ['errors', errors],
  ];
}

/** A retry reads again what failed, and groups and inserts all: of rounds that were cut short nothing behind the reading counts. */
function roundsIn(report: Report) {
  const rounds = (report.rounds ?? [report]).filter(
    ({ round, status }) => round === 0 || status === 'done',
  );
  const of = (round: (typeof rounds)[number] | undefined, stage: string) =>
    round?.stages?.find(({ name }) => name === stage);
  const [albums, insert] = ['albums', 'insert'].map((stage) => of(rounds.at(-1), stage));
  const behind = (albums?.failed ?? 0) + (insert?.failed ?? 0);
  const found = of(rounds[0], 'discover')?.failed ?? 0;
  return {
    albums,
    insert,
    read: rounds.reduce((sum, round) => sum + (of(round, 'extract')?.ok ?? 0), 0),
    errors:
      report.rounds === undefined
        ? (of(rounds[0], 'extract')?.failed ?? 0)
        : Math.max(0, report.failed - behind - found),
  };
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

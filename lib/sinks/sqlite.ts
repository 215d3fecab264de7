import { hash as digest } from 'node:crypto';
import type { GroupContext } from '../index.ts';
import type { CellValue, Column } from './columns.ts';
import { isLocked, sqliteFault } from './faults.ts';
import { DIGEST, type SinkRow, type Table, type Writer } from './writer.ts';

type SqliteFile = ReturnType<GroupContext['sqlite']>;
type SqliteStatement = ReturnType<SqliteFile['prepare']>;

/**
 * Rows of a statement: more than 500 save nothing, and each other count is another one to compile. Groups whose sizes differ
 * spent 2.4 s on that for 0.7 s of running (profile of the music job, 10,000 files): so groups are made of five sizes.
 */
const ROWS = [500, 100, 20, 4, 1] as const;
/**
 * Of a table with more columns each row is a statement (several go through a coroutine, which is believed to copy each value once more).
 * 27 columns took 21 us of CPU a row one by one and 32 by the hundred, 9 took 11 and 13, 6 as much (20,000 rows each).
 */
const WIDE = 8;

/**
 * Upserts of many rows a statement: half the CPU of a prepared statement per row (3.1 to 5.0 microseconds a
 * row against 6.8 to 10.3, groups of 100 and 1000, on a busy machine). Groups that are there at the same
 * time, also of other tables of the file, share one transaction, and so one sync of the disk; when it fails, each has its own.
 */
export function sqliteWriter(path: string, table: Table): Writer {
  const name = `sqlite:${path}/${table.name}${table.anew ? '/anew' : ''}`;
  const use = async <T>(ctx: GroupContext, act: (opened: Opened) => T | Promise<T>): Promise<T> => {
    try {
      return await act(ctx.shared(name, () => open(ctx, path, table)));
    } catch (fault) {
      throw sqliteFault(fault, `SQLite file ${path}`);
    }
  };
  return {
    together: true,
    write: (ctx, rows) => use(ctx, ({ write }) => write({ ctx, rows })),
    others: (ctx, column, texts) =>
      use(ctx, ({ file }) => {
        const rows = file
          .prepare(
            `SELECT "${column}" FROM "${table.name}"
             WHERE "${column}" IN (SELECT value FROM json_each(?)) AND batch <> ?`,
          )
          .all(JSON.stringify(texts), ctx.batch);
        return new Set(rows.map(([text]) => text as string));
      }),
  };
}

interface Group {
  ctx: GroupContext;
  rows: readonly SinkRow[];
}

interface Opened {
  file: SqliteFile;
  /** Committed when it resolves. */
  write(group: Group): Promise<void>;
}

/**
 * KiB of pages that a connection keeps; 2,000 where nobody says so. A transaction of 4,000 wide rows has 5 MB of pages: those that
 * do not fit are written before the commit, and read again. With more a first scan spent 10.3 us a row in the system in place of
 * 14.6 (means of three, 50,000 tracks, busy machine); 64,000 saved no more.
 */
const CACHE_KIB = 16_000;

function open(ctx: GroupContext, path: string, table: Table): Opened {
  const file = ctx.sqlite(path);
  file.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  const { owners } = table;
  if (owners !== undefined) makeTable(file, owners);
  makeTable(file, table);
  const upserts = owners === undefined ? plainOf(file, table) : currentOf(file, table, owners);
  const commits = ctx.shared(`sqlite-commits:${path}`, () => newCommits(file));
  return { file, write: (group) => commits.add(upserts(group)) };
}

/** Makes ready to write a group's rows, which may be done twice. */
type Upserts = (group: Group) => () => void;

function plainOf(file: SqliteFile, table: Table): Upserts {
  const upsert = upsertsOf(file, table);
  return ({ ctx, rows }) =>
    () =>
      void upsert(ctx, rows);
}

/**
 * Writes the owners' rows, and of the wide ones what is not as it was: to bind the 25 values of each and compare them took 17 of the 38
 * us of CPU of a row that was (40,000 tracks). It is looked for in the table itself, so that what was deleted from there comes back.
 */
function currentOf(file: SqliteFile, table: Table, owners: Table): Upserts {
  const { name, key } = table;
  const before = `SELECT there.${DIGEST} FROM "${name}" AS there WHERE there.${key} = "${owners.name}".${key}`;
  // Told by their digests: of a key with half a surrogate pair another text comes back than was given.
  const returning = `RETURNING CASE WHEN (${before}) IS ${DIGEST} THEN NULL ELSE ${DIGEST} END`;
  const own = upsertsOf(file, owners, returning);
  const all = upsertsOf(file, table);
  return ({ ctx, rows }) => {
    const seen = rows.map(({ item, key: mine, cells, seen: owned = [] }): SinkRow => {
      const text = digestOf(cells);
      cells.push(text);
      return { item, key: mine, cells: [...owned, text] };
    });
    return () => {
      const differ = new Set(own(ctx, seen));
      all(
        ctx,
        rows.filter(({ cells }) => differ.has(cells.at(-1))),
      );
    };
  };
}

/** Of a row's values one after the other, each with its length: no two rows have one text. */
function digestOf(cells: readonly CellValue[]): string {
  let text = '';
  for (const cell of cells) {
    if (typeof cell === 'string') text += `${cell.length}:${cell}`;
    else text += `${cell};`;
  }
  return digest('sha256', text, 'base64').slice(0, DIGEST_CHARS);
}

/** 126 bits. */
const DIGEST_CHARS = 21;

/**
 * Of a file that another thread or process writes. It is free within a fraction of a second, and a step that is told so tries again after up to 2 s: two
 * threads that write by turns would mostly stand still.
 */
const LOOK_MS = 2;
const LOOKS = 200;

interface Waiting {
  act(): void;
  resolve(): void;
  reject(fault: unknown): void;
}

/** Transactions of one file, whichever of its tables they are for; what is there at the same time is one, in its order. */
function newCommits(file: SqliteFile): { add(act: () => void): Promise<void> } {
  let waiting: Waiting[] = [];
  let looks = 0;
  const commit = (some: readonly Waiting[]): { thrown: unknown } | undefined =>
    fails(() =>
      file.transaction(() => {
        for (const { act } of some) act();
      }),
    );
  const end = ({ resolve, reject }: Waiting, fault: { thrown: unknown } | undefined): void => {
    if (fault === undefined) resolve();
    else reject(fault.thrown);
  };
  const flush = (): void => {
    const all = waiting;
    const fault = commit(all);
    if (fault !== undefined && isLocked(fault.thrown) && looks < LOOKS) {
      looks += 1;
      setTimeout(flush, LOOK_MS);
      return;
    }
    looks = 0;
    waiting = [];
    const together = fault === undefined || all.length === 1;
    for (const one of all) end(one, together ? fault : commit([one]));
  };
  return {
    add: (act) =>
      new Promise((resolve, reject) => {
        waiting.push({ act, resolve, reject });
        // By then every slot that has a group ready has brought it.
        if (waiting.length === 1) setImmediate(flush);
      }),
  };
}

/** Writes rows by as few statements as there can be. Gives what they return. */
function upsertsOf(
  file: SqliteFile,
  table: Table,
  returning = '',
): (ctx: GroupContext, rows: readonly SinkRow[]) => unknown[] {
  const kept = new Map<number, SqliteStatement>();
  const upsert = (rows: number): SqliteStatement => {
    const statement = kept.get(rows) ?? file.prepare(`${upsertOf(table, rows)} ${returning}`);
    kept.set(rows, statement);
    return statement;
  };
  const rowsAtMost = table.columns.length > WIDE ? 1 : ROWS[0];
  const sizes = ROWS.filter((rows) => rows <= rowsAtMost);
  return (ctx, rows) => {
    const returned: unknown[] = [];
    let from = 0;
    for (const size of sizes) {
      for (; rows.length - from >= size; from += size) {
        const values = valuesOf(ctx, rows.slice(from, from + size));
        if (returning === '') upsert(size).run(...values);
        else for (const [value] of upsert(size).all(...values)) returned.push(value);
      }
    }
    return returned;
  };
}

function fails(act: () => void): { thrown: unknown } | undefined {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return { thrown };
  }
}

function valuesOf(ctx: GroupContext, rows: readonly SinkRow[]): CellValue[] {
  const values: CellValue[] = [ctx.batch, ctx.round, ctx.epoch];
  for (const { item, cells } of rows) {
    values.push(item);
    for (const cell of cells) values.push(typeof cell === 'boolean' ? Number(cell) : cell);
  }
  return values;
}

/**
 * A wide table has row ids: as the leaves of an index its rows would leave a page few keys to go down by. A new row of 1.1 KB took 36 us
 * in place of 45, one that was as it was 10 (96,000 rows, 24 columns, the statements alone, quiet machine).
 */
function makeTable(file: SqliteFile, { name, columns, key, indexes }: Table): void {
  const there = file.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  if (there.all(name).length > 0) return;
  const own = columns.map((column: Column) => `"${column.name}" ${column.sqlite}`);
  // Together, or a table whose indexes found the file locked would never have them.
  file.transaction(() => {
    file.exec(
      `CREATE TABLE IF NOT EXISTS "${name}" (batch TEXT NOT NULL, item INTEGER NOT NULL,
        round INTEGER NOT NULL, epoch INTEGER NOT NULL, ${own.join(', ')},
        PRIMARY KEY (${key})) STRICT${columns.length > WIDE ? '' : ', WITHOUT ROWID'}`,
    );
    for (const column of indexes) {
      file.exec(`CREATE INDEX IF NOT EXISTS "${name}_${column}" ON "${name}" ("${column}")`);
    }
  });
}

/**
 * What all rows have is bound once: a quarter of the CPU (measured). A plain `?` is the one after the last so far. Had each its number, SQLite would look it up among all before it: 169 ms of CPU
 * to compile 500 rows of 24 values (measured).
 */
function upsertOf({ name, columns, update }: Table, rows: number): string {
  const names = columns.map((column) => `"${column.name}"`);
  const row = `(?1,?2,?3,?${',?'.repeat(names.length)})`;
  const all = new Array<string>(rows).fill(row);
  return `INSERT INTO "${name}" AS there (batch, round, epoch, item, ${names.join(', ')}) VALUES ${all.join(',')} ${update('IS NOT')}`;
}

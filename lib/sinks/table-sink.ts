import { resolve } from 'node:path';
import {
  type GroupContext,
  type GroupStep,
  inBatches,
  ok,
  PermanentError,
  skip,
  UnavailableError,
} from '../index.ts';
import { type ColumnType, cellsOf, checkName, columnsOf } from './columns.ts';
import { postgresWriter } from './postgres.ts';
import { sqliteWriter } from './sqlite.ts';
import {
  rowsOf,
  type SinkRow,
  seenName,
  type Table,
  type TableShape,
  tableOf,
  type Writer,
} from './writer.ts';

export type { ColumnType } from './columns.ts';

export interface TableSinkOptions<R> {
  /**
   * `sqlite:<path>` (from the working folder; not on AWS Lambda) or `postgres://user@host/database`. A URL
   * with a password is a secret: `(ctx) => ctx.secret('DATABASE_URL')`, named in the job's `secrets`.
   */
  url: string | ((ctx: GroupContext) => string);
  /** Name of the table, in PostgreSQL also `schema.table`. It is made if it is not there. */
  table: string;
  columns: Readonly<Record<string, ColumnType>>;
  /** The values of a row by column; default: the row itself. */
  row?: (value: R) => Readonly<Record<string, unknown>>;
  /** Rows of one transaction, 1 to 10,000; default 200. */
  group?: number;
  /** PostgreSQL connections per worker, 1 to 100; default 4. */
  connections?: number;
}

const DEFAULT_GROUP = 200;
const DEFAULT_CONNECTIONS = 4;
const MAX_CONNECTIONS = 100;
/** Tried until the item's time is over: a database that restarts is there again within seconds. */
const RETRY = { tries: 1000, baseMs: 2, maxMs: 2_000 };

/**
 * A step that writes each row to a table, as (batch, item, round, epoch, and your columns), and gives it on
 * as it is. A repeat after a crash changes nothing; a later round replaces what it brings anew.
 *
 * @example
 * steps: [
 *   (row) => ok({ siren: row.siren, staff: Number(row.staff) }),
 *   tableSink({ url: 'sqlite:companies.db', table: 'companies', columns: { siren: 'text', staff: 'integer' } }),
 * ]
 */
export function tableSink<R>(options: TableSinkOptions<R>): GroupStep<R, R> {
  const { write, group } = openTable(options, {});
  return inBatches(group, (rows, ctx) => write(rows, ctx).results, RETRY);
}

export interface UniqueTableOptions<R> extends TableSinkOptions<R> {
  /** The text column of which a value is there once, whichever batch wrote it. It is the primary key. */
  unique: string;
  /** Further text columns that `unseen` looks into: each gets an index. */
  also?: readonly string[];
}

export interface UniqueTable<R> {
  /** Skips as `duplicate` what another batch has written, in the unique column or in those of `also`. */
  unseen<A>(keyOf: (row: A) => string): GroupStep<A, A>;
  /**
   * Writes rows. One that another batch has written meanwhile is skipped as `duplicate`; of rows of this batch
   * with one value the first of the input has the place, and all go on.
   */
  sink: GroupStep<R, R>;
}

/**
 * A table that holds each value of a column once, over all batches that write to it: what was imported is not
 * imported again. Lookups are by index, a query a group. What one item does never depends on the others of its
 * batch, so outcomes stay the same whatever the order.
 *
 * @example
 * const pages = uniqueTable({ url: 'sqlite:pages.db', table: 'pages', unique: 'url', columns: { url: 'text' } });
 * steps: [pages.unseen((row) => row.url), fetchPage, pages.sink]
 */
export function uniqueTable<R>(options: UniqueTableOptions<R>): UniqueTable<R> {
  const { unique, also = [] } = options;
  for (const column of [unique, ...also]) {
    if (options.columns[column] === 'text') continue;
    throw new Error(
      `Column '${column}' of a unique table must be one of its columns, of type 'text'.`,
    );
  }
  const { write, writerOf, group } = openTable(options, { unique, indexes: also });
  const unseen = <A>(keyOf: (row: A) => string): GroupStep<A, A> =>
    inBatches(
      group,
      async (rows, ctx) => {
        const texts = [...new Set(rows.map(keyOf))];
        const seen = await Promise.all(
          [unique, ...also].map((column) => writerOf(ctx).others(ctx, column, texts)),
        );
        return rows.map((row) =>
          seen.some((some) => some.has(keyOf(row))) ? skip('duplicate') : ok(row),
        );
      },
      RETRY,
    );
  const sink = inBatches<R, R>(
    group,
    async (rows, ctx) => {
      const { results, keys } = write(rows, ctx);
      const done = await results;
      const others = await writerOf(ctx).others(ctx, unique, [...new Set(keys.values())]);
      return done.map((result, at) =>
        others.has(keys.get(at) ?? '') ? skip('duplicate') : result,
      );
    },
    RETRY,
  );
  return { unseen, sink };
}

export interface CurrentTableOptions<R> extends TableSinkOptions<R> {
  /** The text column of which a value is there once. It is the primary key. */
  unique: string;
  /**
   * A column of whole numbers that grows from batch to batch, such as `ctx.now`: the batch with the largest has the row. It is
   * kept in a table of its own, `<table>_seen`, so that a row which is as it was is not written again.
   */
  newest: string;
}

/**
 * A step that keeps a table as the newest batch has it: a row for each value of a column, which later batches replace.
 * Of rows of one batch with one value the first of the input has the place. A row that a batch no longer has stays;
 * `<table>_seen` has the number of the last batch that had it.
 */
export function currentTable<R>({
  unique,
  newest,
  ...options
}: CurrentTableOptions<R>): GroupStep<R, R> {
  if (options.columns[unique] !== 'text' || options.columns[newest] !== 'integer') {
    throw new Error(
      `Columns '${unique}' and '${newest}' of a current table must be among its columns, of types 'text' and 'integer'.`,
    );
  }
  const { write, group } = openTable(options, { unique, newest });
  return inBatches(group, (rows, ctx) => write(rows, ctx).results, RETRY);
}

type Results<R> = readonly (ReturnType<typeof ok<R>> | PermanentError)[];

/** What both kinds of table share. */
function openTable<R>(
  options: TableSinkOptions<R>,
  keys: Pick<TableShape, 'unique' | 'newest' | 'indexes'>,
) {
  const columns = columnsOf(options.columns);
  const names = keys.newest === undefined ? options.table : seenName(options.table);
  for (const part of names.split('.')) checkName('table', part);
  const connections = options.connections ?? DEFAULT_CONNECTIONS;
  if (!Number.isInteger(connections) || connections < 1 || connections > MAX_CONNECTIONS) {
    throw new Error(`connections of a sink must be 1 to ${MAX_CONNECTIONS}; got ${connections}.`);
  }
  const writers = new Map<string, Writer>();
  const writerFor = (url: string, anew: boolean): Writer => {
    const name = `${anew} ${url}`;
    const table = tableOf({ name: options.table, columns, anew, ...keys });
    const writer = writers.get(name) ?? newWriter(url, { table, connections });
    writers.set(name, writer);
    return writer;
  };
  if (typeof options.url === 'string') writerFor(options.url, false);
  const writerOf = (ctx: GroupContext): Writer => writerFor(urlOf(options.url, ctx), ctx.anew);
  const keyAt = columns.findIndex(({ name }) => name === keys.unique);
  const rowOf = rowsOf(columns, keys);

  const write = (rows: readonly R[], ctx: GroupContext) => {
    const writer = writerOf(ctx);
    const good = new Map<number | string, SinkRow>();
    const kept = new Map<number, string>();
    const results: Results<R> = rows.map((value, at) => {
      const given = options.row === undefined ? value : options.row(value);
      const cells = cellsOf(columns, given as Record<string, unknown>);
      if (typeof cells === 'string') return new PermanentError(cells, { code: 'BAD_VALUE' });
      const key = keyAt === -1 ? at : (cells[keyAt] as string | null);
      if (key === null)
        return new PermanentError(`column "${keys.unique}": must not be null`, {
          code: 'BAD_VALUE',
        });
      if (typeof key === 'string') kept.set(at, key);
      // A statement may write a row once. Rows come in the order of the input: the first has the place.
      if (!good.has(key)) good.set(key, rowOf(ctx.items[at]?.index ?? -1, cells));
      return ok(value);
    });
    // In one order, so that two groups that write the same rows do not wait for each other.
    const ordered = [...good].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
    const written = ordered.length === 0 ? results : writer.write(ctx, ordered).then(() => results);
    return { results: written, keys: kept };
  };
  return { write, writerOf, group: options.group ?? DEFAULT_GROUP };
}

/**
 * Checks the URL of a sink that a person gives as an option of a job: no password, since options are in the report; a
 * file by its absolute path, so that a resume from elsewhere goes on with the same.
 * @throws Error that says what it must be
 */
export function sinkOption(text: string): string {
  tableSink({ url: text, table: 'any', columns: { any: 'text' } });
  const [, path] = /^sqlite:(?:\/\/(?=[^/]*\/))?(.*)$/s.exec(text) ?? [];
  if (path !== undefined) return `sqlite:${resolve(path)}`;
  if (new URL(text).password === '') return text;
  throw new Error(
    "must hold no password, since a batch's options are in its report: set PGPASSWORD, or write ~/.pgpass.",
  );
}

/** A secret or an option that is not there is no fault of a row. */
function urlOf(url: string | ((ctx: GroupContext) => string), ctx: GroupContext): string {
  if (typeof url === 'string') return url;
  try {
    return url(ctx);
  } catch (cause) {
    throw badUrl(`the URL of a sink is not known: ${(cause as Error).message}`);
  }
}

function newWriter(
  url: string,
  { table, connections }: { table: Table; connections: number },
): Writer {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'sqlite') {
    const path = rest.replace(/^\/\/(?=[^/]*\/)/, '');
    if (path !== '' && path !== ':memory:') return sqliteWriter(path, table);
    throw badUrl(`the URL of a sink names no file: '${url}'. Write sqlite:rows.db.`);
  }
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const place = placeOf(url);
    if (place !== undefined) return postgresWriter({ url, place, connections }, table);
    throw badUrl('the URL of a sink cannot be read. Write postgres://user@host:5432/database.');
  }
  throw badUrl(
    `the URL of a sink must begin with sqlite: or postgres://; got ${scheme === '' ? 'none' : `${scheme}:`}.`,
  );
}

const badUrl = (message: string): UnavailableError =>
  new UnavailableError(message, { code: 'BAD_URL', retry: false });

/** Host, port and database of a URL: no user and no password. */
function placeOf(url: string): string | undefined {
  try {
    const { host, pathname } = new URL(url);
    return `PostgreSQL at ${host === '' ? 'localhost' : host}${pathname}`;
  } catch {
    return undefined;
  }
}

import { type GroupContext, ok, PermanentError, UnavailableError } from '../index.ts';
import { type ColumnType, cellsOf, checkName, columnsOf, type RowValues } from './columns.ts';
import { postgresWriter } from './postgres.ts';
import { sqliteWriter } from './sqlite.ts';
import {
  DIGEST,
  rowsOf,
  type SinkRow,
  seenName,
  type TableShape,
  tableOf,
  type Writer,
} from './writer.ts';

export interface TableSinkOptions<R> {
  /**
   * `sqlite:<path>` (from the working folder; not on AWS Lambda) or `postgres://user@host/database`. A URL
   * with a password is a secret: `(ctx) => ctx.secret('DATABASE_URL')`, named in the job's `secrets`.
   */
  url: string | ((ctx: GroupContext) => string);
  /** Name of the table, in PostgreSQL also `schema.table`. It is made if it is not there. */
  table: string;
  columns: Readonly<Record<string, ColumnType>>;
  /** The values of a row by column, or as a list in the order of `columns`; default: the row itself. */
  row?: (value: R, ctx: GroupContext) => RowValues;
  /** Rows of one transaction, 1 to 10,000; default 200. */
  group?: number;
  /** PostgreSQL connections per worker, 1 to 100; default 4. */
  connections?: number;
}

const DEFAULT_GROUP = 200;
const DEFAULT_CONNECTIONS = 4;
const MAX_CONNECTIONS = 100;
/** Tried until the item's time is over: a database that restarts is there again within seconds. */
export const RETRY = { tries: 1000, baseMs: 2, maxMs: 2_000 };

export interface CurrentTableOptions<R> extends TableSinkOptions<R> {
  /** The text column of which a value is there once. It is the primary key. */
  unique: string;
  /**
   * A column of whole numbers that grows from batch to batch, such as `ctx.now`: the batch with the largest has the row. It is
   * kept in a table of its own, `<table>_seen`, so that a row which is as it was is not written again.
   */
  newest: string;
}

export function openCurrent<R>({ unique, newest, ...options }: CurrentTableOptions<R>) {
  if (options.columns[unique] !== 'text' || options.columns[newest] !== 'integer') {
    throw new Error(
      `Columns '${unique}' and '${newest}' of a current table must be among its columns, of types 'text' and 'integer'.`,
    );
  }
  if (Object.keys(options.columns).some((name) => name.toLowerCase() === DIGEST)) {
    throw new Error(
      `A current table has the column '${DIGEST}' of its own: give yours another name.`,
    );
  }
  return openTable(options, { unique, newest });
}

type Results<R> = readonly (ReturnType<typeof ok<R>> | PermanentError)[];

/** What all kinds of table share. */
export function openTable<R>(
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
    const shape = { name: options.table, columns, anew, ...keys };
    const writer = writers.get(name) ?? newWriter(url, { shape, connections });
    writers.set(name, writer);
    return writer;
  };
  if (typeof options.url === 'string') writerFor(options.url, false);
  const writerOf = (ctx: GroupContext): Writer => writerFor(urlOf(options.url, ctx), ctx.anew);
  const keyAt = columns.findIndex(({ name }) => name === keys.unique);
  const rowOf = rowsOf(columns, keys);

  /** A value as its table takes it, or why it does not fit. */
  const fitRow = (ctx: GroupContext, value: R, item: number): SinkRow | PermanentError => {
    const given = options.row === undefined ? value : options.row(value, ctx);
    const cells = cellsOf(columns, given as RowValues);
    if (typeof cells === 'string') return new PermanentError(cells, { code: 'BAD_VALUE' });
    const key = keyAt === -1 ? undefined : (cells[keyAt] as string | null);
    if (key !== null) return rowOf({ item, key, cells });
    const message = `column "${keys.unique}": must not be null`;
    return new PermanentError(message, { code: 'BAD_VALUE' });
  };
  const write = (ctx: GroupContext, values: readonly R[]) => {
    const rows: SinkRow[] = [];
    const kept = new Map<number, string>();
    const results: Results<R> = values.map((value, at) => {
      const row = fitRow(ctx, value, ctx.items[at]?.index ?? -1);
      if (row instanceof PermanentError) return row;
      if (row.key !== undefined) kept.set(at, row.key);
      rows.push(row);
      return ok(value);
    });
    return { results: put(writerOf(ctx), ctx, rows).then(() => results), keys: kept };
  };
  return { fitRow, write, writerOf, group: options.group ?? DEFAULT_GROUP };
}

/** Writes rows in the order of the input. A statement may write a row once: of those with one key the first has the place. */
export async function put(
  writer: Writer,
  ctx: GroupContext,
  rows: readonly SinkRow[],
): Promise<void> {
  if (rows.length === 0) return;
  if (rows[0]?.key === undefined) return writer.write(ctx, rows);
  const first = new Map<string | undefined, SinkRow>();
  for (const row of rows) if (!first.has(row.key)) first.set(row.key, row);
  // In one order, so that two groups that write the same rows do not wait for each other.
  const all = [...first.values()].sort(byKey);
  for (let from = 0; from < all.length; from += MOST_ROWS) {
    await writer.write(ctx, all.slice(from, from + MOST_ROWS));
  }
}

/** Of one transaction: as many as `group` may say, of items that give one row each. */
const MOST_ROWS = 10_000;

const byKey = ({ key: a = '' }: SinkRow, { key: b = '' }: SinkRow): number => (a < b ? -1 : 1);

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
  { shape, connections }: { shape: TableShape; connections: number },
): Writer {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'sqlite') {
    const path = rest.replace(/^\/\/(?=[^/]*\/)/, '');
    if (path !== '' && path !== ':memory:') {
      return sqliteWriter(path, tableOf({ ...shape, digested: shape.newest !== undefined }));
    }
    throw badUrl(`the URL of a sink names no file: '${url}'. Write sqlite:rows.db.`);
  }
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const place = placeOf(url);
    if (place !== undefined) return postgresWriter({ url, place, connections }, tableOf(shape));
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

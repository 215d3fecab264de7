import { resolve } from 'node:path';
import {
  type GroupContext,
  type GroupStep,
  inBatches,
  ok,
  PermanentError,
  UnavailableError,
} from '../index.ts';
import { type ColumnType, cellsOf, checkName, columnsOf } from './columns.ts';
import { postgresWriter } from './postgres.ts';
import { sqliteWriter } from './sqlite.ts';
import { type SinkRow, type Table, tableOf, type Writer } from './writer.ts';

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
  const columns = columnsOf(options.columns);
  for (const part of options.table.split('.')) checkName('table', part);
  const connections = options.connections ?? DEFAULT_CONNECTIONS;
  if (!Number.isInteger(connections) || connections < 1 || connections > MAX_CONNECTIONS) {
    throw new Error(`connections of a sink must be 1 to ${MAX_CONNECTIONS}; got ${connections}.`);
  }
  const table = tableOf(options.table, columns);
  const writers = new Map<string, Writer>();
  const writerOf = (url: string): Writer => {
    const writer = writers.get(url) ?? newWriter(url, { table, connections });
    writers.set(url, writer);
    return writer;
  };
  if (typeof options.url === 'string') writerOf(options.url);
  const run: GroupStep<R, R>['run'] = (rows, ctx) => {
    const write = writerOf(urlOf(options.url, ctx));
    const good: SinkRow[] = [];
    const results = rows.map((value, at) => {
      const given = options.row === undefined ? value : options.row(value);
      const cells = cellsOf(columns, given as Record<string, unknown>);
      if (typeof cells === 'string') return new PermanentError(cells, { code: 'BAD_VALUE' });
      good.push({ item: ctx.items[at]?.index ?? -1, cells });
      return ok(value);
    });
    if (good.length === 0) return results;
    return write(ctx, good).then(() => results);
  };
  return inBatches(options.group ?? DEFAULT_GROUP, run, RETRY);
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

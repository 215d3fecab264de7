import { resolve } from 'node:path';
import { type GroupStep, inBatches, ok, skip } from '../index.ts';
import {
  type CurrentTableOptions,
  openCurrent,
  openTable,
  RETRY,
  type TableSinkOptions,
} from './open-table.ts';

export type { ColumnType } from './columns.ts';
export { type CurrentTablesOptions, currentTables } from './current-tables.ts';
export type { CurrentTableOptions, TableSinkOptions } from './open-table.ts';

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
  return inBatches(group, (rows, ctx) => write(ctx, rows).results, RETRY);
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
      const { results, keys } = write(ctx, rows);
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

/**
 * A step that keeps a table as the newest batch has it: a row for each value of a column, which later batches replace.
 * Of rows of one batch with one value the first of the input has the place. A row that a batch no longer has stays;
 * `<table>_seen` has the number of the last batch that had it.
 */
export function currentTable<R>(options: CurrentTableOptions<R>): GroupStep<R, R> {
  const { write, group } = openCurrent(options);
  return inBatches(group, (rows, ctx) => write(ctx, rows).results, RETRY);
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

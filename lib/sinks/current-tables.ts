import { type GroupContext, type GroupStep, inBatches, ok, PermanentError } from '../index.ts';
import {
  type CurrentTableOptions,
  openCurrent,
  put,
  RETRY,
  type TableSinkOptions,
} from './open-table.ts';
import type { SinkRow } from './writer.ts';

export interface CurrentTablesOptions<R> extends Pick<TableSinkOptions<R>, 'url' | 'connections'> {
  /** Items of one transaction, 1 to 10,000; default 200. */
  group?: number;
  /** In the order in which rows are written. */
  // biome-ignore lint/suspicious/noExplicitAny: each table has rows of its own
  tables: readonly Omit<CurrentTableOptions<any>, 'url' | 'group' | 'connections'>[];
  /** What an item gives to each table, by its name. */
  rows(item: R): Readonly<Record<string, readonly unknown[]>>;
}

/**
 * A step that keeps several tables as `currentTable` keeps one: an item gives any number of rows to each. What a group of items
 * brings is one transaction in an SQLite file, and one a table in PostgreSQL. An item with a row that does not fit gives none.
 */
export function currentTables<R>(options: CurrentTablesOptions<R>): GroupStep<R, R> {
  const { tables, rows: rowsOf, ...own } = options;
  const sinks = new Map(
    tables.map((table) => [table.table, openCurrent<unknown>({ ...table, ...own })]),
  );
  /** The rows of an item, table by table; or what is wrong with one of them. */
  const fitAll = (ctx: GroupContext, value: R, item: number): [string, SinkRow][] | Error => {
    const fitted: [string, SinkRow][] = [];
    for (const [name, given] of Object.entries(rowsOf(value))) {
      const sink = sinks.get(name);
      if (sink === undefined) {
        return new PermanentError(`there is no table '${name}'`, { code: 'BAD_VALUE' });
      }
      for (const one of given) {
        const row = sink.fitRow(ctx, one, item);
        if (row instanceof Error) return row;
        fitted.push([name, row]);
      }
    }
    return fitted;
  };
  return inBatches<R, R>(
    sinks.values().next().value?.group ?? 1,
    async (items, ctx) => {
      const found = new Map([...sinks.keys()].map((name) => [name, [] as SinkRow[]]));
      const results = items.map((value, at) => {
        const fitted = fitAll(ctx, value, ctx.items[at]?.index ?? -1);
        if (fitted instanceof Error) return fitted;
        for (const [name, row] of fitted) found.get(name)?.push(row);
        return ok(value);
      });
      const written = [];
      for (const [name, { writerOf }] of sinks) {
        const writer = writerOf(ctx);
        const writing = put(writer, ctx, found.get(name) ?? []);
        written.push(writing);
        if (!writer.together) await writing;
      }
      // All are waited for at once: of several that fail, each one's failure must have somebody who hears it.
      await Promise.all(written);
      return results;
    },
    RETRY,
  );
}

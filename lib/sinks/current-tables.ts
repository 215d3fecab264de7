import {
  type GroupContext,
  type GroupResult,
  type GroupStep,
  inBatches,
  PermanentError,
} from '../index.ts';
import {
  type CurrentTableOptions,
  openCurrent,
  RETRY,
  type TableSinkOptions,
} from './open-table.ts';

export interface CurrentTablesOptions<R>
  extends Pick<TableSinkOptions<R>, 'url' | 'group' | 'connections'> {
  /** In the order in which rows are written. */
  // biome-ignore lint/suspicious/noExplicitAny: each table has rows of its own
  tables: readonly Omit<CurrentTableOptions<any>, 'url' | 'group' | 'connections'>[];
  /** Name of a row's table. */
  of(row: R): string;
}

/**
 * A step that keeps several tables as `currentTable` keeps one: each row is of one of them. What a group brings is one
 * transaction in an SQLite file, and one a table in PostgreSQL.
 */
export function currentTables<R>({ tables, of, ...own }: CurrentTablesOptions<R>): GroupStep<R, R> {
  const sinks = tables.map((table) => ({
    name: table.table,
    ...openCurrent<R>({ ...table, ...own }),
  }));
  return inBatches<R, R>(
    sinks[0]?.group ?? 1,
    async (rows, ctx) => {
      const results: GroupResult<R>[] = [];
      const names = rows.map(of);
      const stray = names.find((name) => sinks.every((sink) => sink.name !== name));
      if (stray !== undefined) {
        throw new PermanentError(`there is no table '${stray}'`, { code: 'BAD_VALUE' });
      }
      const written = [];
      for (const { name, write, writerOf } of sinks) {
        const places = [...names.keys()].filter((at) => names[at] === name);
        if (places.length === 0) continue;
        const some = places.map((at) => rows[at] as R);
        const items = places.map((at) => ctx.items[at] as GroupContext['items'][number]);
        const { results: answer } = write(ctx, some, items);
        written.push({ places, answer });
        if (!writerOf(ctx).together) await answer;
      }
      // All are waited for at once: of several that fail, each one's failure must have somebody who hears it.
      const ended = await Promise.all(written.map(({ answer }) => answer));
      for (const [which, { places }] of written.entries()) {
        for (const [i, at] of places.entries()) results[at] = ended[which]?.[i] as GroupResult<R>;
      }
      return results;
    },
    RETRY,
  );
}

import type { GroupContext } from '../index.ts';
import type { CellValue, Column } from './columns.ts';

/** A row that fits its table. */
export interface SinkRow {
  /** Index of the item in the input. */
  item: number;
  cells: CellValue[];
}

/** What it throws says whose fault it is. */
export interface Writer {
  /** Writes a group's rows, all or none. */
  write(ctx: GroupContext, rows: readonly SinkRow[]): Promise<void>;
  /** Which of some texts other batches have written to a column. */
  others(ctx: GroupContext, column: string, texts: readonly string[]): Promise<Set<string>>;
}

export interface Table {
  name: string;
  columns: readonly Column[];
  /** Columns of its primary key, as SQL. */
  key: string;
  /** Columns that are looked up by. */
  indexes: readonly string[];
  /** As in its shape. */
  anew: boolean;
  /**
   * What happens to a row that is there. A repeat changes nothing, not even a page. A later round, or a
   * later attempt of the same one, puts its values in; an attempt that was overtaken changes nothing.
   *
   * @param differs the database's word for "are not the same", null counting as a value
   */
  update(differs: 'IS NOT' | 'IS DISTINCT FROM'): string;
}

export interface TableShape {
  name: string;
  columns: readonly Column[];
  /** The column of which a value is there once, over all batches. */
  unique?: string | undefined;
  /** A column of whole numbers: of several batches the one with the largest has the row of a value of `unique`. */
  newest?: string | undefined;
  indexes?: readonly string[];
  /** A later round of a batch replaces rows whichever item wrote them: see `anew` of the context. */
  anew?: boolean;
}

export function tableOf({ name, columns, unique, newest, anew, indexes = [] }: TableShape): Table {
  const names = columns.map((column) => `"${column.name}"`);
  const own = [
    ...(unique === undefined ? [] : ['item']),
    ...(newest === undefined ? [] : ['batch']),
  ];
  const set = [...own, 'round', 'epoch', ...names].map(
    (column) => `${column} = excluded.${column}`,
  );
  const side = (of: string): string => `(${names.map((column) => `${of}.${column}`).join(', ')})`;
  const newer = (differs: string): string =>
    `(there.round, there.epoch) <= (excluded.round, excluded.epoch)
         AND ${side('there')} ${differs} ${side('excluded')}`;
  const key = unique === undefined ? 'batch, item' : `"${unique}"`;
  // The round moves on also where nothing else differs: what is left behind is no row of the batch any more.
  const replaced = anew === true ? 'there.round < excluded.round OR ' : '';
  const first = `${anew === true ? 'there.round = excluded.round AND ' : ''}excluded.item < there.item`;
  return {
    name,
    columns,
    key,
    indexes,
    anew: anew === true,
    update: (differs) => {
      // Of a batch's rows the first of its input has it, in whatever order they come; of batches the first, or the newest.
      const within = `there.batch = excluded.batch AND (${replaced}(${first})
         OR (excluded.item = there.item AND ${newer(differs)}))`;
      const overtakes =
        newest === undefined
          ? within
          : `(${within}) OR (there.batch <> excluded.batch AND there."${newest}" <= excluded."${newest}")`;
      const condition = unique === undefined ? `${replaced}(${newer(differs)})` : overtakes;
      return `ON CONFLICT (${key}) DO UPDATE SET ${set.join(', ')}
       WHERE ${condition}`;
    },
  };
}

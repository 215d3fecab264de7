import type { GroupContext } from '../index.ts';
import type { CellValue, Column } from './columns.ts';

/** A row that fits its table. */
export interface SinkRow {
  /** Index of the item in the input. */
  item: number;
  cells: CellValue[];
}

/** Writes a group's rows, all or none; what it throws says whose fault it is. */
export type Writer = (ctx: GroupContext, rows: readonly SinkRow[]) => Promise<void>;

export interface Table {
  name: string;
  columns: readonly Column[];
  /**
   * What happens to a row that is there. A repeat changes nothing, not even a page. A later round, or a
   * later attempt of the same one, puts its values in; an attempt that was overtaken changes nothing.
   *
   * @param differs the database's word for "are not the same", null counting as a value
   */
  update(differs: 'IS NOT' | 'IS DISTINCT FROM'): string;
}

export function tableOf(name: string, columns: readonly Column[]): Table {
  const names = columns.map((column) => `"${column.name}"`);
  const set = ['round', 'epoch', ...names].map((column) => `${column} = excluded.${column}`);
  const side = (of: string): string => `(${names.map((column) => `${of}.${column}`).join(', ')})`;
  return {
    name,
    columns,
    update: (differs) =>
      `ON CONFLICT (batch, item) DO UPDATE SET ${set.join(', ')}
       WHERE (there.round, there.epoch) <= (excluded.round, excluded.epoch)
         AND ${side('there')} ${differs} ${side('excluded')}`,
  };
}

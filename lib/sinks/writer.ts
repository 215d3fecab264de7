import type { GroupContext } from '../index.ts';
import { type CellValue, type Column, columnsOf } from './columns.ts';

/** A row that fits its table. */
export interface SinkRow {
  /** Index of the item in the input. */
  item: number;
  /** The value of `unique`, of a table that has it. */
  key: string | undefined;
  cells: CellValue[];
  /** Of a table with an owner's one: the value of `unique`, and the number of the batch. */
  seen?: CellValue[];
}

/** What it throws says whose fault it is. */
export interface Writer {
  /** Writes a group's rows, all or none. */
  write(ctx: GroupContext, rows: readonly SinkRow[]): Promise<void>;
  /** What several writers of one database are given at the same time is one transaction. */
  readonly together: boolean;
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
   * A narrow table beside it that says whose each row is, and is written first, in the same transaction. So a scan that finds
   * a wide row as it was writes 100 bytes of it, not all.
   */
  owners?: Table;
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
  /** A current table and its owners have a digest of each row: whoever writes compares that, and gives only rows that differ. */
  digested?: boolean;
}

export function tableOf({ name, columns, unique, newest, ...rest }: TableShape): Table {
  const { anew = false, indexes = [], digested = false } = rest;
  const digest = digested ? columnsOf({ [DIGEST]: 'text' }) : [];
  const all = { name, columns, indexes, anew };
  // The round moves on also where nothing else differs: what is left behind is no row of the batch any more.
  const replaced = anew ? 'there.round < excluded.round OR ' : '';
  if (unique === undefined) {
    const when: Condition = (differs, names) => `${replaced}(${newer(differs, names)})`;
    return { ...all, key: 'batch, item', update: updateOf('batch, item', { columns, when }) };
  }
  const key = `"${unique}"`;
  // Of a batch's rows the first of its input has the place, in whatever order they come.
  const first = `${anew ? 'there.round = excluded.round AND ' : ''}excluded.item < there.item`;
  const within = (same: string): string =>
    `there.batch = excluded.batch AND (${replaced}(${first})
         OR (excluded.item = there.item AND ${same}))`;
  if (newest === undefined) {
    const when: Condition = (differs, names) => within(newer(differs, names));
    return { ...all, key, update: updateOf(key, { columns, own: ['item'], when }) };
  }
  const owned = columns
    .filter((column) => column.name === unique || column.name === newest)
    .concat(digest);
  const owners: Table = {
    ...{ name: seenName(name), columns: owned, key, indexes: [], anew },
    update: updateOf(key, {
      columns: owned,
      own: ['batch', 'item'],
      // A repeat is the owner already.
      when: () => `(${within('(there.round, there.epoch) < (excluded.round, excluded.epoch)')})
         OR (there.batch <> excluded.batch AND there."${newest}" <= excluded."${newest}")`,
    }),
  };
  const contents = columns.filter((column) => column.name !== newest).concat(digest);
  const update = updateOf(key, {
    columns: contents,
    own: ['batch', 'item'],
    when: (differs, names) =>
      digested
        ? 'true'
        : `${differ(differs, names)} AND EXISTS (
         SELECT 1 FROM ${quoted(owners.name)} AS owner WHERE owner.${key} = excluded.${key}
         AND (owner.batch, owner.item, owner.round, owner.epoch) =
           (excluded.batch, excluded.item, excluded.round, excluded.epoch))`,
  });
  return { ...all, columns: contents, key, update, owners };
}

/** Of a current table's rows: a column of both its tables, where there is one. */
export const DIGEST = 'digest';

/** The table that says which batch had each row of a current table last. */
export const seenName = (name: string): string => `${name}_seen`;

/** `schema.table`, each name in quotes. */
export const quoted = (name: string): string =>
  name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');

type Differs = Parameters<Table['update']>[0];
type Condition = (differs: Differs, names: readonly string[]) => string;

const differ: Condition = (differs, names) => {
  const side = (of: string): string => `(${names.map((column) => `${of}.${column}`).join(', ')})`;
  return `${side('there')} ${differs} ${side('excluded')}`;
};

const newer: Condition = (differs, names) =>
  `(there.round, there.epoch) <= (excluded.round, excluded.epoch)
         AND ${differ(differs, names)}`;

interface Update {
  columns: readonly Column[];
  /** Columns of a sink's own that change with the row's owner. */
  own?: readonly string[];
  when: Condition;
}

function updateOf(key: string, { columns, own = [], when }: Update): Table['update'] {
  const names = columns.map((column) => `"${column.name}"`);
  const set = [...own, 'round', 'epoch', ...names].map(
    (column) => `${column} = excluded.${column}`,
  );
  return (differs) => `ON CONFLICT (${key}) DO UPDATE SET ${set.join(', ')}
       WHERE ${when(differs, names)}`;
}

/** What of a row's cells goes to the table, and what to that of its owners. */
export function rowsOf(
  columns: readonly Column[],
  { unique, newest }: Pick<TableShape, 'unique' | 'newest'>,
): (row: SinkRow) => SinkRow {
  if (newest === undefined) return (row) => row;
  const seenAt = columns.findIndex(({ name }) => name === newest);
  const owned = [...columns.keys()].filter((at) =>
    [unique, newest].includes(columns[at]?.name as string),
  );
  return ({ item, key, cells }) => ({
    item,
    key,
    cells: cells.toSpliced(seenAt, 1),
    seen: owned.map((at) => cells[at] as CellValue),
  });
}

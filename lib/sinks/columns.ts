/**
 * Types of a sink's columns. All may be null. In SQLite, which has neither exact decimals nor instants,
 * `numeric`, `timestamp` and `json` are text, and `boolean` is 0 or 1. `json-text` is what is JSON already.
 */
export type ColumnType =
  | 'text'
  | 'integer'
  | 'real'
  | 'numeric'
  | 'boolean'
  | 'timestamp'
  | 'json'
  | 'json-text';

interface TypeRow {
  sqlite: string;
  postgres: string;
  /** What a value must be, in words. */
  wants: string;
  /** The value as both databases take it; undefined when it does not fit. */
  read(value: unknown): string | number | bigint | boolean | undefined;
}

const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const INT64 = 2n ** 63n;

const TYPES: Readonly<Record<ColumnType, TypeRow>> = {
  text: {
    sqlite: 'TEXT',
    postgres: 'text',
    wants: 'a text',
    read: (value) => (typeof value === 'string' ? value : undefined),
  },
  integer: {
    sqlite: 'INTEGER',
    postgres: 'bigint',
    wants: 'a whole number up to 2^53, or a bigint of 64 bits',
    read: (value) => {
      if (typeof value === 'bigint') return value >= -INT64 && value < INT64 ? value : undefined;
      return Number.isSafeInteger(value) ? (value as number) : undefined;
    },
  },
  real: {
    sqlite: 'REAL',
    postgres: 'double precision',
    wants: 'a finite number',
    read: (value) => (Number.isFinite(value) ? (value as number) : undefined),
  },
  numeric: {
    sqlite: 'TEXT',
    postgres: 'numeric',
    wants: "a decimal as text ('12.50'), or a whole number",
    read: (value) => {
      if (Number.isSafeInteger(value) || typeof value === 'bigint') return String(value);
      return typeof value === 'string' && DECIMAL.test(value) ? value : undefined;
    },
  },
  boolean: {
    sqlite: 'INTEGER',
    postgres: 'boolean',
    wants: 'true or false',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
  },
  timestamp: {
    sqlite: 'TEXT',
    postgres: 'timestamptz',
    wants: "an instant as ISO 8601 text ('2026-01-31T12:00:00Z')",
    read: (value) => (typeof value === 'string' && INSTANT.test(value) ? value : undefined),
  },
  json: {
    sqlite: 'TEXT',
    postgres: 'jsonb',
    wants: 'a value that JSON can hold',
    read: (value) => {
      try {
        return JSON.stringify(value);
      } catch {
        return undefined;
      }
    },
  },
  'json-text': {
    sqlite: 'TEXT',
    postgres: 'jsonb',
    wants: 'JSON as a text',
    // Whether it is JSON is for PostgreSQL to say: to parse it here would cost as much as to make it.
    read: (value) => (typeof value === 'string' ? value : undefined),
  },
};

/** Columns of every sink's table: which row it is, and who wrote it last. */
export const OWN_COLUMNS = ['batch', 'item', 'round', 'epoch'] as const;

export interface Column extends TypeRow {
  name: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** Throws for what no table can have: it is a fault of the job, found when the job is loaded. */
export function columnsOf(given: Readonly<Record<string, ColumnType>>): Column[] {
  const columns = Object.entries(given).map(([name, type]): Column => {
    checkName('column', name);
    if ((OWN_COLUMNS as readonly string[]).includes(name.toLowerCase())) {
      throw new Error(`A sink has the column '${name}' of its own: give yours another name.`);
    }
    if (!Object.hasOwn(TYPES, type)) {
      const known = Object.keys(TYPES).join(', ');
      throw new Error(`Column '${name}' of a sink has the type '${type}'; there are: ${known}.`);
    }
    return { name, ...TYPES[type] };
  });
  if (columns.length > 0 && columns.length <= MAX_COLUMNS) return columns;
  throw new Error(`A sink takes 1 to ${MAX_COLUMNS} columns; got ${columns.length}.`);
}

/** SQLite's limit of 32,766 values a statement still holds rows enough. */
const MAX_COLUMNS = 500;

/** Plain names need no escaping, in either database and in no tool. */
export function checkName(what: string, name: string): void {
  if (NAME.test(name)) return;
  throw new Error(
    `The ${what} ${JSON.stringify(name)} of a sink must be letters, digits and _, at most 63, and begin with no digit.`,
  );
}

export type CellValue = string | number | bigint | boolean | null;

/** The values of a row: by column, or a list in their order. */
export type RowValues = Readonly<Record<string, unknown>> | readonly unknown[];

/** One row's values in the order of the columns; a text that names the first value that does not fit. */
export function cellsOf(columns: readonly Column[], row: RowValues): CellValue[] | string {
  const cells: CellValue[] = [];
  const listed = Array.isArray(row) ? (row as readonly unknown[]) : undefined;
  for (let at = 0; at < columns.length; at += 1) {
    const { name, wants, read } = columns[at] as Column;
    const value = listed === undefined ? (row as Record<string, unknown>)[name] : listed[at];
    const cell = value === null || value === undefined ? null : read(value);
    if (cell === undefined) {
      const text =
        typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? typeof value);
      const got = text.length > 80 ? `${text.slice(0, 79)}…` : text;
      return `column "${name}": must be ${wants}; got ${got}`;
    }
    cells.push(cell);
  }
  return cells;
}

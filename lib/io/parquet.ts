import type { Reader } from '../core/reader.ts';
import type { StandardSchema } from '../core/standard-schema.ts';
import { makeLayout } from './layout.ts';
import { parseJson } from './ndjson.ts';
import { parquetLines, parquetProblem } from './parquet-lines.ts';

/**
 * Reads Parquet. A row is an object by column name: numbers and booleans as they are; texts as texts; a
 * 64-bit integer beyond 2^53 as its digits in a text; decimals exactly, as texts (`'12.30'`); dates and times
 * as ISO 8601 texts, with all digits that the file has; bytes in base64; lists as arrays, structs as objects,
 * maps as objects of their keys; null where a value is null. The table is in docs/inputs.md.
 *
 * One row group at a time is decoded, and its rows are stored as NDJSON before they are cut, as the content
 * of gzip is. A file that is damaged from some row group on keeps the rows before it, and its batch ends
 * failed with the reason.
 *
 * @param schema any Standard Schema; without one rows are of type unknown
 *
 * @example
 * parquet(z.object({ id: z.string(), price: z.coerce.number(), at: z.iso.date() }))
 */
export function parquet(schema?: undefined): Reader<unknown>;
export function parquet<R>(schema: StandardSchema<unknown, R>): Reader<R>;
export function parquet<R>(schema?: StandardSchema<unknown, R>): Reader<unknown> {
  return {
    format: 'parquet',
    schema,
    options: {},
    open: () => ROWS,
    lines: { problem: parquetProblem, read: parquetLines },
  };
}

/** Rows as they were stored: one on each line, and none in a file without rows. */
const ROWS = makeLayout({
  dataStart: 0,
  linesBefore: 0,
  parser: {
    grammar: { delimiter: -1, quotes: false },
    latin1: false,
    word: 'row',
    plain: parseJson,
    quoted: parseJson,
  },
});

import type { Layout, Reader, ReaderOptions } from '../core/reader.ts';
import type { StandardSchema } from '../core/standard-schema.ts';
import { readHeader } from './csv-header.ts';
import { rowBuilder, splitCells } from './csv-row.ts';
import { buffer, byteOrderMark, makeLayout, problemLayout } from './layout.ts';
import { countLines } from './place.ts';
import { checkOptions, mergeOptions } from './reader-options.ts';

/**
 * Reads CSV with a header line (RFC 4180, LF or CRLF). A row is an object of texts by column name, as
 * they stand in the file, untrimmed; the schema then types it. A row that cannot be read is one failed
 * outcome and never harms its neighbours.
 *
 * @param schema any Standard Schema (zod, valibot, arktype ...); without one rows stay texts
 * @throws SluiceError `USAGE` for an unknown encoding or delimiter
 *
 * @example
 * csv(z.object({ id: z.string(), price: z.coerce.number() }), { delimiter: ';' })
 */
export function csv(schema?: undefined, options?: ReaderOptions): Reader<Record<string, string>>;
export function csv<R>(schema: StandardSchema<unknown, R>, options?: ReaderOptions): Reader<R>;
export function csv<R>(
  schema?: StandardSchema<unknown, R>,
  options: ReaderOptions = {},
): Reader<R | Record<string, string>> {
  checkOptions('csv', options);
  return {
    format: 'csv',
    schema,
    options,
    open: (head, given) => openCsv(head, mergeOptions(options, given)),
  };
}

/** @param windowBytes for tests: bytes per read while scanning */
export function openCsv(head: Uint8Array, options: ReaderOptions, windowBytes?: number): Layout {
  const bytes = buffer(head);
  const mark = byteOrderMark(bytes);
  if (typeof mark === 'string') return problemLayout(mark);
  const header = readHeader(bytes, mark, options);
  if (header.problem !== undefined) return problemLayout(header.problem);
  const { delimiter, cells, dataStart } = header;
  const build = rowBuilder(cells);
  return makeLayout({
    dataStart,
    linesBefore: countLines(bytes, 0, dataStart),
    columns: cells.filter((name) => name !== ''),
    windowBytes,
    parser: {
      grammar: { delimiter: delimiter.charCodeAt(0), quotes: true },
      latin1: options.encoding === 'latin1',
      word: 'line',
      plain: (text) => build(text.split(delimiter)),
      quoted: (text) => build(splitCells(text, delimiter)),
    },
  });
}

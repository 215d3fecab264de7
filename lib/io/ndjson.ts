import type { Layout, Reader, ReaderOptions } from '../core/reader.ts';
import type { StandardSchema } from '../core/standard-schema.ts';
import { Refusal } from './block.ts';
import { jsonFault } from './json-fault.ts';
import { buffer, byteOrderMark, makeLayout, problemLayout } from './layout.ts';
import { checkOptions, mergeOptions } from './reader-options.ts';

/**
 * Reads NDJSON (JSON Lines): one JSON value a line, LF or CRLF; blank lines are no records. A line that
 * is no JSON is one failed outcome.
 *
 * @param schema any Standard Schema; without one rows are of type unknown
 * @throws SluiceError `USAGE` for an unknown encoding, or a delimiter
 *
 * @example
 * ndjson(z.object({ id: z.string(), n: z.number() }))
 */
export function ndjson(schema?: undefined, options?: ReaderOptions): Reader<unknown>;
export function ndjson<R>(schema: StandardSchema<unknown, R>, options?: ReaderOptions): Reader<R>;
export function ndjson<R>(
  schema?: StandardSchema<unknown, R>,
  options: ReaderOptions = {},
): Reader<unknown> {
  checkOptions('ndjson', options);
  return {
    format: 'ndjson',
    schema,
    options,
    open: (head, given) => openNdjson(head, mergeOptions(options, given)),
  };
}

/** @param windowBytes for tests: bytes per read while scanning */
export function openNdjson(head: Uint8Array, options: ReaderOptions, windowBytes?: number): Layout {
  const bytes = buffer(head);
  const mark = byteOrderMark(bytes);
  if (typeof mark === 'string') return problemLayout(mark);
  if (bytes.length === mark) return problemLayout('the file is empty: it holds no record');
  return makeLayout({
    dataStart: mark,
    linesBefore: 0,
    windowBytes,
    parser: {
      grammar: { delimiter: -1, quotes: false },
      latin1: options.encoding === 'latin1',
      word: 'line',
      plain: parseJson,
      quoted: parseJson,
    },
  });
}

/** The value of a JSON text, or a Refusal with code `BAD_JSON`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const at = jsonFault(text);
    const found =
      at >= text.length
        ? `it ends too early, after ${text.length} characters`
        : `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) as number))} at character ${at + 1}`;
    return new Refusal('BAD_JSON', `is not JSON: ${found}.`);
  }
}

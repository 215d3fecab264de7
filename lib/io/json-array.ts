import type { Layout, Reader, ReaderOptions } from '../core/reader.ts';
import type { StandardSchema } from '../core/standard-schema.ts';
import { emptyBlock, refuse } from './block.ts';
import { BLOCK_BYTES, readAll } from './cut.ts';
import type { ArrayJob } from './json-cut.ts';
import { arrayPieces, cutArray } from './json-cut.ts';
import { longElement, parseElements } from './json-record.ts';
import { BLANK, OPEN_BRACKET } from './json-scan.ts';
import { buffer, byteOrderMark, problemLayout } from './layout.ts';
import { checkOptions, mergeOptions } from './reader-options.ts';

/**
 * Reads a source that is one JSON array: each of its values, of any kind, is a record. It is cut by a scan
 * and never loaded as a whole. A value that is no JSON is one failed outcome, as long as the scan can tell
 * its end (a comma outside strings and brackets). A source that is cut, or goes on behind its array, keeps
 * all its records, and its batch ends failed with the reason.
 *
 * @param schema any Standard Schema; without one rows are of type unknown
 * @throws SluiceError `USAGE` for an unknown encoding, or a delimiter
 *
 * @example
 * jsonArray(z.object({ id: z.string(), n: z.number() }))
 */
export function jsonArray(schema?: undefined, options?: ReaderOptions): Reader<unknown>;
export function jsonArray<R>(
  schema: StandardSchema<unknown, R>,
  options?: ReaderOptions,
): Reader<R>;
export function jsonArray<R>(
  schema?: StandardSchema<unknown, R>,
  options: ReaderOptions = {},
): Reader<unknown> {
  checkOptions('json', options);
  return {
    format: 'json',
    schema,
    options,
    open: (head, given) => openJsonArray(head, mergeOptions(options, given)),
  };
}

/** @param windowBytes for tests: bytes per read while scanning */
export function openJsonArray(
  head: Uint8Array,
  options: ReaderOptions,
  windowBytes?: number,
): Layout {
  const bytes = buffer(head);
  const mark = byteOrderMark(bytes);
  if (typeof mark === 'string') return problemLayout(mark);
  let at = mark;
  while (BLANK[bytes[at] ?? 0] === 1) at++;
  if (bytes[at] !== OPEN_BRACKET) return problemLayout(noArray(bytes, at));
  const latin1 = options.encoding === 'latin1';
  const dataStart = at + 1;
  return {
    dataStart,
    columns: undefined,
    problem: undefined,
    cuts: (read, range, limits) => cutArray({ read, range, dataStart, windowBytes }, limits),
    records: (read, range, { maxRecordBytes }) =>
      elements(
        { read, range, dataStart, windowBytes },
        { first: range.first, maxRecordBytes, latin1 },
      ),
  };
}

async function* elements(
  job: ArrayJob,
  given: { first: number; maxRecordBytes: number; latin1: boolean },
): ReturnType<Layout['records']> {
  const { read, range, dataStart } = job;
  const { maxRecordBytes, latin1 } = given;
  let { first } = given;
  const small = range.end - range.start <= BLOCK_BYTES;
  const whole = { ...range, count: 0, tooLong: false };
  for await (const piece of small ? [whole] : arrayPieces(job, maxRecordBytes)) {
    const { start, end, count } = piece;
    if (piece.tooLong) {
      const block = emptyBlock(first);
      refuse(block, { raw: '', refusal: longElement(end - start, maxRecordBytes), at: start });
      yield block;
    } else {
      const bytes = buffer(await readAll(read, start, end));
      const rules = { latin1, maxRecordBytes, fresh: start === dataStart };
      yield* parseElements({ bytes, at: start, first }, rules);
    }
    first += count;
  }
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\{/, 'an object'],
  [/^"/, 'a string'],
  [/^[-\d]/, 'a number'],
  [/^(true|false)/, 'a boolean'],
  [/^null/, 'null'],
];

/** Why a source is no array, and what to do about it. */
function noArray(bytes: Buffer, at: number): string {
  if (bytes.length === 0) return 'the file is empty: it holds no array. One without records is []';
  if (at >= bytes.length) {
    return `the file holds no array: all of its first ${bytes.length} bytes are blank`;
  }
  const text = bytes.toString('utf8', at, at + 16);
  const kind = KINDS.find(([pattern]) => pattern.test(text))?.[1];
  if (kind === undefined) {
    const found = JSON.stringify(String.fromCodePoint(text.codePointAt(0) as number));
    return `the file is no JSON array: it begins with ${found} at byte ${at}, not with [`;
  }
  return `the first value is ${kind}, not an array. Where each line is a value, read it with ndjson(); where the array is inside an object, take it out first: jq .items in.json > out.json`;
}

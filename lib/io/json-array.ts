import type { Layout, Reader, ReaderOptions, RecordRange } from '../core/reader.ts';
import type { StandardSchema } from '../core/standard-schema.ts';
import { emptyBlock, refuse } from './block.ts';
import { BLOCK_BYTES, readAll } from './cut.ts';
import type { ArrayJob } from './json-cut.ts';
import { arrayPieces, cutArray } from './json-cut.ts';
import { longElement, parseElements } from './json-record.ts';
import { BLANK, OPEN_BRACKET } from './json-scan.ts';
import { buffer, byteOrderMark, lineAfter, problemLayout } from './layout.ts';
import type { Places } from './place.ts';
import { countLines, places } from './place.ts';
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
    linesBefore: countLines(bytes, 0, dataStart),
    columns: undefined,
    problem: undefined,
    cuts: (read, range, limits) => cutArray({ read, range, dataStart, windowBytes }, limits),
    records: (read, range, { maxRecordBytes }) =>
      elements({ read, range, dataStart, windowBytes }, { range, maxRecordBytes, latin1 }),
  };
}

async function* elements(
  job: ArrayJob,
  given: { range: RecordRange; maxRecordBytes: number; latin1: boolean },
): ReturnType<Layout['records']> {
  const { read, dataStart } = job;
  const { range, maxRecordBytes, latin1 } = given;
  let { first } = range;
  const placesIn = (bytes: Buffer, at: number, lines: number): Places => {
    const line = lineAfter(range, lines);
    return places({ bytes, at, line, name: range.name, word: 'line', withByte: true });
  };
  const small = range.end - range.start <= BLOCK_BYTES;
  const whole = { start: range.start, end: range.end, count: 0, tooLong: false, lines: 0 };
  for await (const piece of small ? [whole] : arrayPieces(job, maxRecordBytes)) {
    const { start, end, count } = piece;
    const bytes = piece.tooLong ? NOTHING : buffer(await readAll(read, { start, end }));
    const told = placesIn(bytes, start, piece.lines);
    if (piece.tooLong) {
      const block = emptyBlock(first);
      const refusal = longElement(end - start, maxRecordBytes);
      refuse(block, { raw: '', refusal, place: told.inWords(start) });
      yield block;
    } else {
      const rules = { latin1, maxRecordBytes, fresh: start === dataStart };
      yield* parseElements({ bytes, at: start, first, places: told }, rules);
    }
    first += count;
  }
}

const NOTHING = Buffer.alloc(0);

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

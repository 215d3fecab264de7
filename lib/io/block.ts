import { isAscii, isUtf8 } from 'node:buffer';
import type { ItemError } from '../core/errors.ts';
import type { RecordBlock } from '../core/records.ts';
import type { Places, PlaceWords } from './place.ts';
import { CR, createScanner, QUOTE } from './scan.ts';
import type { Grammar } from './scan-state.ts';
import { blankBytes } from './scan-state.ts';
import { firstInvalid } from './utf8.ts';

/** Why one record cannot be read; `text` goes on after 'The record at line 3 (byte 12) '. */
export class Refusal {
  readonly code: string;
  readonly text: string;
  constructor(code: string, text: string) {
    this.code = code;
    this.text = text;
  }
}

/** How the text of one record becomes a row. */
export interface RecordParser extends PlaceWords {
  readonly grammar: Grammar;
  readonly latin1: boolean;
  /** The row of a text without quotes, or a Refusal. */
  plain(text: string): unknown;
  /** The same where quotes may be. */
  quoted(text: string): unknown;
}

/** Bytes of a piece of a source: its first record begins at or after `at`. */
export interface BlockBytes {
  bytes: Buffer;
  /** Position of the first byte in the source. */
  at: number;
  /** Index in the input of the first record. */
  first: number;
}

export interface TextPiece extends BlockBytes {
  /** Tells places in the bytes that it is given. */
  placesIn(bytes: Buffer): Places;
  /** The memory is used again once the block is parsed: what is needed later is copied. */
  lent?: boolean;
}

const NO_BYTES = Buffer.alloc(0);

const BROKEN_QUOTE = new Refusal(
  'BROKEN_QUOTE',
  'opens a quote that is not closed before a delimiter or the line end. Double the quotes inside a quoted cell ("") or remove them.',
);

function refusalError(refusal: Refusal, place: string): ItemError {
  const message = `The record ${place} ${refusal.text}`;
  return { kind: 'invalid', code: refusal.code, message };
}

export function tooLong(length: number, maxRecordBytes: number): Refusal {
  return new Refusal(
    'RECORD_TOO_LONG',
    `is ${length} bytes long; maxRecordBytes allows ${maxRecordBytes}. Raise limits.maxRecordBytes in the job, or look for a missing line end.`,
  );
}

/** Parses all records of a piece. What one record holds never changes another's row or error. */
export function parseBlock(
  parser: RecordParser,
  piece: TextPiece,
  maxRecordBytes: number,
): RecordBlock {
  const { bytes } = piece;
  const ascii = isAscii(bytes);
  const clean = !bytes.includes(0) && (ascii || parser.latin1 || isUtf8(bytes));
  const oneByte = ascii || parser.latin1;
  if (!clean || (parser.grammar.quotes && bytes.includes(QUOTE))) {
    return parseSpans(parser, piece, { clean, oneByte, maxRecordBytes });
  }
  return parseLines(parser, piece, { clean, oneByte, maxRecordBytes });
}

interface BlockFacts {
  /** No NUL byte and no invalid UTF-8 anywhere. */
  clean: boolean;
  /** A byte is a character, so that positions in bytes are positions in the text. */
  oneByte: boolean;
  maxRecordBytes: number;
}

/** The fast way: a line is a record. */
function parseLines(parser: RecordParser, piece: TextPiece, facts: BlockFacts): RecordBlock {
  const { oneByte, maxRecordBytes } = facts;
  const lines = decode(piece.bytes, oneByte).split('\n');
  const block = emptyBlock(piece.first);
  const from = piece.at;
  // A line's number is its place among the lines: no byte is looked at later.
  const places = piece.placesIn(NO_BYTES);
  const blank = blankBytes(parser.grammar.delimiter);
  const size = (line: string): number => (oneByte ? line.length : Buffer.byteLength(line));
  // Positions are needed for failed records only; counting on from the last one keeps it linear.
  let counted = 0;
  let at = from;
  const positionOf = (index: number): number => {
    if (index < counted) [counted, at] = [0, from];
    for (; counted < index; counted++) at += size(lines[counted] as string) + 1;
    return at;
  };
  /** Lines of the records; undefined as long as each line was one. */
  let lineOf: number[] | undefined;
  const placeOf = (index: number): string => places.inWords(positionOf(index), index);
  block.where = (position) => {
    const index = lineOf?.[position] ?? position;
    return places.of(positionOf(index), index);
  };
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    if (isBlank(line, blank)) {
      if (index < lines.length - 1) lineOf ??= [...block.rows.keys()];
      continue;
    }
    lineOf?.push(index);
    // A character is at most 3 bytes of UTF-8 per UTF-16 unit: the exact size is rarely needed.
    if (line.length * 3 > maxRecordBytes && size(line) > maxRecordBytes) {
      refuse(block, {
        raw: '',
        refusal: tooLong(size(line), maxRecordBytes),
        place: placeOf(index),
      });
      continue;
    }
    const raw = line.charCodeAt(line.length - 1) === CR ? line.slice(0, -1) : line;
    const row = parser.plain(raw);
    if (row instanceof Refusal) {
      refuse(block, { raw, refusal: row, place: placeOf(index) });
    } else keep(block, row, raw);
  }
  return block;
}

function isBlank(line: string, blank: Uint8Array): boolean {
  for (let i = 0; i < line.length; i++) {
    if (blank[line.charCodeAt(i)] !== 1) return false;
  }
  return true;
}

/** The careful way: the scanner finds the records, each is judged by itself. */
function parseSpans(parser: RecordParser, piece: TextPiece, facts: BlockFacts): RecordBlock {
  const bytes = piece.lent ? Buffer.from(piece.bytes) : piece.bytes;
  const places = piece.placesIn(bytes);
  const { clean, oneByte, maxRecordBytes } = facts;
  const block = emptyBlock(piece.first);
  const whole = clean && oneByte ? decode(bytes, true) : undefined;
  const spans = spansOf(parser.grammar, bytes);
  block.where = (position) => places.of(piece.at + (spans[position * 3] as number));
  for (let i = 0; i < spans.length; i += 3) {
    const start = spans[i] as number;
    const lineEnd = spans[i + 1] as number;
    const at = piece.at + start;
    if (lineEnd - start > maxRecordBytes) {
      const refusal = tooLong(lineEnd - start, maxRecordBytes);
      refuse(block, { raw: '', refusal, place: places.inWords(at) });
      continue;
    }
    const end = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const raw = whole?.slice(start, end) ?? decode(bytes.subarray(start, end), oneByte);
    let row: unknown = spans[i + 2] === 1 ? BROKEN_QUOTE : undefined;
    if (!clean) row ??= badBytes(bytes.subarray(start, end), at, parser.latin1);
    if (row === undefined) row = parser.quoted(raw);
    if (row instanceof Refusal) refuse(block, { raw, refusal: row, place: places.inWords(at) });
    else keep(block, row, raw);
  }
  return block;
}

/**
 * Start, line end and 1 for broken, of each record in turn. Parsing in the scanner's own callback instead
 * ran at half the speed (64 against 125 MB/CPU-s, most of it garbage collection).
 */
function spansOf(grammar: Grammar, bytes: Buffer): number[] {
  const spans: number[] = [];
  const scanner = createScanner(grammar, { start: 0, end: bytes.length });
  scanner.feed(bytes, (start, lineEnd, broken) => {
    spans.push(start, lineEnd, broken ? 1 : 0);
  });
  return spans;
}

/** Why bytes are no text: a NUL byte, or no UTF-8. */
export function badBytes(bytes: Buffer, at: number, latin1: boolean): Refusal | undefined {
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    return new Refusal(
      'NUL_BYTE',
      `holds a NUL byte at byte ${at + nul}: it is not text, or not UTF-8.`,
    );
  }
  if (latin1 || isUtf8(bytes)) return undefined;
  return new Refusal(
    'INVALID_UTF8',
    `is not UTF-8 at byte ${at + firstInvalid(bytes)}. If the source is Latin-1, give the reader encoding 'latin1'.`,
  );
}

function decode(bytes: Buffer, oneByte: boolean): string {
  return bytes.toString(oneByte ? 'latin1' : 'utf8');
}

export function emptyBlock(first: number): RecordBlock {
  return { first, rows: [], raws: [], errors: undefined };
}

function keep(block: RecordBlock, row: unknown, raw: string): void {
  block.rows.push(row);
  block.raws.push(raw);
}

export function refuse(
  block: RecordBlock,
  record: { raw: string; refusal: Refusal; place: string },
): void {
  block.errors ??= new Map();
  block.errors.set(block.rows.length, refusalError(record.refusal, record.place));
  keep(block, undefined, record.raw);
}

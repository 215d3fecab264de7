import type { Layout, RecordRange } from '../core/reader.ts';
import { borrowMemory, returnMemory } from '../pool/spare-memory.ts';
import type { RecordParser } from './block.ts';
import { emptyBlock, parseBlock, refuse, tooLong } from './block.ts';
import type { ScanJob } from './cut.ts';
import { BLOCK_BYTES, cutRange, piecesOf, readAll } from './cut.ts';
import type { Places } from './place.ts';
import { countLines, places } from './place.ts';
import { LF, QUOTE } from './scan.ts';
import type { Grammar } from './scan-state.ts';

export interface LayoutParts {
  dataStart: number;
  /** Line ends before `dataStart`. */
  linesBefore: number;
  columns?: readonly string[];
  parser: RecordParser;
  /** For tests: bytes per read while scanning. */
  windowBytes?: number | undefined;
}

/** A layout from where its records begin and how one is parsed. */
export function makeLayout(parts: LayoutParts): Layout {
  const { parser, windowBytes } = parts;
  const { grammar } = parser;
  return {
    dataStart: parts.dataStart,
    linesBefore: parts.linesBefore,
    columns: parts.columns,
    problem: undefined,
    cuts: (read, range, limits) => cutRange({ read, range, grammar, windowBytes }, limits),
    async *records(read, range, { maxRecordBytes }) {
      if (range.end <= range.start) return;
      const placesAt =
        (at: number, lines: number) =>
        (bytes: Buffer): Places =>
          places({ ...parser, bytes, at, name: range.name, line: lineAfter(range, lines) });
      let { first } = range;
      if (range.end - range.start <= BLOCK_BYTES) {
        const memory = borrowMemory(range.end - range.start);
        try {
          const bytes = buffer(await readAll(read, range, memory));
          for (const { start, end, lines } of textPieces(grammar, bytes)) {
            const at = range.start + start;
            const piece = { bytes: bytes.subarray(start, end), at, first, lent: true };
            const told = { ...piece, placesIn: placesAt(at, lines) };
            const block = parseBlock(parser, told, maxRecordBytes);
            first += block.rows.length;
            yield block;
          }
        } finally {
          returnMemory(memory);
        }
        return;
      }
      const job: ScanJob = { read, range, grammar, windowBytes };
      for await (const piece of piecesOf(job, maxRecordBytes)) {
        const { start, end, count } = piece;
        const placesIn = placesAt(start, piece.lines);
        if (piece.tooLong) {
          const block = emptyBlock(first);
          const refusal = tooLong(end - start, maxRecordBytes);
          refuse(block, { raw: '', refusal, place: placesIn(NOTHING).inWords(start) });
          yield block;
        } else {
          const bytes = buffer(await readAll(read, piece));
          yield parseBlock(parser, { bytes, at: start, first, placesIn }, maxRecordBytes);
        }
        first += count;
      }
    },
  };
}

const NOTHING = Buffer.alloc(0);

/** Line ends before a place that is so many of them behind the range's start. */
export const lineAfter = ({ line }: RecordRange, lines: number): number | undefined =>
  line === undefined ? undefined : line + lines;

/** Rows are parsed this many bytes at a time, so that they die young: whole chunks of them were copied by every collection. */
const LINES_BYTES = 64 * 1024;

/** Pieces of about 64 KiB that end at a line end, with the line ends before; all in one where a quote may hide one. */
function* textPieces(
  { quotes }: Grammar,
  bytes: Buffer,
): Generator<{ start: number; end: number; lines: number }> {
  const pieceBytes = quotes && bytes.includes(QUOTE) ? bytes.length : LINES_BYTES;
  let lines = 0;
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LF, start + pieceBytes);
    const end = found === -1 ? bytes.length : found + 1;
    yield { start, end, lines };
    lines += countLines(bytes, start, end);
    start = end;
  }
}

/** The layout of a source that cannot be read as a whole. */
export function problemLayout(problem: string): Layout {
  return {
    dataStart: 0,
    linesBefore: 0,
    columns: undefined,
    problem,
    async *cuts() {},
    async *records() {},
  };
}

export function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Length of a UTF-8 byte order mark, or why the source is in another encoding. */
export function byteOrderMark(head: Buffer): number | string {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 3;
  const utf16 =
    (head[0] === 0xff && head[1] === 0xfe && 'LE') ||
    (head[0] === 0xfe && head[1] === 0xff && 'BE');
  if (!utf16) return 0;
  return `the file is UTF-16 ${utf16} by its byte order mark; convert it first: iconv -f UTF-16 -t UTF-8`;
}

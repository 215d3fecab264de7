import type { ByteRange } from '../core/reader.ts';

/** What separates records, in bytes. */
export interface Grammar {
  /** Byte between the cells of a line; -1 where lines have no cells. */
  readonly delimiter: number;
  /** Whether `"` at the start of a cell opens a text that may hold line ends. */
  readonly quotes: boolean;
}

/**
 * Called for each record, in order. `lineEnd` is the position of the line feed that ends it, or the
 * range's end where there is none. Positions are absolute in the source.
 */
export type RecordSink = (start: number, lineEnd: number, broken: boolean) => void;

type Mode = 'start' | 'plain' | 'quoted' | 'skip';

export interface ScanState {
  readonly grammar: Grammar;
  readonly blank: Uint8Array;
  readonly end: number;
  sink: RecordSink;
  mode: Mode;
  bytes: Buffer;
  /** Absolute position of the window's first byte. */
  base: number;
  i: number;
  /** The window is the range's last. */
  last: boolean;
  /** A closing quote needs the bytes after it, which the window does not hold. */
  waiting: boolean;
  recordStart: number;
  /** First line end inside the current record's quotes, -1 while there is none. */
  firstLf: number;
  /** The byte before `i` begins a cell. */
  atCell: boolean;
  /** The next ones in this window, known once they are not before `i`. */
  nextQuote: number;
  nextLf: number;
  /** Where the last broken record was found to be broken. */
  faultAt: number;
  /** Line ends up to the end of the last record, up to its start, and inside the quotes of the current one. */
  lines: number;
  linesBefore: number;
  inner: number;
}

/** Bytes that a line may hold and still be blank. */
export function blankBytes(delimiter: number): Uint8Array {
  const blank = new Uint8Array(256);
  for (const byte of [0x20, 0x09, 0x0d]) blank[byte] = 1;
  if (delimiter >= 0) blank[delimiter] = 1;
  return blank;
}

/** Before the first byte of a range. */
export function newScanState(grammar: Grammar, range: ByteRange): ScanState {
  return {
    grammar,
    blank: blankBytes(grammar.delimiter),
    end: range.end,
    sink: () => {},
    mode: 'start',
    bytes: Buffer.alloc(0),
    base: range.start,
    i: 0,
    last: false,
    waiting: false,
    recordStart: range.start,
    firstLf: -1,
    atCell: true,
    nextQuote: -1,
    nextLf: -1,
    faultAt: -1,
    lines: 0,
    linesBefore: 0,
    inner: 0,
  };
}

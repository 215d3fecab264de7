import type { ByteRange } from '../core/reader.ts';

/**
 * Called for each record, in order: its first byte, the byte after its last one (the same for a record
 * that is empty), and where the next one may begin, behind the comma or bracket that ended it. Positions
 * are absolute in the source.
 */
export type ElementSink = (start: number, end: number, next: number) => void;

export interface ArrayEnd {
  /** The closing bracket, and the first byte behind it that is not blank; -1 where there is none. */
  closedAt: number;
  restAt: number;
  /** First byte of a record that nothing ended, -1 where there is none. */
  openAt: number;
}

type Mode = 'start' | 'value' | 'string' | 'closed' | 'over';

export interface ElementState extends ArrayEnd {
  readonly range: ByteRange;
  sink: ElementSink;
  mode: Mode;
  bytes: Buffer;
  /** Absolute position of the window's first byte. */
  base: number;
  i: number;
  /** Brackets that are open, the array's own among them. */
  depth: number;
  /** The next byte of a string is escaped. */
  escaped: boolean;
  /** No record was seen, and the range begins where the array does: a `]` ends an empty array. */
  untouched: boolean;
  /** Byte after the open record's last one that is not blank, in the windows before this one. */
  solid: number;
  /** The next ones in this window, known once they are not before `i`. */
  nextQuote: number;
  nextBackslash: number;
}

import { LF } from './scan.ts';

/** Beyond this many bytes a native search (about 50 ns a call) beats a loop (about 1 ns a byte). */
const NEAR = 64;

/** Line ends in bytes [from, to). */
export function countLines(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; ) {
    const before = count;
    const near = Math.min(at + NEAR, to);
    for (; at < near; at += 1) if (bytes[at] === LF) count += 1;
    if (count > before || at >= to) continue;
    const next = bytes.indexOf(LF, at);
    if (next < 0) break;
    at = next;
  }
  return count;
}

/** How the places of a source's records are told. */
export interface PlaceWords {
  /** What a line of the source is called: a stored Parquet file has a row a line. */
  word: 'line' | 'row';
  /** Lines alone do not tell: a JSON array may be one line. */
  withByte?: boolean;
}

export interface PlaceFacts extends PlaceWords {
  /** What lines are counted in, of a place whose lines are not given. */
  bytes: Buffer;
  /** Position of the first byte in the source. */
  at: number;
  /** Line ends before that; undefined where nobody counted. */
  line: number | undefined;
  /** The source, where there are several. */
  name: string | undefined;
}

/** Tells the places of records in these bytes; `lines`: line ends between the first byte and the record, where they are known. */
export interface Places {
  /** `line 3`, `line 3 (byte 120) of b.json`, `row 7`; undefined where lines are not known. */
  of(position: number, lines?: number): string | undefined;
  /** The same for the sentence of a refusal, always with the byte: `at line 3 (byte 120)`. */
  inWords(position: number, lines?: number): string;
}

/** Counts from the last place asked for on, so that many failures in one block cost one pass. */
export function places({ bytes, at, line, name, word, withByte = false }: PlaceFacts): Places {
  let counted = 0;
  let lines = 0;
  const linesBefore = (position: number): number => {
    const offset = position - at;
    if (offset < counted) [counted, lines] = [0, 0];
    lines += countLines(bytes, counted, offset);
    counted = offset;
    return lines;
  };
  const source = name === undefined ? '' : ` of ${name}`;
  const tell = (position: number, bytesToo: boolean, known?: number): string | undefined => {
    if (line === undefined) return undefined;
    const number = line + (known ?? linesBefore(position)) + 1;
    return `${word} ${number}${bytesToo ? ` (byte ${position})` : ''}${source}`;
  };
  return {
    of: (position, known) => tell(position, withByte, known),
    // Where a row was stored as a line, its byte is nothing that a person could look up.
    inWords: (position, known) =>
      `at ${tell(position, word === 'line', known) ?? `byte ${position}${source}`}`,
  };
}

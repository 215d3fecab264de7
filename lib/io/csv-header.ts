import type { ReaderOptions } from '../core/reader.ts';
import { badBytes } from './block.ts';
import { splitCells } from './csv-row.ts';
import { CR, createScanner, LF, QUOTE } from './scan.ts';
import { blankBytes } from './scan-state.ts';

/** A header line must end within this many bytes of its source. */
export const HEAD_BYTES = 1024 * 1024;

export const DELIMITERS = [',', ';', '\t', '|'] as const;
type Delimiter = (typeof DELIMITERS)[number];

/** What the first bytes of a CSV source tell, or why it cannot be read. */
export type Header =
  | { delimiter: Delimiter; cells: string[]; dataStart: number; problem?: undefined }
  | { problem: string };

/** Reads the header line: the first line that is not blank. */
export function readHeader(head: Buffer, from: number, options: ReaderOptions): Header {
  const cut = head.length >= HEAD_BYTES;
  const bytes = head.subarray(0, HEAD_BYTES);
  const start = skipBlankLines(bytes, from);
  if (start >= bytes.length) {
    return cut
      ? tooLong
      : { problem: 'the file is empty: a CSV file needs a header line that names its columns' };
  }
  const delimiter = options.delimiter ?? findDelimiter(bytes, start);
  const line = firstRecord(bytes, start, delimiter);
  if (line.end >= bytes.length && cut) return tooLong;
  if (line.broken) {
    return {
      problem: `the header line at byte ${start} opens a quote that is not closed before a delimiter or the line end`,
    };
  }
  const latin1 = options.encoding === 'latin1';
  const textEnd = bytes[line.lineEnd - 1] === CR ? line.lineEnd - 1 : line.lineEnd;
  const own = bytes.subarray(start, textEnd);
  const bad = badBytes(own, start, latin1);
  if (bad !== undefined) return { problem: `the header line at byte ${start} ${bad.text}` };
  const text = own.toString(latin1 ? 'latin1' : 'utf8');
  const cells = splitCells(text, delimiter).map((cell) => cell.trim());
  const problem = nameProblem(cells);
  return problem === undefined ? { delimiter, cells, dataStart: line.end } : { problem };
}

const tooLong: Header = {
  problem: `the header line does not end within the first ${HEAD_BYTES} bytes: is this a CSV file?`,
};

function nameProblem(cells: readonly string[]): string | undefined {
  const seen = new Map<string, number>();
  for (const [i, name] of cells.entries()) {
    if (name === '') continue;
    const before = seen.get(name);
    if (before !== undefined) {
      return `column ${JSON.stringify(name)} occurs twice in the header (cells ${before + 1} and ${i + 1}): rename one`;
    }
    seen.set(name, i);
  }
  return seen.size === 0 ? 'the header line names no column' : undefined;
}

/** The delimiter is not known yet: any of them may stand in a blank line. */
function skipBlankLines(bytes: Buffer, from: number): number {
  const blank = blankBytes(-1);
  for (const delimiter of DELIMITERS) blank[delimiter.charCodeAt(0)] = 1;
  let start = from;
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === LF) start = i + 1;
    else if (blank[byte] !== 1) return start;
  }
  return bytes.length;
}

/** The most frequent one outside quotes; the earlier in the list when equal. */
function findDelimiter(bytes: Buffer, start: number): Delimiter {
  const codes = DELIMITERS.map((delimiter) => delimiter.charCodeAt(0));
  const counts = codes.map(() => 0);
  let quoted = false;
  let atCell = true;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE && (quoted || atCell)) quoted = !quoted;
    if (quoted) continue;
    if (byte === LF) break;
    const which = codes.indexOf(byte);
    // A quote that was just closed may be the first of a doubled one: the next reopens the cell.
    atCell = which >= 0 || byte === QUOTE;
    if (which >= 0) counts[which] = (counts[which] as number) + 1;
  }
  return DELIMITERS[counts.indexOf(Math.max(...counts))] as Delimiter;
}

function firstRecord(
  bytes: Buffer,
  start: number,
  delimiter: Delimiter,
): { lineEnd: number; end: number; broken: boolean } {
  let found: { lineEnd: number; end: number; broken: boolean } | undefined;
  const scanner = createScanner(
    { delimiter: delimiter.charCodeAt(0), quotes: true },
    { start, end: bytes.length },
  );
  scanner.feed(bytes.subarray(start), (_start, lineEnd, broken) => {
    found ??= { lineEnd, end: Math.min(lineEnd + 1, bytes.length), broken };
  });
  // A line that is not blank always gives a record; with a given delimiter it may still be blank.
  return found ?? { lineEnd: bytes.length, end: bytes.length, broken: false };
}

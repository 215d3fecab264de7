import { SluiceError } from '../core/errors.ts';
import type { ByteRange, CutLimits, CutRange, ReadBytes } from '../core/reader.ts';
import { borrowMemory, returnMemory } from '../pool/spare-memory.ts';
import type { Scanner } from './scan.ts';
import { createScanner } from './scan.ts';
import type { Grammar } from './scan-state.ts';

/** Large enough that a read's fixed cost (about 50 us) is below a tenth of its scan. */
export const WINDOW_BYTES = 1024 * 1024;
/** What is parsed in one go; above it a range is parsed in pieces of half of it. */
export const BLOCK_BYTES = 8 * 1024 * 1024;

export interface ScanJob {
  read: ReadBytes;
  range: ByteRange;
  grammar: Grammar;
  /** Bytes per read, at least 4; default 1 MiB. Never changes the result. */
  windowBytes?: number | undefined;
}

/** Chunks as `Layout.cuts` promises them. */
export async function* cutRange(job: ScanJob, limits: CutLimits): AsyncGenerator<CutRange> {
  const { range } = job;
  let start = range.start;
  let count = 0;
  /** Line ends before `start`. */
  let before = 0;
  const found: CutRange[] = [];
  const scan = scanRange(job, (_start, lineEnd, { lines }) => {
    count++;
    const end = Math.min(lineEnd + 1, range.end);
    if (count < limits.items && end - start < limits.bytes) return;
    found.push({ start, end, count, lines: lines - before });
    start = end;
    count = 0;
    before = lines;
  });
  let lines = 0;
  for await (const counted of scan) {
    lines = counted;
    // The last one is kept back: blank lines at the range's end belong to it.
    if (found.length > 1) yield* found.splice(0, found.length - 1);
  }
  if (count > 0) {
    found.push({ start, end: range.end, count, lines: lines - before });
  } else {
    const last = found.at(-1);
    if (last !== undefined) {
      last.end = range.end;
      last.lines += lines - before;
    }
  }
  yield* found;
}

/** A part of a range that fits into memory, or a record that is too long to be read. */
export type Piece = ByteRange & {
  count: number;
  tooLong: boolean;
  /** Line ends from the range's start to the piece's. */
  lines: number;
};

/** Cuts a large range so that no piece holds more than half a block and one record of allowed length. */
export async function* piecesOf(job: ScanJob, maxRecordBytes: number): AsyncGenerator<Piece> {
  let start = job.range.start;
  let count = 0;
  let found: Piece[] = [];
  /** Line ends before the piece. */
  let before = 0;
  const close = (end: number, lines: number): void => {
    if (count > 0) found.push({ start, end, count, tooLong: false, lines: before });
    start = end;
    count = 0;
    before = lines;
  };
  const scan = scanRange(job, (from, lineEnd, { lines, linesBefore }) => {
    const end = Math.min(lineEnd + 1, job.range.end);
    if (lineEnd - from > maxRecordBytes) {
      close(from, linesBefore);
      found.push({ start: from, end: lineEnd, count: 1, tooLong: true, lines: linesBefore });
      start = end;
      before = lines;
      return;
    }
    count++;
    if (end - start >= BLOCK_BYTES / 2) close(end, lines);
  });
  for await (const _window of scan) {
    yield* found;
    found = [];
  }
  close(job.range.end, 0);
  yield* found;
}

type RangeSink = (
  start: number,
  lineEnd: number,
  scanned: Pick<Scanner, 'lines' | 'linesBefore'>,
) => void;

/** Yields after each window the line ends up to the last record found. */
async function* scanRange(job: ScanJob, sink: RangeSink): AsyncGenerator<number> {
  const { range, windowBytes = WINDOW_BYTES } = job;
  const scanner = createScanner(job.grammar, range);
  const found = (start: number, lineEnd: number): void => sink(start, lineEnd, scanner);
  const memory = borrowMemory(Math.min(windowBytes, range.end - range.start));
  try {
    while (scanner.position < range.end) {
      const start = scanner.position;
      const end = Math.min(start + windowBytes, range.end);
      scanner.feed(await readAll(job.read, { start, end }, memory), found);
      yield scanner.lines;
    }
  } finally {
    returnMemory(memory);
  }
}

/** Reads exactly the range: a source that has fewer bytes is not the one that was pinned. */
export async function readAll(
  read: ReadBytes,
  { start, end }: ByteRange,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const bytes = await read(start, end, into);
  if (bytes.byteLength === end - start) return bytes;
  throw new SluiceError(
    'INPUT_CHANGED',
    `Bytes ${start} to ${end} of the input were asked for and ${bytes.byteLength} came: it is shorter than when it was planned.`,
    { hint: 'Start a new batch over the present input.' },
  );
}

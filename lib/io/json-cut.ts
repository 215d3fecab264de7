import type { ByteRange, CutLimits, CutRange, ReadBytes } from '../core/reader.ts';
import type { Piece } from './cut.ts';
import { BLOCK_BYTES, readAll, WINDOW_BYTES } from './cut.ts';
import { createElementScanner } from './json-scan.ts';
import type { ArrayEnd } from './json-scan-state.ts';
import { buffer } from './layout.ts';
import { countLines } from './place.ts';

export interface ArrayJob {
  read: ReadBytes;
  range: ByteRange;
  /** First byte behind the array's own bracket. */
  dataStart: number;
  /** Bytes per read; default 1 MiB. Never changes the result. */
  windowBytes?: number | undefined;
}

/** Chunks as `Layout.cuts` promises them; the array's end is judged before the last one is given. */
export async function* cutArray(job: ArrayJob, limits: CutLimits): AsyncGenerator<CutRange> {
  const { range } = job;
  let { start } = range;
  let count = 0;
  /** Line ends before `start`. */
  let before = 0;
  const found: CutRange[] = [];
  const scan = scanArray(job, (_start, { next, linesTo }) => {
    count++;
    if (count < limits.items && next - start < limits.bytes) return;
    const lines = linesTo(next);
    found.push({ start, end: next, count, lines: lines - before });
    start = next;
    count = 0;
    before = lines;
  });
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) {
    if (found.length > 1) yield* found.splice(0, found.length - 1);
  }
  const lines = step.value?.lines ?? 0;
  if (count > 0) found.push({ start, end: range.end, count, lines: lines - before });
  const last = found.pop();
  yield* found;
  // Where the range is what an earlier call left (nothing), that call has judged the end.
  const why =
    range.start < range.end || range.start === job.dataStart ? faultOf(step.value, job) : undefined;
  if (why !== undefined) limits.fault?.(why);
  if (last !== undefined) yield { ...last, end: range.end };
}

/**
 * Cuts a large range so that no piece is longer than half a block, but for one record of allowed length.
 * Blank space between two pieces, and what stands behind the array, is in none.
 */
export async function* arrayPieces(job: ArrayJob, maxRecordBytes: number): AsyncGenerator<Piece> {
  let found: Piece[] = [];
  let open: Piece | undefined;
  const close = (): void => {
    if (open !== undefined) found.push(open);
    open = undefined;
  };
  const scan = scanArray(job, (start, { end, next, linesBefore }) => {
    const tooLong = end - start > maxRecordBytes;
    if (tooLong || (open !== undefined && next - open.start > BLOCK_BYTES / 2)) close();
    if (tooLong) {
      found.push({ start, end, count: 1, tooLong, lines: linesBefore() });
      return;
    }
    open ??= { start, end: next, count: 0, tooLong, lines: linesBefore() };
    open.end = next;
    open.count++;
  });
  for (let step = await scan.next(); !step.done; step = await scan.next()) {
    yield* found;
    found = [];
  }
  close();
  yield* found;
}

/** A record that a scan found: see ElementSink. */
interface Found {
  end: number;
  next: number;
  /** Line ends from the range's start to a position, which may not lie before the last one asked for. */
  linesTo(position: number): number;
  /** The same to the record's own start. */
  linesBefore(): number;
}

async function* scanArray(
  job: ArrayJob,
  sink: (start: number, found: Found) => void,
): AsyncGenerator<void, ArrayEnd & { lines: number }> {
  const { range, windowBytes = WINDOW_BYTES } = job;
  const scanner = createElementScanner(range, range.start === job.dataStart);
  let window: { start: number; bytes: Buffer } = { start: range.start, bytes: Buffer.alloc(0) };
  let counted = range.start;
  let lines = 0;
  /** At the start of a record that began in an earlier window. */
  let linesAtOpen = 0;
  const linesTo = (position: number): number => {
    lines += countLines(window.bytes, counted - window.start, position - window.start);
    counted = position;
    return lines;
  };
  const found = (start: number, end: number, next: number): void => {
    const linesBefore = (): number => (start < window.start ? linesAtOpen : linesTo(start));
    sink(start, { end, next, linesTo, linesBefore });
  };
  while (scanner.position < range.end) {
    const start = scanner.position;
    const end = Math.min(start + windowBytes, range.end);
    window = { start, bytes: buffer(await readAll(job.read, { start, end })) };
    scanner.feed(window.bytes, found);
    if (scanner.end.openAt >= counted) linesAtOpen = linesTo(scanner.end.openAt);
    linesTo(end);
    yield;
  }
  return { ...scanner.end, lines };
}

/** Why an array is not whole though its records can be read. */
function faultOf({ closedAt, restAt, openAt }: ArrayEnd, { range }: ArrayJob): string | undefined {
  if (restAt >= 0) {
    return `the array ends at byte ${closedAt}, but more stands behind it from byte ${restAt} on, which was not read: look for a ] too many, or for several values in one file`;
  }
  if (closedAt >= 0) return undefined;
  const where = openAt >= 0 ? ` in the record at byte ${openAt}` : '';
  return `the array is not closed: the source ends${where}, after ${range.end} bytes, without the ] that closes the array. It is cut, or a quote or bracket is missing`;
}

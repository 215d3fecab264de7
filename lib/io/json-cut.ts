import type { ByteRange, CutLimits, ReadBytes } from '../core/reader.ts';
import type { Piece } from './cut.ts';
import { BLOCK_BYTES, readAll, WINDOW_BYTES } from './cut.ts';
import { createElementScanner } from './json-scan.ts';
import type { ArrayEnd, ElementSink } from './json-scan-state.ts';

export interface ArrayJob {
  read: ReadBytes;
  range: ByteRange;
  /** First byte behind the array's own bracket. */
  dataStart: number;
  /** Bytes per read; default 1 MiB. Never changes the result. */
  windowBytes?: number | undefined;
}

/** Chunks as `Layout.cuts` promises them; the array's end is judged before the last one is given. */
export async function* cutArray(
  job: ArrayJob,
  limits: CutLimits,
): AsyncGenerator<ByteRange & { count: number }> {
  const { range } = job;
  let { start } = range;
  let count = 0;
  const found: (ByteRange & { count: number })[] = [];
  const scan = scanArray(job, (_start, _end, next) => {
    count++;
    if (count < limits.items && next - start < limits.bytes) return;
    found.push({ start, end: next, count });
    start = next;
    count = 0;
  });
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) {
    if (found.length > 1) yield* found.splice(0, found.length - 1);
  }
  if (count > 0) found.push({ start, end: range.end, count });
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
  const scan = scanArray(job, (start, end, next) => {
    const tooLong = end - start > maxRecordBytes;
    if (tooLong || (open !== undefined && next - open.start > BLOCK_BYTES / 2)) close();
    if (tooLong) {
      found.push({ start, end, count: 1, tooLong });
      return;
    }
    open ??= { start, end: next, count: 0, tooLong };
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

async function* scanArray(job: ArrayJob, sink: ElementSink): AsyncGenerator<void, ArrayEnd> {
  const { range, windowBytes = WINDOW_BYTES } = job;
  const scanner = createElementScanner(range, range.start === job.dataStart);
  while (scanner.position < range.end) {
    const start = scanner.position;
    scanner.feed(await readAll(job.read, start, Math.min(start + windowBytes, range.end)), sink);
    yield;
  }
  return scanner.end;
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

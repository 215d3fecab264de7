// What the odds job costs without Sluice around it: two threads, each taking the next 4 MiB, parse with
// the same layout, convert with the same converter, write the same outcome lines at gzip level 1. No fsync,
// no store, no digest, no commits; a crash loses all. `node bare-odds.mjs <csv> <folder> [threads]`.
import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { openCsv } from '../../lib/io/csv.ts';
import { createConverter, matchKey, type Row } from '../../lib/jobs/odds/convert.ts';

interface Share {
  input: string;
  out: string;
  /** Bytes [start, end) of each piece, in pairs; the sample has no line end inside a cell. */
  pieces: number[];
  /** The next piece to take, and the rows so far. */
  counters: Int32Array;
}

const PIECE = 4 * 1024 * 1024;
const HEAD = 1024 * 1024;
/** Rows per gzip member, as a chunk has them. */
const CHUNK = 1000;
const [NEXT, ROWS] = [0, 1];

async function main(): Promise<void> {
  const [input = '', folder = '', most = '2'] = process.argv.slice(2);
  const counters = new Int32Array(new SharedArrayBuffer(8));
  const pieces = piecesOf(input);
  const threads = Array.from(
    { length: Math.min(Number(most), availableParallelism()) },
    (_, at) => {
      const share: Share = { input, out: `${folder}/bare-${at}.gz`, pieces, counters };
      return new Worker(fileURLToPath(import.meta.url), { workerData: share });
    },
  );
  await Promise.all(
    threads.map(
      (thread) =>
        new Promise((resolve, reject) => {
          thread.once('error', reject);
          thread.once('exit', resolve);
        }),
    ),
  );
  console.log(JSON.stringify({ rows: Atomics.load(counters, ROWS) }));
}

function piecesOf(input: string): number[] {
  const file = openSync(input, 'r');
  const { size } = statSync(input);
  const layout = openCsv(readRange(file, 0, Math.min(HEAD, size)), {});
  const pieces: number[] = [];
  for (let start = layout.dataStart; start < size; ) {
    const look = Math.min(start + PIECE, size);
    const newline = readRange(file, look, Math.min(look + 65_536, size)).indexOf(10);
    const end = newline < 0 ? size : look + newline + 1;
    pieces.push(start, end);
    start = end;
  }
  closeSync(file);
  return pieces;
}

function readRange(file: number, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe(end - start);
  readSync(file, bytes, 0, bytes.length, start);
  return bytes;
}

async function work({ input, out, pieces, counters }: Share): Promise<void> {
  const [file, sink] = [openSync(input, 'r'), openSync(out, 'w')];
  const layout = openCsv(readRange(file, 0, Math.min(HEAD, statSync(input).size)), {});
  const convert = createConverter();
  const read = async (start: number, end: number) => readRange(file, start, end);
  let index = 0;
  for (;;) {
    const piece = 2 * Atomics.add(counters, NEXT, 1);
    const [start, end] = [pieces[piece], pieces[piece + 1]];
    if (start === undefined || end === undefined) break;
    const range = { start, end, first: index };
    let lines: string[] = [];
    for await (const block of layout.records(read, range, { maxRecordBytes: 1 << 20 })) {
      for (const [at, row] of block.rows.entries()) {
        lines.push(lineOf(index, row as Row | undefined, block.errors?.get(at), convert));
        index += 1;
        if (lines.length < CHUNK) continue;
        writeSync(sink, gzipSync(lines.join(''), { level: 1 }));
        lines = [];
      }
    }
    if (lines.length > 0) writeSync(sink, gzipSync(lines.join(''), { level: 1 }));
  }
  closeSync(file);
  closeSync(sink);
  Atomics.add(counters, ROWS, index);
}

function lineOf(
  index: number,
  row: Row | undefined,
  error: unknown,
  convert: ReturnType<typeof createConverter>,
): string {
  if (row === undefined)
    return `${JSON.stringify({ index, key: null, status: 'failed', error })}\n`;
  const head = `{"index":${index},"key":${JSON.stringify(matchKey(row))},"status":`;
  const done = convert(row);
  if ('value' in done) return `${head}"ok","value":${JSON.stringify(done.value)}}\n`;
  if ('skip' in done) return `${head}"skipped","reason":${JSON.stringify(done.skip)}}\n`;
  const fault = { kind: 'permanent', code: done.code, message: done.message };
  return `${head}"failed","error":${JSON.stringify(fault)}}\n`;
}

await (isMainThread ? main() : work(workerData as Share));

import type { ByteRange, Layout } from '../../lib/core/reader.ts';
import { openCsv } from '../../lib/io/csv.ts';
import { openNdjson } from '../../lib/io/ndjson.ts';

export interface ReaderFigure {
  name: string;
  /** Of the source, in 10^6 bytes per second of CPU time, all threads. Median of the rounds. */
  mbPerCpuSecond: number;
}

const SOURCE_BYTES = 60_000_000;
/** What the planner uses by default. */
const LIMITS = { items: 1000, bytes: 4 * 1024 * 1024 };
const ROUNDS = 5;

/**
 * Speeds of the readers over 60 MB sources in memory, chunk by chunk as a worker reads them. Prints a
 * line each; the first round of each only warms up and does not count.
 */
export async function benchReaders(): Promise<ReaderFigure[]> {
  const plain = repeat(CSV_HEADER, csvLine);
  const quoted = repeat(CSV_HEADER, quotedLine);
  const wide = repeat(`${Array.from({ length: 65 }, (_, i) => `C${i}`).join(',')}\n`, wideLine);
  const lines = repeat('', jsonLine);
  const cases: Case[] = [
    { name: 'csv unquoted', bytes: plain, layout: openCsv(plain, {}) },
    { name: 'csv quoted', bytes: quoted, layout: openCsv(quoted, {}) },
    { name: 'csv, 65 columns', bytes: wide, layout: openCsv(wide, {}) },
    { name: 'ndjson', bytes: lines, layout: openNdjson(lines, {}) },
  ];
  const figures: ReaderFigure[] = [];
  for (const { name, bytes, layout } of cases) {
    const chunks = await cut(layout, bytes);
    figures.push(await measure(`cuts, ${name}`, bytes, () => cut(layout, bytes)));
    figures.push(await measure(`rows, ${name}`, bytes, () => parse(layout, bytes, chunks)));
  }
  return figures;
}

interface Case {
  name: string;
  bytes: Buffer;
  layout: Layout;
}

async function measure(
  name: string,
  bytes: Buffer,
  work: () => Promise<unknown>,
): Promise<ReaderFigure> {
  const speeds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) speeds.push(bytes.length / (user + system));
  }
  speeds.sort((a, b) => a - b);
  const mbPerCpuSecond = Math.round(speeds[Math.floor(ROUNDS / 2)] as number);
  console.log(`${name.padEnd(22)} ${String(mbPerCpuSecond).padStart(5)} MB/CPU-s`);
  return { name, mbPerCpuSecond };
}

async function cut(layout: Layout, bytes: Buffer): Promise<ByteRange[]> {
  const range = { start: layout.dataStart, end: bytes.length };
  const chunks: (ByteRange & { count: number })[] = [];
  for await (const chunk of layout.cuts(readFrom(bytes), range, LIMITS)) chunks.push(chunk);
  return chunks;
}

async function parse(layout: Layout, bytes: Buffer, chunks: ByteRange[]): Promise<number> {
  let first = 0;
  for (const { start, end } of chunks) {
    const range = { start, end, first };
    const blocks = layout.records(readFrom(bytes), range, { maxRecordBytes: 1024 * 1024 });
    for await (const block of blocks) first += block.rows.length;
  }
  return first;
}

const readFrom = (bytes: Buffer) => async (start: number, end: number) =>
  bytes.subarray(start, end);

function repeat(head: string, line: (i: number) => string): Buffer {
  const pieces = [Buffer.from(head)];
  let size = head.length;
  for (let i = 0; size < SOURCE_BYTES; ) {
    let text = '';
    for (const stop = i + 1000; i < stop; i++) text += line(i);
    const piece = Buffer.from(text);
    pieces.push(piece);
    size += piece.length;
  }
  return Buffer.concat(pieces);
}

const CSV_HEADER = 'id,day,league,home,away,market,selection,price,stake,note\n';

function csvLine(i: number): string {
  return `${i},2024-0${(i % 9) + 1}-1${i % 10},League ${i % 40},Home team ${i % 500},Away team ${i % 499},match odds,home,${1 + (i % 900) / 100},${i % 97},settled in running at ${i % 60}\n`;
}

/** Half of the cells are quoted; every eighth row holds a line end and a doubled quote. */
function quotedLine(i: number): string {
  const note =
    i % 8 === 0 ? 'first line\nsecond ""quoted"" line' : `settled, in running at ${i % 60}`;
  return `${i},2024-0${(i % 9) + 1}-1${i % 10},"League ${i % 40}","Home team, ${i % 500}","Away team ${i % 499}","match odds",home,${1 + (i % 900) / 100},${i % 97},"${note}"\n`;
}

function wideLine(i: number): string {
  let line = `E${i % 4},12/08/${i % 30},Team ${i % 20},Team ${i % 19}`;
  for (let column = 4; column < 65; column++) line += `,${((i * column) % 997) / 100}`;
  return `${line}\n`;
}

function jsonLine(i: number): string {
  return `${JSON.stringify({ id: `item-${i}`, day: `2024-01-${i % 28}`, home: `Home team ${i % 500}`, away: `Away team ${i % 499}`, price: 1 + (i % 900) / 100, tags: ['a', 'b'], nested: { open: true, stake: i % 97 } })}\n`;
}

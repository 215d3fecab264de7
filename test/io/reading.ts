import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { ItemError } from '../../lib/core/errors.ts';
import type { CutLimits, CutRange, Layout, ReadBytes } from '../../lib/core/reader.ts';
import type { Cut, RecordBlock } from '../../lib/core/records.ts';
import type { Input } from '../../lib/ports/input.ts';

export const bytesOf = (text: string | Uint8Array): Buffer =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);

/** Reads as files do, into the memory that is lent; `overwrite` does what the next reads do with it. */
export function readFrom(bytes: Uint8Array): ReadBytes & { overwrite(): void } {
  const lent = new Set<Uint8Array>();
  const read = async (start: number, end: number, into?: Uint8Array): Promise<Uint8Array> => {
    const found = bytes.subarray(start, end);
    if (into === undefined) return found;
    lent.add(into);
    into.set(found);
    return into.subarray(0, found.length);
  };
  const overwrite = (): void => {
    for (const memory of lent) memory.fill(0x0a);
  };
  return Object.assign(read, { overwrite });
}

export interface ReadRecord {
  index: number;
  row: unknown;
  raw: string;
  error: ItemError | undefined;
  where: string | undefined;
}

export interface Outcome {
  chunks: CutRange[];
  records: ReadRecord[];
}

export const WHOLE: CutLimits = { items: 1_000_000, bytes: 1_000_000_000 };
export const MAX_RECORD = 1024 * 1024;

/** Cuts a source and reads every chunk by itself, as planner and workers do. */
export async function readAllRecords(
  layout: Layout,
  bytes: Uint8Array,
  options: { limits?: CutLimits; maxRecordBytes?: number; read?: ReadBytes; lines?: boolean } = {},
): Promise<Outcome> {
  const own = readFrom(bytes);
  const read = options.read ?? own;
  const range = { start: layout.dataStart, end: bytes.length };
  const limits = { maxRecordBytes: options.maxRecordBytes ?? MAX_RECORD };
  const chunks: Outcome['chunks'] = [];
  for await (const chunk of layout.cuts(read, range, options.limits ?? WHOLE)) chunks.push(chunk);
  const blocks: RecordBlock[] = [];
  let first = 0;
  let line = options.lines ? layout.linesBefore : undefined;
  for (const { start, end, lines } of chunks) {
    const range = { start, end, first, line };
    for await (const block of layout.records(read, range, limits)) {
      blocks.push(block);
      first += block.rows.length;
    }
    if (line !== undefined) line += lines;
  }
  // An item may ask for its place long after its chunk was read.
  own.overwrite();
  const records = blocks.flatMap((block) =>
    block.rows.map((row, i) => ({
      index: block.first + i,
      row,
      raw: block.raws[i] as string,
      error: block.errors?.get(i),
      where: block.where?.(i),
    })),
  );
  return { chunks, records };
}

export async function cutsOf(input: Input, cursor = ''): Promise<Cut[]> {
  const cuts: Cut[] = [];
  for await (const cut of input.cuts(cursor)) cuts.push(cut);
  return cuts;
}

/** All rows of an input, chunk by chunk; the code of what cannot be read. */
export async function recordsOf(input: Input): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const { range } of await cutsOf(input)) {
    for await (const block of input.records(range)) {
      expect(block.first).toBe(found.length);
      for (const [i, row] of block.rows.entries()) found.push(row ?? block.errors?.get(i)?.code);
    }
  }
  return found;
}

/** What is dropped waits for a collection, of which Node 24 lets 105 MB pile up: what is held is looked at. */
const LOOK_BYTES = 16 * 1024 * 1024;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** A source with a middle of any size that is made while it is read, and the largest memory seen by then, at each 16 MiB and at the end. */
export function hugeSource(
  { before, fill, after }: { before: Uint8Array; fill: string; after: Uint8Array },
  size: number,
): { read: ReadBytes; source: Uint8Array; peak(): number } {
  const end = before.length + size;
  let peak = 0;
  let unseen = 0;
  const look = (): number => {
    unseen = 0;
    collect();
    peak = Math.max(peak, process.memoryUsage.rss());
    return peak;
  };
  return {
    async read(from, to, into) {
      unseen += to - from;
      if (unseen >= LOOK_BYTES) look();
      const turn = (((from - before.length) % fill.length) + fill.length) % fill.length;
      // As files do.
      const bytes = into?.subarray(0, to - from) ?? new Uint8Array(to - from);
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).fill(
        fill.slice(turn) + fill.slice(0, turn),
      );
      for (const { part, at } of [
        { part: Buffer.from(before), at: 0 },
        { part: Buffer.from(after), at: end },
      ]) {
        const start = Math.max(from, at);
        const stop = Math.min(to, at + part.length);
        if (start < stop) bytes.set(part.subarray(start - at, stop - at), start - from);
      }
      return bytes;
    },
    source: { length: end + after.length } as Uint8Array,
    peak: look,
  };
}

import type { ItemError } from '../../lib/core/errors.ts';
import type { CutLimits, CutRange, Layout, ReadBytes } from '../../lib/core/reader.ts';

export const bytesOf = (text: string | Uint8Array): Buffer =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);

export const readFrom =
  (bytes: Uint8Array): ReadBytes =>
  async (start, end) =>
    bytes.subarray(start, end);

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
  const read = options.read ?? readFrom(bytes);
  const range = { start: layout.dataStart, end: bytes.length };
  const limits = { maxRecordBytes: options.maxRecordBytes ?? MAX_RECORD };
  const chunks: Outcome['chunks'] = [];
  for await (const chunk of layout.cuts(read, range, options.limits ?? WHOLE)) chunks.push(chunk);
  const records: ReadRecord[] = [];
  let line = options.lines ? layout.linesBefore : undefined;
  for (const { start, end, lines } of chunks) {
    const range = { start, end, first: records.length, line };
    for await (const block of layout.records(read, range, limits)) {
      block.rows.forEach((row, i) => {
        records.push({
          index: block.first + i,
          row,
          raw: block.raws[i] as string,
          error: block.errors?.get(i),
          where: block.where?.(i),
        });
      });
    }
    if (line !== undefined) line += lines;
  }
  return { chunks, records };
}

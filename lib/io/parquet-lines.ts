import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Compressors, FileMetaData, RowGroup } from 'hyparquet';
import type { RandomSource } from '../core/reader.ts';
import { arrayBuffer, readFooter } from './parquet-footer.ts';
import { type RowText, rowText } from './parquet-row.ts';

/** A row group is held compressed, as a whole: its columns lie one after the other. */
const MAX_GROUP_BYTES = 512 * 1024 * 1024;
/** What a page says it expands to is not believed beyond this; writers make pages of about 1 MiB. */
const MAX_PAGE_BYTES = 256 * 1024 * 1024;
/** Rows that are decoded at once: about so many bytes of a group, at most so many rows. */
const SLICE_BYTES = 16 * 1024 * 1024;
const SLICE_ROWS = 16_384;
const READ_BYTES = 8 * 1024 * 1024;

type Lines = AsyncGenerator<Uint8Array, string | undefined>;
type Decoder = typeof import('hyparquet');

export async function parquetProblem(source: RandomSource): Promise<string | undefined> {
  const footer = await readFooter(await import('hyparquet'), source);
  return typeof footer === 'string' ? footer : undefined;
}

/**
 * The rows of a Parquet file as NDJSON, a row group at a time. Returns why it ended early. Throws what the
 * source throws.
 */
export async function* parquetLines(source: RandomSource): Lines {
  // Loaded where it is used: other jobs neither load nor bundle it.
  const decoder = await import('hyparquet');
  const footer = await readFooter(decoder, source);
  if (typeof footer === 'string') return footer;
  const compressors = await allCompressors();
  const row = rowText(footer.columns);
  let first = 1;
  for (const [number, group] of footer.groups.entries()) {
    const rows = Number(group.num_rows);
    const place = `row group ${number + 1} (rows ${first} to ${first + rows - 1})`;
    const held = await readGroup(source, group);
    if (typeof held === 'string') return `is cut or damaged: ${place} ${held}`;
    const bare = { ...footer.bare, row_groups: [group], num_rows: group.num_rows };
    const why = yield* groupLines({ decoder, held, bare, compressors, row });
    if (why !== undefined) return `cannot be read from ${place} on: ${why}`;
    first += rows;
  }
  return undefined;
}

async function allCompressors(): Promise<Compressors> {
  const { compressors } = await import('hyparquet-compressors');
  const own: Compressors = {
    ...compressors,
    GZIP: (bytes, size) => gunzipSync(bytes, { maxOutputLength: size }),
    BROTLI: (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: size }),
  };
  const checked = Object.entries(own).map(([codec, decompress]) => [
    codec,
    (bytes: Uint8Array, size: number): Uint8Array => {
      // A page of nulls only: some decompressors refuse to give nothing.
      if (size === 0) return new Uint8Array();
      if (size <= MAX_PAGE_BYTES) return decompress(bytes, size);
      throw new Error(`a page of ${size} bytes is too large`);
    },
  ]);
  return Object.fromEntries(checked) as Compressors;
}

/** A part of the file that is in memory. */
interface Held {
  start: number;
  bytes: ArrayBuffer;
}

async function readGroup(source: RandomSource, { columns }: RowGroup): Promise<Held | string> {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { meta_data: facts } of columns) {
    if (facts === undefined) continue;
    const data = Number(facts.data_page_offset);
    const dictionary = Number(facts.dictionary_page_offset ?? 0);
    const from = dictionary > 0 ? Math.min(dictionary, data) : data;
    start = Math.min(start, from);
    end = Math.max(end, from + Number(facts.total_compressed_size));
  }
  if (end === 0) return { start: 0, bytes: new ArrayBuffer(0) };
  if (start < 0 || end > source.bytes) {
    return `ends at byte ${end}, but the file has ${source.bytes} bytes`;
  }
  if (end - start > MAX_GROUP_BYTES) {
    return `has ${end - start} bytes; at most ${MAX_GROUP_BYTES} are held at once: write the file with smaller row groups`;
  }
  const bytes = new Uint8Array(end - start);
  for (let at = start; at < end; at += READ_BYTES) {
    bytes.set(await source.read(at, Math.min(at + READ_BYTES, end)), at - start);
  }
  return { start, bytes: arrayBuffer(bytes) };
}

interface GroupJob {
  decoder: Decoder;
  held: Held;
  /** Of this row group alone. */
  bare: FileMetaData;
  compressors: Compressors;
  row: RowText;
}

/** Returns why the decoder gave up: nothing but the bytes themselves can make it. */
async function* groupLines({ decoder, held, bare, compressors, row }: GroupJob): Lines {
  const group = bare.row_groups[0] as RowGroup;
  const rows = Number(bare.num_rows);
  const file = {
    byteLength: held.start + held.bytes.byteLength,
    slice: (start: number, end = start) => {
      if (start < held.start || end > held.start + held.bytes.byteLength || end < start) {
        throw new Error(`bytes ${start} to ${end} are not its own`);
      }
      return held.bytes.slice(start - held.start, end - held.start);
    },
  };
  const parsers = { timestampFromNanoseconds: (nanos: bigint) => nanos };
  const options = { file, metadata: bare, compressors, parsers, utf8: false };
  const share = Math.floor((rows * SLICE_BYTES) / Math.max(1, Number(group.total_byte_size)));
  const step = Math.max(1, Math.min(SLICE_ROWS, share));
  try {
    const scan = await decoder.parquetScan({ ...options, useOffsetIndex: false });
    // The decoder goes through all of a nested column in any case: once, and it keeps what it found.
    for (const column of row.nested) await scan.readColumn({ column, rowStart: 0, rowEnd: rows });
    for (let rowStart = 0; rowStart < rows; rowStart += step) {
      const rowEnd = Math.min(rowStart + step, rows);
      const columns: ArrayLike<unknown>[] = [];
      for (const column of row.names) {
        const values = await scan.readColumn({ column, rowStart, rowEnd });
        if (values.length !== rowEnd - rowStart) {
          return `column ${JSON.stringify(column)} ends at row ${rowStart + values.length} of ${rows}`;
        }
        columns.push(values);
      }
      yield* row.lines(columns, rowEnd - rowStart);
    }
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

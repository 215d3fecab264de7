import type { Layout } from '../core/reader.ts';
import type { RecordParser } from './block.ts';
import { emptyBlock, parseBlock, refuse, tooLong } from './block.ts';
import type { ScanJob } from './cut.ts';
import { BLOCK_BYTES, cutRange, piecesOf, readAll } from './cut.ts';

export interface LayoutParts {
  dataStart: number;
  columns?: readonly string[];
  parser: RecordParser;
  /** For tests: bytes per read while scanning. */
  windowBytes?: number | undefined;
}

/** A layout from where its records begin and how one is parsed. */
export function makeLayout(parts: LayoutParts): Layout {
  const { parser, windowBytes } = parts;
  const { grammar } = parser;
  return {
    dataStart: parts.dataStart,
    columns: parts.columns,
    problem: undefined,
    cuts: (read, range, limits) => cutRange({ read, range, grammar, windowBytes }, limits),
    async *records(read, range, { maxRecordBytes }) {
      if (range.end <= range.start) return;
      if (range.end - range.start <= BLOCK_BYTES) {
        const bytes = buffer(await readAll(read, range.start, range.end));
        yield parseBlock(parser, { bytes, at: range.start, first: range.first }, maxRecordBytes);
        return;
      }
      const job: ScanJob = { read, range, grammar, windowBytes };
      let { first } = range;
      for await (const { start, end, count, tooLong: long } of piecesOf(job, maxRecordBytes)) {
        if (long) {
          const block = emptyBlock(first);
          refuse(block, { raw: '', refusal: tooLong(end - start, maxRecordBytes), at: start });
          yield block;
        } else {
          const bytes = buffer(await readAll(read, start, end));
          yield parseBlock(parser, { bytes, at: start, first }, maxRecordBytes);
        }
        first += count;
      }
    },
  };
}

/** The layout of a source that cannot be read as a whole. */
export function problemLayout(problem: string): Layout {
  return {
    dataStart: 0,
    columns: undefined,
    problem,
    async *cuts() {},
    async *records() {},
  };
}

export function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Length of a UTF-8 byte order mark, or why the source is in another encoding. */
export function byteOrderMark(head: Buffer): number | string {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 3;
  const utf16 =
    (head[0] === 0xff && head[1] === 0xfe && 'LE') ||
    (head[0] === 0xfe && head[1] === 0xff && 'BE');
  if (!utf16) return 0;
  return `the file is UTF-16 ${utf16} by its byte order mark; convert it first: iconv -f UTF-16 -t UTF-8`;
}

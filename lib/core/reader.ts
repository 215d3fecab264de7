import type { FoundFile, MissedFile, WalkItem, WalkOptions } from './discovery.ts';
import type { RecordBlock } from './records.ts';
import type { Stage } from './stage.ts';
import type { StandardSchema } from './standard-schema.ts';

/**
 * How records lie in bytes. Planner, worker and thread use the same reader, so that the borders that
 * planning finds are the records that a worker reads.
 */
export interface Reader<R = unknown> {
  readonly format: 'csv' | 'ndjson' | 'json' | 'parquet' | 'files';
  /** Validates and types each row; undefined takes every row as it is. */
  readonly schema: StandardSchema<unknown, R> | undefined;
  readonly options: ReaderOptions;
  /**
   * The layout of one source.
   * @param head its first bytes (all of it, or at least 1 MiB)
   */
  open(head: Uint8Array, options: ReaderOptions): Layout;
  /** Of a format that cannot be cut by byte: what is stored, cut and read in a source's place. */
  readonly lines?: LineMaker;
  /** Of one whose rows are found, not read: what is looked for, and the stage that finds them. */
  readonly walk?: WalkOptions;
  readonly discover?: Stage<WalkItem, FoundFile>;
  /** A file that was missed, looked at once more. */
  lookAgain?(missed: MissedFile): Promise<FoundFile | MissedFile>;
}

export interface LineMaker {
  /** Why a source as a whole cannot be read, to go on after its name (`is cut: ...`); looks at no row. */
  problem(source: RandomSource): Promise<string | undefined>;
  /** The source as NDJSON; `open` then gets that. Returns why it ended early, after all rows that are good. */
  read(source: RandomSource): AsyncGenerator<Uint8Array, string | undefined>;
}

/** A source that can be read at any offset. */
export interface RandomSource {
  bytes: number;
  read: ReadBytes;
}

export interface ReaderOptions {
  /** Default 'utf8'. Bytes that are not valid UTF-8 fail their record alone. */
  encoding?: 'utf8' | 'latin1' | undefined;
  /** CSV only; default: found out from the header line among `,` `;` and tab. */
  delimiter?: ',' | ';' | '\t' | '|' | undefined;
}

/** Reads bytes [start, end) of a source; `into` is memory of at least so many bytes that may be used for it. */
export type ReadBytes = (start: number, end: number, into?: Uint8Array) => Promise<Uint8Array>;

export interface CutLimits {
  /** A chunk ends after this many records ... */
  items: number;
  /** ... or once it holds this many bytes, whichever comes first. */
  bytes: number;
  /**
   * Told why a source is not whole though its records can be read (an array that is never closed), where
   * only scanning to its end shows it: right before the last chunk is given, or when there is none.
   */
  fault?: (why: string) => void;
}

/** One source's layout: where its records begin, and how to cut and read them. */
export interface Layout {
  /** First byte of the first record (after a BOM and a CSV header line). */
  readonly dataStart: number;
  /** Line ends before it. */
  readonly linesBefore: number;
  /** CSV column names; undefined for other formats. */
  readonly columns: readonly string[] | undefined;
  /** Why this source as a whole cannot be read (empty, no header ...); undefined when it can. */
  readonly problem: string | undefined;
  /**
   * Chunks of [start, end), in order and without gaps: the first begins at `start`, the last ends at
   * `end`. Blank lines belong to no record. A chunk always holds at least one record.
   */
  cuts(read: ReadBytes, range: ByteRange, limits: CutLimits): AsyncIterable<CutRange>;
  /** The records of a range that `cuts` gave, in order; their indexes begin at `first`. */
  records(
    read: ReadBytes,
    range: RecordRange,
    limits: { maxRecordBytes: number },
  ): AsyncIterable<RecordBlock>;
}

export interface CutRange extends ByteRange {
  count: number;
  /** Line ends (LF) in the range. */
  lines: number;
}

export interface RecordRange extends ByteRange {
  first: number;
  /** Line ends before `start` in the source; where it is undefined no record is told by its line. */
  line?: number | undefined;
  /** Name of the source, where there are several. */
  name?: string | undefined;
}

export interface ByteRange {
  start: number;
  end: number;
}

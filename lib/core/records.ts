import type { ItemError } from './errors.ts';
import type { Remotes } from './poll.ts';

/**
 * Records as a reader hands them to the engine, a block at a time: arrays side by side, because an
 * object per record would cost more than parsing it.
 */
export interface RecordBlock {
  /** Index in the whole input of the block's first record; in a later round its place among the round's items. */
  first: number;
  /** Index in the whole input of each record, where that is not `first` and on: in a later round. */
  indexes?: readonly number[];
  /** Parsed rows; undefined where `errors` has an entry for the position. */
  rows: unknown[];
  /** The records' own text, without the line end; `''` where the record was too large to keep. */
  raws: string[];
  /** Position in the block -> why the record cannot be read. */
  errors: Map<number, ItemError> | undefined;
  /** In a later round, by position: remote work of the record that is still to be asked for. */
  remotes?: ReadonlyMap<number, Remotes>;
  /** Where a record stands, as a person finds it: `line 3`, `row 7 of b.parquet`. Counted only when asked. */
  where?: ((position: number) => string | undefined) | undefined;
}

/** A contiguous piece of one source: the unit that is dispatched, the same in a message and in a thread. */
export interface ChunkRange {
  /** Number of the source in the input's list. */
  source: number;
  /** First byte, and the byte after the last: in `last`, where there is one. */
  start: number;
  end: number;
  /**
   * Index of the first item, and how many there are. Of a groupBy stage `start` and `end` are prefixes of hashes, from
   * 0 to 2^32, and the count is Infinity until its rows were read.
   */
  first: number;
  count: number;
  /** Line ends before `start` in its source; undefined in records of a version that did not count them. */
  line?: number;
  /** The source it ends in, where that is another one: small sources share a chunk, each as a whole. */
  last?: number;
  /**
   * Of a later stage: `source` to `last` are chunks of the stage before it, `start` and `end` count the items that
   * those gave, and here are the epochs of their committed parts, by comma. A mark never changes.
   */
  epochs?: string;
  /** Of a later round: how many of its items had stalled before it, where some had. */
  wasStalled?: number;
}

/** One border found by planning: the chunk before it, and the cursor from which planning goes on. */
export interface Cut {
  range: ChunkRange;
  cursor: string;
}

/** A file or object of the input, pinned: any change of it is noticed. */
export interface SourcePin {
  /** File path, object key, or the name of a spooled stream. */
  name: string;
  bytes: number;
  /** Whatever identifies this very content: mtime and inode, ETag, or a digest. */
  version: string;
  /** It is gzip, where that was looked at when it was pinned. */
  compressed?: boolean;
}

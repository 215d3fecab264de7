import type { ChunkRange, Cut, RecordBlock } from '../core/records.ts';

/** The pinned input of one batch: cut once, then read by ranges. */
export interface Input {
  /**
   * Streams what cannot be read at any offset (gzip, stdin) into the object store, once; safe to
   * repeat. Resolves with why a source as a whole cannot be read, undefined when all can.
   */
  prepare(): Promise<string | undefined>;
  /** Cuts from a cursor on ('' is the start). Unless it discovers, a pure function of the pinned input and the chunk limits. */
  cuts(cursor: string): AsyncIterable<Cut>;
  /** Why the input ended early: known after `prepare` (a cut gzip), or after all `cuts` (an open array). */
  fault(): string | undefined;
  /**
   * SHA-256 over the SHA-256s of 8 MiB blocks of all sources, hexadecimal; of a walk the SHA-256 of its last object,
   * which holds that of the one before it, and so on. `cursor` is where planning ended.
   */
  digest(cursor: string): Promise<string>;
  /**
   * Its cuts are what is found while it is planned, so that those of another planner may differ. Each is put alone,
   * and the one that is there first counts.
   */
  readonly discovers?: boolean;
  /** The records of a chunk. Throws a SluiceError `INPUT_CHANGED` when a source is not the pinned one. */
  records(range: ChunkRange): AsyncIterable<RecordBlock>;
  /** Index of each item of a chunk, where that is not `range.first` and on: in a later round. Reads no record. */
  indexes?(range: ChunkRange): Promise<readonly number[]>;
  /** In a later round: index of each item of a chunk that had stalled before it. Reads no record. */
  stalled?(range: ChunkRange): Promise<readonly number[]>;
}

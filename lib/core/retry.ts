import type { Remotes } from './poll.ts';
import type { ChunkRange } from './records.ts';
import type { Tolerance } from './tolerance.ts';

/** Which failed items a retry takes; nothing given: all that failed. */
export interface RetryFilter {
  /** Only failures of these codes. */
  codes?: readonly string[];
  /** Only items of these keys. */
  keys?: readonly string[];
  /** At most so many, in input order. */
  first?: number;
  /** Stalled items too: the remote may still work on them. */
  stalled?: boolean;
}

/** What a round runs again, as its batch record keeps it: below 4 KB whatever was asked for. */
export interface RoundChoice {
  codes?: readonly string[];
  /** How many keys were named. */
  keys?: number;
  first?: number;
  /** Items of the round by what they were before it. */
  failed: number;
  stalled: number;
  /** Failures of the batch before the round, and stalled items. */
  before: { failed: number; stalled: number };
  /** SHA-256 and length of the round's list. */
  sha256: string;
  bytes: number;
  /** The round's own threshold: the one of round 0 would stop a retry of nothing but failures. */
  tolerate?: Tolerance;
}

/** A line of a round's list: a chunk of round 0, and the places in it of the items that run again. */
export interface RetryLine extends ChunkRange {
  /** Places from `first` on, ascending. */
  items: readonly number[];
  /** Those of them that had stalled; the others had failed. */
  stalled?: readonly number[];
  /** By place: work that a remote has begun and was not done with; it is asked for, not submitted again. */
  remotes?: Readonly<Record<number, Remotes>>;
}

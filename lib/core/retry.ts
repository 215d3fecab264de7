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
  /** Only items of the stage with this name. */
  stage?: string;
}

/** What a round runs again, as its batch record keeps it: below 4 KB whatever was asked for. */
export interface RoundChoice {
  codes?: readonly string[];
  /** How many keys were named. */
  keys?: number;
  first?: number;
  stage?: string;
  /** Items of the round by what they were before it. */
  failed: number;
  stalled: number;
  /** Failures of the batch before the round, and stalled items. */
  before: { failed: number; stalled: number };
  /** SHA-256 and length of the round's list. */
  sha256: string;
  bytes: number;
  /** Of a job of several stages: what each has of the list. */
  stages?: readonly ListedStage[];
  /** The round's own threshold: the one of round 0 would stop a retry of nothing but failures. */
  tolerate?: Tolerance;
}

/** What a round's list holds of one stage, behind that of the stages before it. */
export interface ListedStage {
  bytes: number;
  items: number;
  /** Number of the first item that the stage before gives in this round: behind all that the stage had so far. */
  next: number;
}

/**
 * A line of a round's list: the chunk that its items were first in, and the places in it of those that run again. For the
 * first stage that is a chunk of round 0; for a later one `first` is the number in the stage of its first item.
 */
export interface RetryLine extends ChunkRange {
  /** Of a later stage: the round of that chunk; absent = 0. */
  round?: number;
  /** Places from `first` on, ascending. */
  items: readonly number[];
  /** Those of them that had stalled; the others had failed. */
  stalled?: readonly number[];
  /** By place: work that a remote has begun and was not done with; it is asked for, not submitted again. */
  remotes?: Readonly<Record<number, Remotes>>;
}

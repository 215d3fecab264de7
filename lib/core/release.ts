import { CHUNKS_PER_TALLY } from './keys.ts';

/** Tallies that may be open at once beyond twice the window: keeps settle's query short behind a straggler. */
const OPEN_TALLIES = 16;

export interface ReleaseState {
  planned: number;
  rel: number;
  /** Committed chunks; an older reading is a lower bound, so whatever it allows was allowed. */
  done: number;
  /** Tallies 0..low-1 are full, as just counted (the stored one may be behind: a deadlock). */
  low: number;
  window: number;
}

/**
 * A release is a write and a send, and workers that commit at once race for it: up to ten chunks, what SQS takes in
 * one request, are released together. A quarter of the window: the rest of it still holds a chunk for every worker.
 */
const MOST_AT_ONCE = 10;
const stepOf = (window: number): number => clamp(Math.floor(window / 4), 1, MOST_AT_ONCE);

/**
 * PROTOCOL settle step 3: a level, not an edge, so that no commit can release twice. Less than a step waits while
 * more is planned: then more than `window` - step chunks are released and not committed, and each settles when it is.
 */
export function releaseTarget({ planned, rel, done, low, window }: ReleaseState): number {
  const openChunks =
    (low + OPEN_TALLIES + 2 * Math.ceil(window / CHUNKS_PER_TALLY)) * CHUNKS_PER_TALLY;
  const to = Math.min(planned, done + window, openChunks);
  return to - rel >= stepOf(window) || to === planned ? Math.max(rel, to) : rel;
}

const clamp = (value: number, least: number, most: number): number =>
  Math.min(Math.max(value, least), most);

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

/** PROTOCOL settle step 3: a level, not an edge, so that no commit can release twice. */
export function releaseTarget({ planned, rel, done, low, window }: ReleaseState): number {
  const openChunks =
    (low + OPEN_TALLIES + 2 * Math.ceil(window / CHUNKS_PER_TALLY)) * CHUNKS_PER_TALLY;
  return Math.max(rel, Math.min(planned, done + window, openChunks));
}

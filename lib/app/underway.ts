import type { RunnerNote } from '../core/figures.ts';
import { addCounts, type Counts, itemsOf } from '../core/outcome.ts';
import type { Attempt, AttemptSpec } from '../engine/engine.ts';
import type { BatchState } from '../engine/status.ts';

/** Items that have ended in chunks which are not committed. */
export interface Underway {
  watch(attempt: Attempt, spec: Pick<AttemptSpec, 'id'>): Attempt;
  /** The state with them; it never goes back. */
  seen(state: BatchState): BatchState;
}

/**
 * Tallies know of whole chunks only: of 20,000 companies at 100 calls a minute, four chunks of 1,000 at a time, nothing was
 * done for 40 minutes. Attempts in threads are not asked: their chunks take milliseconds.
 */
export function newUnderway(): Underway {
  /** By chunk: of one that was handed back, what its last attempt had. */
  const chunks = new Map<string, () => Counts>();
  let most: Counts | undefined;
  return {
    watch(attempt, { id }) {
      const { ended } = attempt;
      if (ended === undefined) return attempt;
      const chunk = `${id.stage}/${id.chunk}`;
      // Its part is what comes next: from its commit on the tallies have it.
      const whole = (): void => void chunks.delete(chunk);
      chunks.set(chunk, ended);
      return {
        ...attempt,
        async work(until) {
          const worked = await attempt.work(until);
          if (worked.cursor >= worked.count) whole();
          return worked;
        },
        async notRun() {
          whole();
          await attempt.notRun();
        },
        close() {
          if (chunks.get(chunk) === ended) {
            const last = ended();
            chunks.set(chunk, () => last);
          }
          attempt.close();
        },
      };
    },
    seen(state) {
      let all = state.counts;
      for (const ended of chunks.values()) all = addCounts(all, ended());
      if (most === undefined || itemsOf(all) >= itemsOf(most)) most = all;
      return withCounts(state, most);
    },
  };
}

/** What the process that runs a batch counts, for another that sees the tallies alone. */
export const withNoted = (state: BatchState, note: RunnerNote | undefined): BatchState =>
  note?.counts !== undefined && itemsOf(note.counts) > state.doneItems
    ? withCounts(state, note.counts)
    : state;

const withCounts = (state: BatchState, counts: Counts): BatchState => ({
  ...state,
  counts,
  doneItems: itemsOf(counts),
});

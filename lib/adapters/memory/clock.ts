import { sleepBy } from '../../pool/sleep.ts';
import type { Clock } from '../../ports/clock.ts';

export interface MemoryClock extends Clock {
  /** Moves time on by `ms`; timers fire in order, and what they wake runs before the next one fires. */
  advance(ms: number): Promise<void>;
}

interface Timer {
  at: number;
  call(): void;
}

/** Not 0: a record that was never leased has a lease of 0, which must lie before now. */
const START_MS = 1_700_000_000_000;

/** Code that yields for ever, until time moves on, must not stop time. */
const MOST_TURNS = 1000;

// No timer, as it passes no time: it lets all that is due run, as promises alone would not let I/O.
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A clock that stands still until `advance`. Timers of one time fire in the order they were set. */
export function memoryClock(startMs: number = START_MS): MemoryClock {
  let elapsed = 0;
  const timers = new Set<Timer>();
  let yielding = 0;
  let moving = Promise.resolve();

  const first = (): Timer | undefined => {
    let found: Timer | undefined;
    for (const timer of timers) if (!found || timer.at < found.at) found = timer;
    return found;
  };

  const after = (ms: number, call: () => void): (() => void) => {
    const timer = { at: elapsed + Math.max(0, ms), call };
    timers.add(timer);
    return () => timers.delete(timer);
  };

  /** Until nobody yields any more: what a timer woke may have yielded several times. */
  const quiet = async (): Promise<void> => {
    let turns = 0;
    do {
      await turn();
      turns += 1;
    } while (yielding > 0 && turns < MOST_TURNS);
  };

  const move = async (ms: number): Promise<void> => {
    const target = elapsed + ms;
    await quiet();
    for (let next = first(); next && next.at <= target; next = first()) {
      timers.delete(next);
      elapsed = Math.max(elapsed, next.at);
      next.call();
      await quiet();
    }
    elapsed = target;
  };

  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after,
    sleep: sleepBy(after),
    async yield() {
      yielding += 1;
      await turn();
      yielding -= 1;
    },
    advance(ms) {
      // One after the other: two moves at once would both start from the same moment.
      moving = moving.then(() => move(ms));
      return moving;
    },
  };
}

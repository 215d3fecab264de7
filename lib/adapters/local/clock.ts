import { performance } from 'node:perf_hooks';
import { sleepBy } from '../../pool/sleep.ts';
import type { Clock } from '../../ports/clock.ts';

/** setTimeout takes 31 bits; more fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock. Timers never fire early by `monotonic()`; Node's own may, by up to 1 ms. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after,
    sleep: sleepBy(after),
    // Two turns: the first may come before the timers of this round of the event loop.
    yield: () => new Promise((resolve) => setImmediate(() => setImmediate(resolve))),
  };
}

function after(ms: number, call: () => void): () => void {
  const due = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const left = due - performance.now();
    if (left <= 0) call();
    else timer = setTimeout(arm, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
  };
  timer = setTimeout(arm, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
  return () => clearTimeout(timer);
}

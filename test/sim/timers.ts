import type { Clock } from '../../lib/ports/clock.ts';

/**
 * Stand for the global timers in `lib/app/drive.ts`, which repeats its look and its sweep with them: the bundle
 * gives that file these instead, and whoever calls `drive` says first whose clock they run by.
 */
let driver: { clock: Clock; longestMs: number } | undefined;

/** What is repeated more often than this is repeated ten times as seldom: it was half of all events. */
const QUICK_MS = 1_000;

/** Intervals set from now on, in this turn, run by this clock; those of more than `longestMs` never run. */
export function timersOf(clock: Clock, longestMs: number): void {
  driver = { clock, longestMs };
}

export interface SimTimer {
  cancel(): void;
}

export function setInterval(call: () => void, ms: number): SimTimer {
  if (driver === undefined) throw new Error('setInterval outside of a simulated process');
  const { clock, longestMs } = driver;
  const everyMs = ms < QUICK_MS ? 10 * ms : ms;
  let cancel = (): void => undefined;
  const again = (): void => {
    cancel = clock.after(everyMs, () => {
      again();
      call();
    });
  };
  if (ms <= longestMs) again();
  return { cancel: () => cancel() };
}

export const clearInterval = (timer: SimTimer): void => timer.cancel();

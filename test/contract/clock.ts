import { describe, expect, test } from 'vitest';
import type { Clock } from '../../lib/ports/clock.ts';

export interface ClockUnderTest {
  clock: Clock;
  /** Lets time pass: virtual where the clock is. */
  pass(ms: number): Promise<void>;
}

/** What every clock does. */
export function testClock(
  name: string,
  make: () => ClockUnderTest,
  /** On a real clock the tests can wait side by side. */
  options: { concurrent: boolean },
): void {
  describe(`${name} keeps the contract of a clock`, options, () => {
    const { clock, pass } = make();

    test('goes on', async () => {
      const [now, monotonic] = [clock.now(), clock.monotonic()];
      expect(now).toBeGreaterThan(1e12);
      await pass(50);
      // Node's own timers, which pass the time here, may fire 1 ms early.
      expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(49);
      expect(clock.now() - now).toBeGreaterThanOrEqual(48);
    });

    test('fires in order, never early, each once', async () => {
      const start = clock.monotonic();
      const fired: { ms: number; at: number }[] = [];
      for (const ms of [150, 50, 100, 0]) {
        clock.after(ms, () => fired.push({ ms, at: clock.monotonic() - start }));
      }
      expect(fired).toEqual([]);
      await pass(500);
      expect(fired.map((one) => one.ms)).toEqual([0, 50, 100, 150]);
      for (const one of fired) expect(one.at).toBeGreaterThanOrEqual(one.ms);
    });

    test('does not fire what was cancelled, from within another timer too', async () => {
      const fired: string[] = [];
      clock.after(20, () => fired.push('cancelled'))();
      const cancel = clock.after(100, () => fired.push('cancelled by a timer'));
      clock.after(20, () => cancel());
      clock.after(150, () => fired.push('kept'));
      await pass(400);
      expect(fired).toEqual(['kept']);
      cancel();
    });

    test('does not fire at once what lies more than 2^31 ms ahead', async () => {
      let fired = false;
      const cancel = clock.after(2 ** 31 + 1000, () => {
        fired = true;
      });
      const stop = new AbortController();
      const slept = clock.sleep(Number.MAX_SAFE_INTEGER, stop.signal);
      await pass(50);
      stop.abort();
      await slept;
      cancel();
      expect(fired).toBe(false);
    });

    test('sleeps its time', async () => {
      const start = clock.monotonic();
      const slept = clock.sleep(60).then(() => clock.monotonic() - start);
      await pass(200);
      expect(await slept).toBeGreaterThanOrEqual(60);
    });

    test('wakes at once when the signal aborts, or has aborted, without an error', async () => {
      const start = clock.monotonic();
      await clock.sleep(60_000, AbortSignal.abort());
      const stop = new AbortController();
      const slept = clock.sleep(60_000, stop.signal);
      stop.abort();
      await slept;
      expect(clock.monotonic() - start).toBeLessThan(30_000);
    });

    test('yields to what is due', async () => {
      const order: string[] = [];
      setImmediate(() => order.push('immediate'));
      void Promise.resolve().then(() => order.push('promise'));
      await clock.yield();
      expect(order).toEqual(['promise', 'immediate']);
    });
  });
}

import { expect, test } from 'vitest';
import { systemClock } from '../../../lib/adapters/local/clock.ts';

const clock = systemClock();

test('a yield lets a due timer run, from whatever phase of the event loop', async () => {
  const fromPhase = {
    timer: (call: () => void) => setTimeout(call, 0),
    immediate: (call: () => void) => setImmediate(call),
  };
  for (const enter of Object.values(fromPhase)) {
    const fired = await new Promise<boolean>((resolve) => {
      enter(() => {
        let done = false;
        setTimeout(() => {
          done = true;
        }, 1);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        void clock.yield().then(() => resolve(done));
      });
    });
    expect(fired).toBe(true);
  }
});

test('a sleep that was aborted leaves no timer, one that ended leaves no listener', async () => {
  const stop = new AbortController();
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const slept = clock.sleep(60_000, stop.signal);
  expect(timers()).toBe(before + 1);
  stop.abort();
  await slept;
  expect(timers()).toBe(before);

  const signal = new AbortController().signal;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listeners += 1;
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    },
  });
  const sleeping = clock.sleep(1, signal);
  expect(listeners).toBe(1);
  await sleeping;
  expect(listeners).toBe(0);
});

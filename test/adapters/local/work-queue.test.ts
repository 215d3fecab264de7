import { expect, test } from 'vitest';
import { localWorkQueue } from '../../../lib/adapters/local/work-queue.ts';
import { memoryClock } from '../../../lib/adapters/memory/clock.ts';

const message = { v: 1, step: 'plan', batch: 'b', round: 0 } as const;
const options = { max: 1, waitMs: 1e9, visibilityMs: 1000 };

test('a close ends the waits with nothing, and later receives do not wait', async () => {
  const queue = localWorkQueue(memoryClock());
  const waits = ['a', 'a', 'b'].map((name) => queue.receive(name, options));
  queue.close();
  expect(await Promise.all(waits)).toEqual([[], [], []]);
  expect(await queue.receive('a', options)).toEqual([]);
  await queue.send('a', [{ message }]);
  expect(await queue.receive('a', options)).toHaveLength(1);
});

test('nobody waits: no timer runs, however much is delayed or in work', async () => {
  let timers = 0;
  const clock = memoryClock();
  const after = (ms: number, call: () => void): (() => void) => {
    timers += 1;
    return clock.after(ms, call);
  };
  const queue = localWorkQueue({ ...clock, after });
  await queue.send('a', [{ message, delayMs: 900_000 }, { message }]);
  await queue.receive('a', { ...options, waitMs: 0 });
  expect(timers).toBe(0);
  await clock.advance(2000);
  expect((await queue.receive('a', options))[0]?.receives).toBe(2);
});

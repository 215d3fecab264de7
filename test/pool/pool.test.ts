import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newChannel } from '../../lib/pool/channel.ts';
import { coalesce } from '../../lib/pool/coalesce.ts';
import { mapOrdered } from '../../lib/pool/map-ordered.ts';
import { runBounded } from '../../lib/pool/run-bounded.ts';
import { newSemaphore } from '../../lib/pool/semaphore.ts';

const numbers = (n: number): IterableIterator<number> =>
  Array.from({ length: n }, (_, at) => at).values();

describe('runBounded', () => {
  it('works each item once, never more than `concurrency` at once, for any mix of quick and slow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.constantFrom(0, 1, 2), { maxLength: 60 }),
        async (concurrency, kinds) => {
          const seen: number[] = [];
          let [inFlight, most] = [0, 0];
          await runBounded(numbers(kinds.length), concurrency, (at) => {
            seen.push(at);
            if (kinds[at] === 0) return undefined;
            inFlight += 1;
            most = Math.max(most, inFlight);
            const wait = kinds[at] === 1 ? Promise.resolve() : sleep(1);
            return wait.then(() => {
              inFlight -= 1;
            });
          });
          expect(seen).toEqual([...kinds.keys()]);
          expect(most).toBeLessThanOrEqual(concurrency);
          expect(inFlight).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('throws the first error when all that runs has ended, and starts nothing after it', async () => {
    const started: number[] = [];
    let ended = 0;
    const work = async (at: number): Promise<void> => {
      started.push(at);
      await sleep(at === 1 ? 1 : 10);
      if (at === 1) throw new Error('one');
      ended += 1;
    };
    await expect(runBounded(numbers(100), 3, work)).rejects.toThrow('one');
    expect(started).toEqual([0, 1, 2]);
    expect(ended).toBe(2);
  });

  it('takes from a source that answers with promises', async () => {
    let n = 0;
    const seen: number[] = [];
    const source = {
      async next(): Promise<IteratorResult<number>> {
        await sleep(0);
        n += 1;
        return n <= 10 ? { done: false, value: n } : { done: true, value: undefined };
      },
    };
    await runBounded(source, 4, (at) => void seen.push(at));
    expect(seen.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe('newSemaphore', () => {
  it('gives a permit to the highest rank that waits, and of one rank to the first', async () => {
    const semaphore = newSemaphore(1);
    const release = await semaphore.acquire();
    const order: string[] = [];
    const wait = async (name: string, rank?: number): Promise<void> => {
      const giveBack = await semaphore.acquire(rank);
      order.push(name);
      giveBack();
    };
    const all = [wait('a'), wait('b1', 1), wait('c', 2), wait('b2', 1), wait('d', 0)];
    release();
    await Promise.all(all);
    expect(order).toEqual(['c', 'b1', 'b2', 'a', 'd']);
    expect(semaphore.free).toBe(1);
  });

  it('serves waiters in order, and counts a permit given back twice once', async () => {
    const semaphore = newSemaphore(1);
    const first = await semaphore.acquire();
    const order: string[] = [];
    const second = semaphore.acquire().then((release) => {
      order.push('second');
      return release;
    });
    const third = semaphore.acquire().then((release) => {
      order.push('third');
      return release;
    });
    first();
    first();
    const releaseSecond = await second;
    await sleep(1);
    expect(order).toEqual(['second']);
    releaseSecond();
    (await third)();
    expect(semaphore.free).toBe(1);
  });
});

describe('coalesce', () => {
  it('gives each caller a run that began after its call, and joins those that wait', async () => {
    let runs = 0;
    let state = 0;
    const seen: number[] = [];
    const look = coalesce(async () => {
      runs += 1;
      const before = state;
      await sleep(5);
      seen.push(before);
      return before;
    });
    const calls = [];
    for (let at = 0; at < 5; at += 1) {
      state = at;
      calls.push(look('one').then((saw) => expect(saw).toBeGreaterThanOrEqual(at)));
    }
    await Promise.all(calls);
    expect(runs).toBe(2);
    expect(seen).toEqual([0, 4]);
  });

  it('goes on after a run that failed', async () => {
    let runs = 0;
    const flaky = coalesce(async () => {
      runs += 1;
      if (runs === 1) throw new Error('first');
      return runs;
    });
    const [first, second] = [flaky('x'), flaky('x')];
    await expect(first).rejects.toThrow('first');
    expect(await second).toBe(2);
  });
});

describe('newChannel', () => {
  it('hands over in order and holds at most `limit`', async () => {
    const channel = newChannel<number>(2);
    let pushed = 0;
    const writer = (async () => {
      for (let at = 0; at < 20; at += 1) {
        await channel.push(at);
        pushed += 1;
      }
      channel.end();
    })();
    await sleep(1);
    expect(pushed).toBe(2);
    const read: number[] = [];
    for await (const item of channel) read.push(item);
    await writer;
    expect(read).toEqual([...Array(20).keys()]);
  });

  it('does not leave the writer asleep when the reader gives up', async () => {
    const channel = newChannel<number>(1);
    const writer = (async () => {
      for (let at = 0; at < 5; at += 1) await channel.push(at);
    })();
    for await (const _ of channel) break;
    await writer;
  });
});

describe('mapOrdered', () => {
  it('keeps the order and runs at most `ahead` at once', async () => {
    let [running, most] = [0, 0];
    const results: number[] = [];
    const mapped = mapOrdered(numbers(20), 3, async (at) => {
      running += 1;
      most = Math.max(most, running);
      await sleep(at % 3);
      running -= 1;
      return at * 2;
    });
    for await (const result of mapped) results.push(result);
    expect(results).toEqual([...Array(20).keys()].map((at) => at * 2));
    expect(most).toBe(3);
  });

  it('throws where the error is, after what came before it', async () => {
    const seen: number[] = [];
    const mapped = mapOrdered(numbers(10), 4, async (at) => {
      if (at === 5) throw new Error('five');
      return at;
    });
    await expect(async () => {
      for await (const at of mapped) seen.push(at);
    }).rejects.toThrow('five');
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });
});

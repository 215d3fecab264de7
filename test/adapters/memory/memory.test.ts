import { describe, expect, test } from 'vitest';
import { memoryClock } from '../../../lib/adapters/memory/clock.ts';
import { memoryHost } from '../../../lib/adapters/memory/host.ts';
import { memoryLogger } from '../../../lib/adapters/memory/logger.ts';

describe('the memory clock', () => {
  test('fires at the very times, ties in the order they were set, also what timers set', async () => {
    const clock = memoryClock(5000);
    const fired: [string, number][] = [];
    const at = (label: string) => () => fired.push([label, clock.now() - 5000]);
    clock.after(30, at('30'));
    clock.after(10, () => {
      at('10')();
      clock.after(5, at('10+5'));
      clock.after(20, at('10+20'));
      clock.after(500, at('late'));
    });
    clock.after(30, at('30 again'));
    await clock.advance(100);
    expect(fired).toEqual([
      ['10', 10],
      ['10+5', 15],
      ['30', 30],
      ['30 again', 30],
      ['10+20', 30],
    ]);
    expect(clock.now()).toBe(5100);
    expect(clock.monotonic()).toBe(100);
  });

  test('runs what a timer woke before the next timer fires', async () => {
    const clock = memoryClock();
    const order: string[] = [];
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10);
        await clock.yield();
        order.push(`worker at ${clock.monotonic()}`);
      }
    };
    void worker();
    for (const ms of [11, 21, 31]) clock.after(ms, () => order.push(`timer at ${ms}`));
    await clock.advance(40);
    expect(order).toEqual([
      ...[
        'worker at 10',
        'timer at 11',
        'worker at 20',
        'timer at 21',
        'worker at 30',
        'timer at 31',
      ],
    ]);
  });

  test('two advances at once come one after the other', async () => {
    const clock = memoryClock();
    await Promise.all([clock.advance(10), clock.advance(15)]);
    expect(clock.monotonic()).toBe(25);
  });
});

test('the memory host: owners differ, the set decides who is dead, a seed gives its numbers', () => {
  const host = memoryHost({ seed: 7 });
  const [a, b] = [host.newOwner(), host.newOwner()];
  expect(a).not.toBe(b);
  expect(host.isDead(a)).toBe(false);
  host.dead.add(a);
  expect([host.isDead(a), host.isDead(b)]).toEqual([true, false]);
  host.used = { cpuMs: 3, rssBytes: 4 };
  expect(host.usage()).toEqual({ cpuMs: 3, rssBytes: 4 });
  const numbers = Array.from({ length: 1000 }, host.random);
  const again = memoryHost({ seed: 7 });
  expect(Array.from({ length: 1000 }, again.random)).toEqual(numbers);
  expect(memoryHost({ seed: 8 }).random()).not.toBe(numbers[0]);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  expect(numbers.reduce((sum, one) => sum + one, 0) / 1000).toBeCloseTo(0.5, 1);
});

test('the memory logger: all lines of all children in one list', () => {
  const logger = memoryLogger();
  logger.debug('low', { n: 1 });
  logger.child({ batch: 'b' }).error('high');
  expect(logger.lines).toEqual([
    { level: 'debug', message: 'low', fields: { n: 1 } },
    { level: 'error', message: 'high', fields: { batch: 'b' } },
  ]);
});

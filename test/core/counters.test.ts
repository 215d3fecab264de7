import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_KEYS, newCounters } from '../../lib/core/counters.ts';

const sum = (record: Record<string, number>): number =>
  Object.values(record).reduce((all, n) => all + n, 0);

describe('counters', () => {
  it('count by key, and give a copy that changes nothing', () => {
    const counters = newCounters();
    counters.add('a');
    counters.add('b', 5);
    counters.add('a', 2);
    expect(counters.snapshot()).toEqual({ a: 3, b: 5 });
    counters.snapshot()['a'] = 0;
    expect(counters.snapshot()).toEqual({ a: 3, b: 5 });
    expect(counters.total).toBe(8);
  });

  it('fold a million keys into 10,000 and `other`, and lose none', () => {
    const counters = newCounters();
    for (let at = 0; at < 1_000_000; at += 1) counters.add(`code ${at}`);
    for (let at = 0; at < 100; at += 1) counters.add('code 7');
    const snapshot = counters.snapshot();
    expect(Object.keys(snapshot)).toHaveLength(MAX_KEYS + 1);
    expect(snapshot['code 7']).toBe(101);
    expect(snapshot['other']).toBe(990_000);
    expect(counters.total).toBe(1_000_100);
  });

  it('keep keys apart that are names of objects’ own', () => {
    const counters = newCounters();
    for (const key of ['constructor', 'toString', 'other']) counters.add(key);
    expect(counters.snapshot()).toEqual({ constructor: 1, toString: 1, other: 1 });
  });

  it('merged in any order add up to what all of them counted', () => {
    const adds = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'other'), fc.nat(9)));
    fc.assert(
      fc.property(
        fc.array(adds, { maxLength: 5 }),
        fc.integer({ min: 1, max: 6 }),
        (workers, keys) => {
          const whole = newCounters({ keys });
          const merged = newCounters({ keys });
          for (const own of [...workers].reverse()) {
            const counters = newCounters({ keys });
            for (const [key, n] of own) counters.add(key, n);
            merged.merge(counters.snapshot());
          }
          for (const [key, n] of workers.flat()) whole.add(key, n);
          expect(merged.total).toBe(whole.total);
          expect(sum(merged.snapshot())).toBe(whole.total);
          if (keys === 6) expect(merged.snapshot()).toEqual(whole.snapshot());
        },
      ),
    );
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fromSparse,
  type Histogram,
  merge,
  newHistogram,
  quantile,
  record,
  toBars,
  toSparse,
} from '../../lib/core/histogram.ts';

const durations = fc.array(
  fc.oneof(
    fc.double({ min: 0, max: 900_000, noNaN: true }),
    fc.double({ min: 0.001, max: 5, noNaN: true }),
    fc.integer({ min: 0, max: 100 }),
  ),
  { maxLength: 200 },
);

function of(list: readonly number[]): Histogram {
  const h = newHistogram();
  for (const ms of list) record(h, ms);
  return h;
}

/** Every field and bucket; comparing the arrays themselves costs 2 ms each. */
const plain = (h: Histogram): string => `${h.count} ${h.min} ${h.max} ${h.items.join()}`;

const nearestRank = (list: readonly number[], percent: number): number =>
  [...list].sort((a, b) => a - b)[Math.max(0, Math.ceil((percent * list.length) / 100) - 1)] ?? 0;

test('quantiles are within 5 % of the nearest-rank duration, below 1 µs within 1 µs', () => {
  fc.assert(
    fc.property(durations, fc.integer({ min: 0, max: 100 }), (list, percent) => {
      const exact = nearestRank(list, percent);
      const found = quantile(of(list), percent / 100);
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.max(exact * 0.025, 0.001));
    }),
    { numRuns: 1000 },
  );
});

test('every duration of eleven decades is within 2.3 % of its bucket', () => {
  let worst = 0;
  for (let ms = 0.001; ms < 2 ** 32; ms *= 1.0019) {
    const found = quantile(of([0, ms, 2 ** 33]), 0.5);
    worst = Math.max(worst, Math.abs(found - ms) / ms);
  }
  expect(worst).toBeLessThan(0.0229);
});

test('merging is exact in any order and grouping', () => {
  fc.assert(
    fc.property(durations, durations, durations, (a, b, c) => {
      const whole = plain(of([...a, ...b, ...c]));
      expect(plain(merge(merge(of(a), of(b)), of(c)))).toBe(whole);
      expect(plain(merge(of(c), merge(of(b), of(a))))).toBe(whole);
      expect(plain(merge(newHistogram(), of([...c, ...a, ...b])))).toBe(whole);
    }),
  );
});

test('the sparse form survives JSON and gives the same histogram', () => {
  fc.assert(
    fc.property(durations, (list) => {
      const h = of(list);
      expect(plain(fromSparse(JSON.parse(JSON.stringify(toSparse(h)))))).toBe(plain(h));
    }),
  );
  expect(toSparse(newHistogram())).toEqual({ min: 0, max: 0, buckets: [] });
});

test.each([[[-1, 1]], [[673, 1]], [[1.5, 1]], [[3, 0]], [[3, 2.5]], [[3]]])(
  'a damaged sparse form %j is refused',
  (buckets) => {
    expect(() => fromSparse({ min: 0, max: 1, buckets })).toThrow(RangeError);
  },
);

test('bars adjoin, hold every item once, and are no more than asked for', () => {
  fc.assert(
    fc.property(durations, fc.integer({ min: 1, max: 60 }), (list, maxBars) => {
      const bars = toBars(of(list), maxBars);
      expect(bars.length).toBeLessThanOrEqual(maxBars);
      expect(bars.reduce((sum, { items }) => sum + items, 0)).toBe(list.length);
      bars.forEach((bar, i) => {
        expect(bar.toMs).toBeGreaterThan(bar.fromMs);
        if (i > 0) expect(bar.fromMs).toBe(bars[i - 1]?.toMs);
      });
    }),
  );
});

test('each bar holds the durations between its borders', () => {
  fc.assert(
    fc.property(durations, (list) => {
      for (const bar of toBars(of(list), 24)) {
        expect(list.filter((ms) => ms >= bar.fromMs && ms < bar.toMs).length).toBe(bar.items);
      }
    }),
  );
});

test('clocks set back and endless waits are counted, and the maximum is exact', () => {
  const h = of([-5, Number.NaN, 7.25, 2 ** 40]);
  expect(h.count).toBe(4);
  expect(quantile(h, 0)).toBe(0);
  expect(quantile(h, 1)).toBe(2 ** 40);
  expect(JSON.stringify(toSparse(of([Number.POSITIVE_INFINITY])))).not.toContain('null');
  expect(quantile(newHistogram(), 0.5)).toBe(0);
  expect(toBars(newHistogram(), 10)).toEqual([]);
});

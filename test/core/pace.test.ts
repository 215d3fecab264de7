import { describe, expect, it } from 'vitest';
import { etaMs, newPace } from '../../lib/core/pace.ts';

const rateOf = (notes: readonly [done: number, at: number][]): number | undefined => {
  const pace = newPace();
  for (const [done, at] of notes) pace.note(done, at);
  return pace.rate();
};

describe('the rate', () => {
  it.each([
    ['of nothing', [], undefined],
    ['of one look', [[5, 1000]], undefined],
    [
      'of less than half a second',
      [
        [0, 1000],
        [10, 1499],
      ],
      undefined,
    ],
    [
      'of half a second',
      [
        [0, 1000],
        [10, 1500],
      ],
      20,
    ],
    [
      'of looks that begin late',
      [
        [0, 90_000],
        [10, 91_000],
      ],
      10,
    ],
    [
      'of no progress',
      [
        [7, 0],
        [7, 5000],
      ],
      undefined,
    ],
    [
      'of the newer half',
      [
        [0, 0],
        [0, 1000],
        [100, 2000],
        [110, 3000],
        [120, 4000],
      ],
      10,
    ],
    // From the last step at or before the middle: 4000 itself counts.
    [
      'from the middle on',
      [
        [0, 0],
        [50, 4000],
        [58, 8000],
      ],
      2,
    ],
    [
      'where the middle is one later',
      [
        [0, 0],
        [50, 4001],
        [58, 8000],
      ],
      58 / 8,
    ],
    // A wait no longer than those between the steps does not count yet; what is longer does.
    [
      'just after a step',
      [
        [0, 0],
        [10, 1000],
        [20, 2000],
        [20, 2900],
      ],
      10,
    ],
    [
      'long after a step',
      [
        [0, 0],
        [10, 1000],
        [20, 2000],
        [20, 4000],
      ],
      5,
    ],
    [
      'a step at each look but the last',
      [
        [0, 0],
        [1, 1000],
        [2, 2000],
        [3, 3000],
        [3, 3500],
      ],
      1,
    ],
  ] as [string, [number, number][], number | undefined][])('%s', (_, notes, rate) => {
    if (rate === undefined) expect(rateOf(notes)).toBeUndefined();
    else expect(rateOf(notes)).toBeCloseTo(rate, 9);
  });

  it('of a steady batch is the same however long it was watched', () => {
    const pace = newPace();
    for (let second = 0; second <= 1000; second += 1) {
      pace.note(second * 3, second * 1000);
      if (second > 0) expect(pace.rate()).toBeCloseTo(3, 9);
    }
  });

  it('follows a change within half of the time watched', () => {
    const pace = newPace();
    for (let second = 0; second <= 200; second += 1) pace.note(second, second * 1000);
    for (let second = 1; second <= 210; second += 1) {
      pace.note(200 + second * 10, (200 + second) * 1000);
    }
    expect(pace.rate()).toBeCloseTo(10, 1);
  });
});

describe('the time to go', () => {
  it.each([
    [{ done: 10, total: 30 }, 4, 5000],
    [{ done: 30, total: 30 }, 4, 0],
    [{ done: 31, total: 30 }, 4, 0],
    [{ done: 10, total: 30, itemMs: 1000 }, 4, 20_000],
    [{ done: 10, total: 30, itemMs: 100 }, 4, 5000],
    [{ done: 10, total: undefined }, 4, undefined],
    [{ done: 10, total: 30 }, undefined, undefined],
  ])('of %j at %s items a second is %s ms', (seen, rate, ms) => {
    expect(etaMs(seen, rate)).toBe(ms);
  });
});

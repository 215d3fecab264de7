import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeSteady, type SteadySample } from '../../lib/core/steady.ts';

interface Shape {
  count?: number;
  /** Items per second at a share (0 to 1) of the time. */
  rate?: (share: number) => number;
  rssBytes?: (share: number, at: number) => number | null;
  /** Done is told in whole chunks. */
  chunk?: number;
}

/** A sample a minute. */
function samplesOf({
  count = 120,
  rate = () => 100,
  rssBytes = () => 100e6,
  chunk = 1,
}: Shape): SteadySample[] {
  let done = 0;
  return Array.from({ length: count }, (_, at) => {
    const share = at / (count - 1);
    if (at > 0) done += rate(share) * 60;
    return {
      atMs: at * 60_000,
      doneItems: Math.floor(done / chunk) * chunk,
      rssBytes: rssBytes(share, at),
    };
  });
}

const faults = (shape: Shape): string[] => judgeSteady(samplesOf(shape)).faults;

describe('the rate', () => {
  it('is steady whatever the chunks and the noise of a minute', () => {
    const given = fc.record({
      perSecond: fc.integer({ min: 1, max: 10_000 }),
      count: fc.integer({ min: 40, max: 400 }),
      noise: fc.array(fc.double({ min: -0.3, max: 0.3, noNaN: true }), { minLength: 5 }),
    });
    fc.assert(
      fc.property(given, ({ perSecond, count, noise }) => {
        // Noise that comes back each few minutes and sums up to nothing.
        const waves = noise.flatMap((one) => [one, -one]);
        let at = 0;
        const rate = (): number => {
          at += 1;
          return perSecond * (1 + (waves[at % 2] as number) * 0.5);
        };
        expect(faults({ count, rate, chunk: Math.ceil(perSecond / 2) })).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['slower at the end', (share: number) => (share > 0.8 ? 80 : 100), 4],
    ['slower in the middle', (share: number) => (share > 0.4 && share < 0.6 ? 70 : 100), 2],
    ['faster', (share: number) => 100 + 40 * share, 4],
  ])('that gets %s fails', (_name, rate, quarter) => {
    const [fault, ...more] = faults({ rate });
    expect(more).toEqual([]);
    expect(fault).toMatch(
      new RegExp(`^the rate drifted by [+-]\\d+\\.\\d %: .* in quarter ${quarter} `),
    );
  });

  it('may differ by 9 %, and not by 11 %', () => {
    const step = (by: number) => (share: number) => (share > 0.775 ? 100 * (1 + by) : 100);
    expect(faults({ rate: step(-0.09) })).toEqual([]);
    expect(faults({ rate: step(-0.115) })).toHaveLength(1);
    expect(judgeSteady(samplesOf({ rate: step(0.09) })).rateDrift).toBeCloseTo(0.09, 2);
  });

  it('of a batch that does nothing cannot be judged, and fails', () => {
    expect(faults({ rate: () => 0 })).toEqual(['nothing was done in the first quarter.']);
  });
});

describe('memory', () => {
  it('may fill its pools at the start, breathe, and be 15 MB more', () => {
    const warm = (share: number): number => (share < 0.08 ? 50e6 : 150e6);
    const breathing = (_share: number, at: number): number => 120e6 + (at % 7) * 8e6;
    expect(faults({ rssBytes: warm })).toEqual([]);
    expect(faults({ rssBytes: breathing })).toEqual([]);
    expect(faults({ rssBytes: (share) => 80e6 + 15e6 * share })).toEqual([]);
  });

  it('that grows by more than a tenth fails, and says from what to what', () => {
    const verdict = judgeSteady(samplesOf({ rssBytes: (share) => 100e6 + 40e6 * share }));
    expect(verdict.memoryGrowth).toBeGreaterThan(0.2);
    expect(verdict.faults).toEqual([
      expect.stringMatching(
        /^memory grew by \+\d\d\.\d %: 1\d\d MB in the first quarter, 1\d\d MB/,
      ),
    ]);
  });

  it('that nobody noted fails', () => {
    expect(faults({ rssBytes: () => null })).toEqual([
      'no process noted its memory in the first or in the last quarter.',
    ]);
  });
});

it('fewer than 10 samples are not judged', () => {
  expect(faults({ count: 10 })).toEqual([]);
  expect(faults({ count: 9 })[0]).toMatch(/^9 samples are too few to judge by: 10 or more/);
});

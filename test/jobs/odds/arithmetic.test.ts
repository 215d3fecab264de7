import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BLANK,
  decimalText,
  NOT_A_NUMBER,
  OUT_OF_RANGE,
  parseOdds,
  ROUNDINGS,
  roundedDivide,
  roundedDivideBig,
} from '../../../lib/jobs/odds/decimal.ts';
import { priceMarket, priceMarketBig } from '../../../lib/jobs/odds/market.ts';
import { netOdds } from '../../../lib/jobs/odds/net.ts';
import { exactMarket, exactNet } from './oracle.ts';

const rounding = fc.constantFrom(...ROUNDINGS);

/** Odds above 1 in ten-thousandths with 0 to 4 decimals: mostly small, some up to 999,999.9999. */
const odds = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom(3, 20, 400, 999_999))
  .chain(([decimals, most]) => {
    const unit = 10 ** (4 - decimals);
    return fc.integer({ min: 1, max: (most * 10_000) / unit }).map((n) => 10_000 + n * unit);
  })
  .filter((value) => value < 10 ** 10);

const text = (value: number): string => decimalText(value, 4);
const RUNS = { numRuns: 1500 };

describe('parseOdds', () => {
  it('reads every decimal text of up to 6 and 4 digits as ten-thousandths', () => {
    const digits = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 10 - 1 }), digits, (value, kept) => {
        const shown = text(value);
        const cut = kept === 0 ? shown.slice(0, -5) : shown.slice(0, shown.length - (4 - kept));
        const unit = 10 ** (4 - kept);
        expect(parseOdds(cut)).toBe(Math.floor(value / unit) * unit);
      }),
      RUNS,
    );
  });

  it.each([
    ['2.05', 20_500],
    ['2', 20_000],
    ['0', 0],
    ['1.0001', 10_001],
    [' 2.05 ', 20_500],
    ['2.50000', 25_000],
    ['002.5', 25_000],
    ['0000000002.5', 25_000],
    ['999999.9999', 9_999_999_999],
  ])('reads %j', (cell, value) => expect(parseOdds(cell)).toBe(value));

  it.each([
    ['', BLANK],
    ['  ', BLANK],
    ['N/A', NOT_A_NUMBER],
    ['2,05', NOT_A_NUMBER],
    ['2.', NOT_A_NUMBER],
    ['.5', NOT_A_NUMBER],
    ['1e3', NOT_A_NUMBER],
    ['-2', NOT_A_NUMBER],
    ['+2', NOT_A_NUMBER],
    ['1.2.3', NOT_A_NUMBER],
    ['٢', NOT_A_NUMBER],
    ['2.00001', OUT_OF_RANGE],
    ['1000000', OUT_OF_RANGE],
    ['9'.repeat(400), OUT_OF_RANGE],
  ])('refuses %j', (cell, why) => expect(parseOdds(cell)).toBe(why));
});

describe('rounding', () => {
  it.each([
    [5, 2, { 'half-up': 3, 'half-even': 2, down: 2 }],
    [7, 2, { 'half-up': 4, 'half-even': 4, down: 3 }],
    [8, 3, { 'half-up': 3, 'half-even': 3, down: 2 }],
    [7, 3, { 'half-up': 2, 'half-even': 2, down: 2 }],
    [6, 3, { 'half-up': 2, 'half-even': 2, down: 2 }],
    [0, 9, { 'half-up': 0, 'half-even': 0, down: 0 }],
  ] as const)('%i / %i', (n, d, wanted) => {
    for (const mode of ROUNDINGS) {
      expect(roundedDivide(n, d, mode)).toBe(wanted[mode]);
      expect(roundedDivideBig(BigInt(n), BigInt(d), mode)).toBe(BigInt(wanted[mode]));
    }
  });

  it('is the same in Numbers and BigInts up to 2^53', () => {
    const n = fc.maxSafeNat();
    const d = fc.integer({ min: 1, max: 2 ** 52 - 1 });
    fc.assert(
      fc.property(n, d, rounding, (n, d, mode) => {
        expect(BigInt(roundedDivide(n, d, mode))).toBe(
          roundedDivideBig(BigInt(n), BigInt(d), mode),
        );
      }),
      RUNS,
    );
  });

  it('is exact next to whole quotients, where a float quotient is nearest to being wrong', () => {
    const d = fc.integer({ min: 2, max: 2 ** 26 });
    const q = fc.integer({ min: 1, max: 2 ** 26 });
    fc.assert(
      fc.property(d, q, rounding, (d, q, mode) => {
        for (const n of [d * q - 1, d * q, d * q + 1]) {
          expect(BigInt(roundedDivide(n, d, mode))).toBe(
            roundedDivideBig(BigInt(n), BigInt(d), mode),
          );
        }
      }),
      RUNS,
    );
  });
});

describe('net odds', () => {
  it('equals (odds - 1) x (1 - commission) + 1 in exact fractions', () => {
    const commission = fc.integer({ min: 0, max: 9999 });
    const places = fc.constantFrom(2, 3, 4);
    fc.assert(
      fc.property(odds, fc.record({ commission, places, rounding }), (value, options) => {
        const net = netOdds(options);
        const terms = { ...options, commission: text(options.commission) };
        expect(net(value)).toBe(exactNet(text(value), terms));
        expect(net(value), 'the second answer may be a remembered one').toBe(
          exactNet(text(value), terms),
        );
      }),
      RUNS,
    );
  });

  it('rounds a tie as asked: 2.05 at 5 % is 1.9975', () => {
    const at = (mode: (typeof ROUNDINGS)[number], places: number) =>
      netOdds({ commission: 500, places, rounding: mode })(20_500);
    expect(at('half-up', 3)).toBe('1.998');
    expect(at('half-even', 3)).toBe('1.998');
    expect(at('down', 3)).toBe('1.997');
    expect(at('half-up', 4)).toBe('1.9975');
    const even = netOdds({ commission: 500, places: 3, rounding: 'half-even' });
    expect(even(10_100), '1.0095').toBe('1.010');
    expect(even(10_300), '1.0285').toBe('1.028');
  });

  it('is the odds themselves without commission', () => {
    expect(netOdds({ commission: 0, places: 4, rounding: 'half-up' })(13_640)).toBe('1.3640');
  });

  it('stays right when another order of calls fills the memory', () => {
    const warm = netOdds({ commission: 650, places: 3, rounding: 'half-up' });
    const hundredths = Array.from({ length: 12_000 }, (_, i) => 10_100 + i * 100);
    for (const value of hundredths) warm(value);
    for (const value of hundredths.filter((_, i) => i % 7 === 0)) {
      const wanted = exactNet(text(value), { commission: '0.065', places: 3, rounding: 'half-up' });
      expect(warm(value)).toBe(wanted);
    }
  });
});

describe('overround and fair probabilities', () => {
  const market = fc.oneof(fc.array(odds, { minLength: 3, maxLength: 3 }), fc.tuple(odds, odds));

  it('equal exact fractions, on the Number path and on the BigInt path', () => {
    fc.assert(
      fc.property(market, rounding, (market, rounding) => {
        const wanted = exactMarket(market.map(text), rounding);
        expect(priceMarket(market, rounding)).toEqual(wanted);
        expect(priceMarketBig(market, rounding)).toEqual(wanted);
      }),
      RUNS,
    );
  });

  it('equal exact fractions on both sides of the limit between the paths', () => {
    // Three odds in hundredths whose product is near 2^52 / 1000, the last product of the Number path.
    const side = fc.integer({ min: 10_000, max: 20_000 });
    const step = fc.integer({ min: -2000, max: 2000 });
    fc.assert(
      fc.property(fc.tuple(side, side), step, rounding, ([a, b], step, rounding) => {
        const c = Math.floor(2 ** 52 / 1000 / (a * b)) + step;
        const market = [a * 100, b * 100, c * 100];
        expect(priceMarket(market, rounding)).toEqual(exactMarket(market.map(text), rounding));
      }),
      RUNS,
    );
  });

  it('has a negative overround where the odds leave a sure win, and never a negative zero', () => {
    expect(priceMarket([21_000, 21_000], 'half-up')).toEqual({
      overPpm: -47_619,
      fairPpm: [500_000, 500_000],
    });
    expect(priceMarket([20_000, 20_001], 'down').overPpm).toBe(-24);
    // 1/1.0101 + 1/100.01 is 0.99999999: 0.0000 below 1, which rounds to 0 and not to -0.
    expect(priceMarket([10_101, 1_000_100], 'half-up').overPpm).toBe(0);
  });

  it('rounds exact ties as asked, with odds of any size', () => {
    // Weights that add up to 128: an odd one is a probability of n / 128, a tie at six places.
    const weights = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 60 }));
    const size = fc.integer({ min: 1, max: 10 ** 10 });
    fc.assert(
      fc.property(weights, size, rounding, ([odd, y], size, rounding) => {
        const x = 2 * odd + 1;
        const all = [x, y, 128 - x - y].filter((weight) => weight > 0);
        const product = all.reduce((a, b) => a * b, 1);
        const least = Math.ceil(10_001 / Math.min(...all.map((weight) => product / weight)));
        const factor = Math.max(least, Math.floor(size / product));
        const market = all.map((weight) => (product / weight) * factor);
        expect(priceMarket(market, rounding)).toEqual(exactMarket(market.map(text), rounding));
      }),
      RUNS,
    );
  });

  it('has fair probabilities that add up to 1 but for their own rounding', () => {
    fc.assert(
      fc.property(market, (market) => {
        const sum = priceMarket(market, 'half-up').fairPpm.reduce((a, b) => a + b, 0);
        expect(Math.abs(sum - 1_000_000)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

import type { Rounding } from '../../../lib/jobs/odds/decimal.ts';

/** Fractions of BigInts: slow, and with nothing in common with the code under test. */
export interface Ratio {
  n: bigint;
  d: bigint;
}

export const ratio = (text: string): Ratio => {
  const [whole = '', decimals = ''] = text.split('.');
  return { n: BigInt(whole + decimals), d: 10n ** BigInt(decimals.length) };
};
const ONE: Ratio = { n: 1n, d: 1n };
const plus = (a: Ratio, b: Ratio): Ratio => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d });
const minus = (a: Ratio, b: Ratio): Ratio => ({ n: a.n * b.d - b.n * a.d, d: a.d * b.d });
const times = (a: Ratio, b: Ratio): Ratio => ({ n: a.n * b.n, d: a.d * b.d });
const over = (a: Ratio, b: Ratio): Ratio => ({ n: a.n * b.d, d: a.d * b.n });

/** Units of 10^-places. Decides by comparing distances to the two neighbours. */
export function rounded(value: Ratio, places: number, rounding: Rounding): bigint {
  const negative = value.n < 0n;
  const n = (negative ? -value.n : value.n) * 10n ** BigInt(places);
  const below = n / value.d;
  const toBelow = n - below * value.d;
  const toAbove = (below + 1n) * value.d - n;
  let up = toAbove < toBelow;
  if (toAbove === toBelow) up = rounding === 'half-up' || below % 2n === 1n;
  if (rounding === 'down') up = false;
  const size = up ? below + 1n : below;
  return negative ? -size : size;
}

export interface Terms {
  /** Decimal text of a fraction: '0.05'. */
  commission: string;
  places: number;
  rounding: Rounding;
}

/** (odds - 1) x (1 - commission) + 1 as decimal text. */
export function exactNet(odds: string, { commission, places, rounding }: Terms): string {
  const net = plus(times(minus(ratio(odds), ONE), minus(ONE, ratio(commission))), ONE);
  const digits = String(rounded(net, places, rounding)).padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

export function exactMarket(
  odds: readonly string[],
  rounding: Rounding,
): { overPpm: number; fairPpm: number[] } {
  const inverse = odds.map((text) => over(ONE, ratio(text)));
  const sum = inverse.reduce(plus);
  return {
    overPpm: Number(rounded(minus(sum, ONE), 6, rounding)),
    fairPpm: inverse.map((one) => Number(rounded(over(one, sum), 6, rounding))),
  };
}

import { ODDS_SCALE, type Rounding, roundedDivide, roundedDivideBig } from './decimal.ts';

/** What a set of odds says together, in millionths (parts per million). */
export interface Book100 {
  /** Sum of 1 / odds, minus 1; negative where the best of several books leaves no margin. */
  overPpm: number;
  /** (1 / odds) / sum of 1 / odds: the margin taken out in proportion. Rounded one by one. */
  fairPpm: number[];
}

/**
 * Largest product of the odds, as integers of the market's own scale, for which Numbers are exact:
 * the greatest dividend is 2 x product x 1000, which must stay below 2^53. In hundredths, three odds
 * may multiply to 4.5 million; in thousandths to 4,503 (1.364 x 4.333 x 9.5 is 56).
 */
const NUMBER_LIMIT = Math.floor(2 ** 52 / 1000);

/**
 * Overround and fair probabilities of two or three odds, each an integer above 10,000
 * (ten-thousandths). Ties and sign: rounding works on the size, so half-up moves away from zero.
 */
export function priceMarket(odds: readonly number[], rounding: Rounding): Book100 {
  const scale = commonScale(odds);
  const shrink = ODDS_SCALE / scale;
  const a = (odds[0] as number) / shrink;
  const b = (odds[1] as number) / shrink;
  const c = odds.length === 3 ? (odds[2] as number) / shrink : 1;
  const product = a * b * c;
  if (product > NUMBER_LIMIT) return priceMarketBig(odds, rounding);
  if (odds.length === 2) {
    return {
      overPpm: signedMillionths(scale * (a + b) - product, product, rounding),
      fairPpm: [millionths(b, a + b, rounding), millionths(a, a + b, rounding)],
    };
  }
  // 1/a : 1/b : 1/c is bc : ac : ab; each is below the product, since odds are above 1.
  const sum = b * c + a * c + a * b;
  return {
    overPpm: signedMillionths(scale * sum - product, product, rounding),
    fairPpm: [
      millionths(b * c, sum, rounding),
      millionths(a * c, sum, rounding),
      millionths(a * b, sum, rounding),
    ],
  };
}

/** Nearly all odds have two decimals; smaller integers keep the products below the limit. */
function commonScale(odds: readonly number[]): number {
  let scale = 100;
  for (let i = 0; i < odds.length; i++) {
    const value = odds[i] as number;
    if (value % 100 === 0) continue;
    if (value % 10 !== 0) return ODDS_SCALE;
    scale = 1000;
  }
  return scale;
}

/** n / d in millionths in two steps of a thousand: no dividend exceeds 1000 x max(n, d). */
function millionths(n: number, d: number, rounding: Rounding): number {
  const dividend = n * 1000;
  const thousandths = Math.floor(dividend / d);
  const rest = dividend - thousandths * d;
  // 1000 x thousandths is even, so the tie rule of half-even may look at the last step alone.
  return thousandths * 1000 + roundedDivide(rest * 1000, d, rounding);
}

function signedMillionths(n: number, d: number, rounding: Rounding): number {
  if (n >= 0) return millionths(n, d, rounding);
  const size = millionths(-n, d, rounding);
  return size === 0 ? 0 : -size;
}

/** The same for odds of any size; about 7 times slower, and tested to agree with the above. */
export function priceMarketBig(odds: readonly number[], rounding: Rounding): Book100 {
  const quoted = odds.map(BigInt);
  const product = quoted.reduce((all, one) => all * one, 1n);
  const shares = quoted.map((one) => product / one);
  const sum = shares.reduce((all, one) => all + one, 0n);
  const excess = BigInt(ODDS_SCALE) * sum - product;
  const size = roundedDivideBig((excess < 0n ? -excess : excess) * 1_000_000n, product, rounding);
  return {
    overPpm: Number(excess < 0n ? -size : size),
    fairPpm: shares.map((share) => Number(roundedDivideBig(share * 1_000_000n, sum, rounding))),
  };
}

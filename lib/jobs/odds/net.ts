import { decimalText, ODDS_SCALE, type Rounding, roundedDivide } from './decimal.ts';

export interface NetOptions {
  /** Commission in ten-thousandths of the winnings, 0 to 9,999. */
  commission: number;
  /** Decimals of the result, 2 to 4. */
  places: number;
  rounding: Rounding;
}

/** Odds below 100.00 in whole hundredths: nearly all that are quoted, 10,000 texts per rate. */
const REMEMBERED = 10_000;

/**
 * Decimal odds after commission, `(odds - 1) x (1 - commission) + 1`, as a function from odds in
 * ten-thousandths (10,000 to 10^10) to decimal text of `places` decimals.
 * (odds - 1) x (1 - commission) is at most 10^10 x 10^4 in 10^-8 units: below 2^53, so Numbers are exact.
 */
export function netOdds({ commission, places, rounding }: NetOptions): (odds: number) => string {
  const kept = 10_000 - commission;
  const unit = 10 ** places;
  const compute = (odds: number) =>
    decimalText(unit + roundedDivide((odds - ODDS_SCALE) * kept, 1e8 / unit, rounding), places);
  // Formatting costs more than the arithmetic, and the same few hundred odds come again and again.
  const texts = new Array<string | undefined>(REMEMBERED).fill(undefined);
  return (odds) => {
    const hundredths = odds / 100;
    const known = texts[hundredths];
    if (known !== undefined) return known;
    const text = compute(odds);
    if (Number.isInteger(hundredths) && hundredths < REMEMBERED) texts[hundredths] = text;
    return text;
  };
}

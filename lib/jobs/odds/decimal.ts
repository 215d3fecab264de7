/**
 * Exact decimals as integers. Odds are held in ten-thousandths (`2.05` is 20,500), commissions in
 * ten-thousandths of a fraction (`2.5%` is 250). Every Number here is an integer below 2^53, where
 * + - x are exact, and Math.floor(n / d) is the exact floor: n / d differs from an integer above it
 * by at least 1 / d, while rounding moves the quotient by less than that as long as n < 2^53.
 */

/** Ten-thousandths: the finest odds that are read have 4 decimals. */
export const ODDS_SCALE = 10_000;

/** What `parseOdds` gives for a cell that is no quote; every quote is 0 or more. */
export const BLANK = -1;
export const NOT_A_NUMBER = -2;
export const OUT_OF_RANGE = -3;

/** Digits before the point. 999,999.9999 is 10^10 in ten-thousandths: all products stay below 2^53. */
const WHOLE_DIGITS = 6;
const SCALE_UP = [10_000, 1000, 100, 10, 1] as const;

export const ROUNDINGS = ['half-up', 'half-even', 'down'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

/** The text of odds, in ten-thousandths; BLANK, NOT_A_NUMBER or OUT_OF_RANGE if it is none. */
export function parseOdds(text: string): number {
  if (text === '') return BLANK;
  let value = 0;
  let whole = 0;
  let decimals = -1;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      if (decimals < 0) whole++;
      else decimals++;
    } else if (digit === -2 && decimals < 0) {
      decimals = 0;
    } else {
      return parseUnusual(text);
    }
  }
  if (whole === 0 || whole > WHOLE_DIGITS || decimals === 0 || decimals > 4) {
    return parseUnusual(text);
  }
  return value * (SCALE_UP[decimals < 0 ? 0 : decimals] as number);
}

/** Anything but plain digits: blanks around, too many digits, text. Rare, so a regex will do. */
function parseUnusual(text: string): number {
  const match = /^\s*0*(\d+)(?:\.(\d+))?\s*$/.exec(text);
  if (match === null) return text.trim() === '' ? BLANK : NOT_A_NUMBER;
  const whole = match[1] as string;
  const decimals = (match[2] ?? '').replace(/0+$/, '');
  if (whole.length > WHOLE_DIGITS || decimals.length > 4) return OUT_OF_RANGE;
  return Number(whole) * ODDS_SCALE + Number(decimals.padEnd(4, '0'));
}

/** Odds as text without zeros at the end: 20,500 is `2.05`. Of at most 10 digits a Number gives back every one. */
export const oddsText = (odds: number): string => String(odds / ODDS_SCALE);

/** n / d rounded to an integer. Both are integers, 0 <= n < 2^53 and 0 < d < 2^52. */
export function roundedDivide(n: number, d: number, rounding: Rounding): number {
  const quotient = Math.floor(n / d);
  const twice = 2 * (n - quotient * d);
  if (rounding === 'half-up') return twice >= d ? quotient + 1 : quotient;
  if (rounding === 'down' || twice < d) return quotient;
  return twice > d || quotient % 2 === 1 ? quotient + 1 : quotient;
}

/** The same for any size. */
export function roundedDivideBig(n: bigint, d: bigint, rounding: Rounding): bigint {
  const quotient = n / d;
  const twice = 2n * (n % d);
  if (rounding === 'half-up') return twice >= d ? quotient + 1n : quotient;
  if (rounding === 'down' || twice < d) return quotient;
  return twice > d || quotient % 2n === 1n ? quotient + 1n : quotient;
}

/** An integer of 10^-places units as decimal text of exactly that many places: (2058, 3) is 2.058. */
export function decimalText(units: number, places: number): string {
  const unit = 10 ** places;
  const whole = Math.floor(units / unit);
  return `${whole}.${String(units - whole * unit).padStart(places, '0')}`;
}

/** Distinct names or dates kept; beyond that the cache starts again, so that memory stays flat. */
const CACHE_LIMIT = 10_000;

const DAY_FIRST = /^(\d{1,2})\/(\d{1,2})\/(\d{2}|\d{4})$/;
const ISO = /^(\d{4})-(\d{2})-(\d{2})$/;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * dd/mm/yy, dd/mm/yyyy or yyyy-mm-dd as yyyy-mm-dd; '' if the text is no such day of the calendar.
 * Two-digit years: 70 to 99 are 19xx, 00 to 69 are 20xx.
 */
export function isoDate(text: string): string {
  const trimmed = text.trim();
  const iso = ISO.exec(trimmed);
  const [, first = '', month = '', last = ''] = iso ?? DAY_FIRST.exec(trimmed) ?? [];
  const year = fullYear(iso ? first : last);
  const day = Number(iso ? last : first);
  const index = Number(month) - 1;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = (MONTH_DAYS[index] ?? 0) + (leap && index === 1 ? 1 : 0);
  if (day < 1 || day > days) return '';
  const pad = (value: number, width: number) => String(value).padStart(width, '0');
  return `${pad(year, 4)}-${pad(index + 1, 2)}-${pad(day, 2)}`;
}

function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length !== 2) return year;
  return year >= 70 ? 1900 + year : 2000 + year;
}

/** A participant's name without blanks around it, single blanks inside, in one Unicode form. */
export function participant(text: string): string {
  return text.trim().replace(/\s+/g, ' ').normalize('NFC');
}

/**
 * Remembers a pure function of a text: a season has 20 names and 100 dates in 380 rows.
 * Keys and values are copied: a cell may be a slice that keeps its whole block of input alive.
 */
export function remembered<T = string>(
  compute: (text: string) => T,
): (text: string | undefined) => T {
  const known = new Map<string, T>();
  return (text = '') => {
    const hit = known.get(text);
    if (hit !== undefined) return hit;
    if (known.size >= CACHE_LIMIT) known.clear();
    const copy = Buffer.from(text, 'utf16le').toString('utf16le');
    const value = compute(copy);
    known.set(copy, value);
    return value;
  };
}

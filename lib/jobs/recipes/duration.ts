/** A length of time. */
export interface Duration {
  /** ISO 8601, in hours, minutes and seconds: 'PT1H30M'. */
  iso: string;
  /** Whole minutes; half of one counts as one. */
  minutes: number;
}

/** Years and months have no fixed length: they may be there only as zeros, which some CMS write. */
const ISO =
  /^[+]?P?(?:0+Y)?(?:0+M)?(?:(\d{1,4}(?:[.,]\d{1,6})?)W)?(?:(\d{1,4}(?:[.,]\d{1,6})?)D)?(?:T(?:(\d{1,6}(?:[.,]\d{1,6})?)H)?(?:(\d{1,7}(?:[.,]\d{1,6})?)M)?(?:(\d{1,9}(?:[.,]\d{1,6})?)S)?)?$/;
/** English, each unit at most once and in order: '1 hour 30 minutes', '45 min'. */
const WORDS =
  /^(?:(\d{1,4}) ?(?:d|days?))?,? ?(?:and )?(?:(\d{1,6}) ?(?:h|hrs?|hours?)\.?)?,? ?(?:and )?(?:(\d{1,7}) ?(?:m|mins?|minutes?)\.?)?$/;

const DAY = 86_400;
/** A ham may hang for years; what is longer is a mistake. */
const LONGEST_S = 10_000 * DAY;

/**
 * A duration in ISO 8601, or in plain English. A bare number says no unit, so it is none.
 * @returns undefined for what is no duration
 */
export function parseDuration(text: string): Duration | undefined {
  const given = text.trim();
  if (given.length > 64 || !/\d/.test(given)) return undefined;
  const iso = /^[+]?[PT]/i.test(given) ? ISO.exec(given.toUpperCase()) : null;
  if (iso !== null) {
    const [weeks, days, hours, minutes, seconds] = iso.slice(1).map(numberOf) as number[];
    const [w, d, h, m, s] = [weeks, days, hours, minutes, seconds] as Five;
    return durationOf(w * 7 * DAY + d * DAY + h * 3600 + m * 60 + s);
  }
  const words = WORDS.exec(given.toLowerCase().replace(/\s+/g, ' '));
  if (words === null) return undefined;
  const [d, h, m] = words.slice(1).map(numberOf) as [number, number, number];
  return durationOf(d * DAY + h * 3600 + m * 60);
}

type Five = [number, number, number, number, number];

const numberOf = (text: string | undefined): number => Number((text ?? '0').replace(',', '.'));

/** @param given seconds; parts of one are rounded */
export function durationOf(given: number): Duration | undefined {
  const seconds = Math.round(given);
  if (seconds > LONGEST_S) return undefined;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const parts = [h > 0 ? `${h}H` : '', m > 0 ? `${m}M` : '', s > 0 ? `${s}S` : ''].join('');
  return { iso: `PT${parts === '' ? '0M' : parts}`, minutes: Math.round(seconds / 60) };
}

/** Seconds of what `parseDuration` gave. */
export function secondsOf({ iso }: Duration): number {
  const [, h, m, s] = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(iso) ?? [];
  return numberOf(h) * 3600 + numberOf(m) * 60 + numberOf(s);
}

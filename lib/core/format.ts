/**
 * Numbers, times and foreign text for people: the same words in the report, the console and the CLI.
 * No Intl and no locale, so that the same report gives the same bytes on every machine.
 */

/** Narrow no-break space (U+202F): groups digits in HTML without a line break inside a number. */
const THIN = '\u202f';

/** 1234567 -> '1 234 567'; digits are grouped by `gap`. Anything that is not finite is '–'. */
export function formatCount(n: number, gap: string = THIN): string {
  if (!Number.isFinite(n)) return '–';
  const digits = String(Math.abs(Math.round(n)));
  const grouped = digits.includes('e') ? digits : digits.replace(/\B(?=(?:\d{3})+$)/g, gap);
  return Math.round(n) < 0 ? `-${grouped}` : grouped;
}

/** 1 item, 2 items. */
export const formatCounted = (n: number, what: string, gap: string = THIN): string =>
  `${formatCount(n, gap)} ${what}${n === 1 ? '' : 's'}`;

/** A part of a whole: '0.27 %'. '100 %' and '0 %' only when they are exact; '–' of nothing. */
export function formatShare(part: number, whole: number): string {
  if (!(whole > 0) || !Number.isFinite(part)) return '–';
  const percent = (part / whole) * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.01) return '< 0.01 %';
  if (percent < 100 && percent > 99.99) return '> 99.99 %';
  return `${percent.toFixed(2)} %`;
}

/** Milliseconds as people say them: '12 µs', '4.2 ms', '420 ms', '4.2 s', '1 min 12 s', '2 h 5 min', '3 d 4 h'. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms <= 0) return '0 s';
  if (ms < 0.9995) return `${Math.max(1, Math.round(ms * 1000))} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  if (ms < 59_950) return `${threeDigits(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair([Math.floor(seconds / 60), 'min'], [seconds % 60, 's']);
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return pair([Math.floor(minutes / 60), 'h'], [minutes % 60, 'min']);
  const hours = Math.round(minutes / 60);
  return pair([Math.floor(hours / 24), 'd'], [hours % 24, 'h']);
}

/** Bytes in powers of 1000: '812 B', '4.2 kB', '1.13 GB'. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${units[unit]}`;
}

/** Items per second as a rate: '1 186/s', '12.5/s', and for slow ones '30/min' or '4.5/h'. */
export function formatRate(perSecond: number, gap: string = THIN): string {
  if (!Number.isFinite(perSecond)) return '–';
  if (perSecond <= 0) return '0/s';
  if (perSecond >= 999.5) return `${formatCount(perSecond, gap)}/s`;
  if (perSecond >= 1) return `${threeDigits(perSecond)}/s`;
  if (perSecond * 60 >= 1) return `${threeDigits(perSecond * 60)}/min`;
  return perSecond * 3600 < 0.01 ? '< 0.01/h' : `${threeDigits(perSecond * 3600)}/h`;
}

/** '2026-08-21T06:45:47.120Z' -> '2026-08-21 06:45:47 UTC'; anything else is shown as it is. */
export function formatInstant(iso: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(iso);
  return match === null ? visible(iso) : `${match[1]} ${match[2]} UTC`;
}

/**
 * Milliseconds between two ISO 8601 UTC instants, never negative; 0 when one of them is no instant.
 * lib/core has no Date, hence the day count (days from civil, proleptic Gregorian).
 */
export function elapsedMs(from: string, to: string): number {
  const elapsed = isoToMs(to) - isoToMs(from);
  return elapsed > 0 ? elapsed : 0;
}

/** At most `max` code points; what was cut ends in '…'. Never splits a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const points = Array.from(text.slice(0, max * 2 + 2));
  return points.length <= max ? text : `${points.slice(0, Math.max(0, max - 1)).join('')}…`;
}

/**
 * Foreign text with everything that hides or moves text made visible: control characters as their
 * pictures (␊ for a line feed), direction overrides, invisible and unpaired ones as \u202e.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (found) => {
    const point = found.codePointAt(0) ?? 0;
    if (point < 0x20) return String.fromCodePoint(0x2400 + point);
    return point === 0x7f ? '␡' : `\\u${point.toString(16).padStart(4, '0')}`;
  });
}

// Zero-width joiners (200c, 200d) stay: emoji and several scripts need them.
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})\d*)?Z$/;

function isoToMs(iso: string): number {
  const match = ISO.exec(iso);
  if (match === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // March is the first month here, so that the leap day is the last of its year.
  const shifted = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  const days = shifted * 365 + leapDays + dayOfYear;
  return (
    ((days * 24 + hour) * 60 + minute) * 60_000 +
    second * 1000 +
    Number((match[7] ?? '0').padEnd(3, '0'))
  );
}

/** Three significant digits without an exponent and without trailing zeros: 4.2, 12.5, 420. */
function threeDigits(value: number): string {
  const decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  const text = value.toFixed(decimals);
  return decimals === 0 ? text : text.replace(/\.?0+$/, '');
}

function pair([big, bigUnit]: [number, string], [small, smallUnit]: [number, string]): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** A month by the first letters of its short name, in the languages that gateways are run in; accents and dots go. */
const MONTHS: readonly RegExp[] = [
  /^(jan|gen|ene)/,
  /^(feb|fev)/,
  /^(mar|mrz)/,
  /^(apr|avr|abr)/,
  /^(mai|may|mag)/,
  /^(jun|juin|giu)/,
  /^(jul|juil|lug)/,
  /^(aug|aou|ago)/,
  /^(sep|set)/,
  /^(oct|okt|ott|out)/,
  /^nov/,
  /^(dec|dez|dic)/,
];

const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})(?:\\.\\d+)?';
const ZONE = '\\s*(?<zone>Z|GMT|UTC|[+-]\\d{2}:?\\d{2})?(?: UTC)?';
const FORMS: readonly RegExp[] = [
  // RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, and `Sunday, 06-Nov-94 08:49:37 GMT` of before
  new RegExp(
    `^[a-z]+, (?<day>\\d{2})[ -](?<month>[a-z]{3})[ -](?<year>\\d{2,4}) ${TIME}${ZONE}$`,
    'i',
  ),
  // `Sun Nov  6 08:49:37 1994` of C, in GMT although it does not say so
  new RegExp(`^[a-z]{3} (?<month>[a-z]{3}) +(?<day>\\d{1,2}) ${TIME} (?<year>\\d{4})$`, 'i'),
  // ISO 8601, and `2026-oct.-04 11:05:00+0000 UTC`: the month as the gateway's own language has it
  new RegExp(`^(?<year>\\d{4})-(?<month>\\d{2}|[^\\d-]+)-(?<day>\\d{1,2})[ T]${TIME}${ZONE}$`, 'i'),
];

/** Milliseconds since 1970 of a date as a remote writes it, in any of its forms; undefined for what is none. */
export function remoteDateMs(text: string): number | undefined {
  for (const form of FORMS) {
    const parts = form.exec(text.trim())?.groups;
    if (parts === undefined) continue;
    const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map((name) =>
      Number(parts[name]),
    ) as [number, number, number, number];
    const month = monthOf(parts['month'] ?? '');
    if (month === undefined || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) {
      return undefined;
    }
    const days = daysSince1970(yearOf(parts['year'] ?? ''), month, day);
    const seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return seconds * 1000 - zoneMs(parts['zone'] ?? 'Z');
  }
  return undefined;
}

/** Two digits are of RFC 850: this century, since nobody asks to be left alone until the last one. */
const yearOf = (text: string): number => (text.length === 2 ? 2000 + Number(text) : Number(text));

function monthOf(text: string): number | undefined {
  if (/^\d/.test(text)) return Number(text) >= 1 && Number(text) <= 12 ? Number(text) : undefined;
  const plain = text
    .normalize('NFD')
    .replace(/[^a-z]/gi, '')
    .toLowerCase();
  const at = MONTHS.findIndex((one) => one.test(plain));
  return at < 0 ? undefined : at + 1;
}

function zoneMs(text: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(text);
  if (match === null) return 0;
  const ms = (Number(match[2]) * 60 + Number(match[3])) * 60_000;
  return match[1] === '-' ? -ms : ms;
}

/** Civil-date arithmetic as in `iso-time.ts`, the other way round. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/**
 * ISO 8601 with a zone, or a day alone, which begins at midnight UTC. A time without a zone would mean another
 * instant on another machine, so it is none.
 */
const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d)))?$/;

/** What a Date can hold (ECMA-262, "Time Values and Time Range"). */
const MAX_MS = 8.64e15;

/** Milliseconds since 1970 of an ISO 8601 text or of that number itself; undefined for anything else. */
export function instantOf(value: unknown): number | undefined {
  if (typeof value === 'number') {
    return Number.isInteger(value) && Math.abs(value) <= MAX_MS ? value : undefined;
  }
  const match = typeof value === 'string' ? ISO.exec(value) : null;
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0)) as [number, number, number, number, number, number];
  const zoneHours = Number(match[9] ?? 0);
  const zoneMinutes = Number(match[10] ?? 0);
  if (hour > 23 || minute > 59 || second > 59 || zoneHours > 23 || zoneMinutes > 59) {
    return undefined;
  }
  const midnight = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999; nor Date.parse, which takes 30 February for 2 March.
  midnight.setUTCFullYear(year, month - 1, day);
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  const fraction = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const zone = (match[8] === '-' ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  return midnight.getTime() + ((hour * 60 + minute - zone) * 60 + second) * 1000 + fraction;
}

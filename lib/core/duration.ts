import { SluiceError } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a duration with a unit, such as '250ms', '30s', '15m', '2h', '30d'. */
export function parseDuration(option: string, text: unknown): number {
  const match =
    typeof text === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim()) : null;
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw new SluiceError(
      'USAGE',
      `${option} must be a duration with a unit, such as '250ms', '30s', '15m' or '2h'; got ${JSON.stringify(text)}.`,
    );
  }
  return Math.round(Number(match[1]) * unit);
}

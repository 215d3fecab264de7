import { SluiceError } from '../core/errors.ts';

/**
 * ISO 8601 or milliseconds since 1970, as milliseconds. Throws `USAGE`.
 * @param label names the option in the message
 */
export function parseNow(text: string | undefined, label = '--now'): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new SluiceError(
    'USAGE',
    `${label} must be a date such as 2026-01-31T12:00:00Z, or milliseconds since 1970; got '${text}'.`,
  );
}

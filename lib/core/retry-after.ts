import { remoteDateMs } from './remote-date.ts';

/** What a remote answered, as far as it may say how long to leave it alone. */
export interface LimitedAnswer {
  status: number;
  /** Headers as `fetch` gives them, or a plain object; names in any case. */
  headers: { get(name: string): string | null } | Readonly<Record<string, unknown>>;
  /** Text of the answer, where the remote says it there. */
  body?: string;
}

/**
 * Milliseconds to leave the remote alone, by the first that is there: Retry-After (seconds, or a date), the reset of
 * a rate limit that is used up (X-RateLimit-*, RateLimit-*, RateLimit), `nextAccessTime` in the body. Undefined when
 * it says nothing, or refuses nothing. Dates count from the remote's own Date header, since its clock set them.
 * @param now milliseconds since 1970, where there is no Date header
 */
export function retryAfterMs(answer: LimitedAnswer, now: number): number | undefined {
  const { status } = answer;
  const header = (name: string): string | undefined => headerOf(answer.headers, name);
  const limited = status === 429 || status === 503;
  const from = dateMs(header('date')) ?? now;
  const asked = header('retry-after');
  if (asked !== undefined && status >= 300) {
    const ms = secondsMs(asked) ?? until(dateMs(asked), from);
    if (ms !== undefined) return ms;
  }
  const reset = resetMs(header, { from, limited });
  if (reset !== undefined) return reset;
  return limited ? until(nextAccess(answer.body), from) : undefined;
}

function headerOf(headers: LimitedAnswer['headers'], name: string): string | undefined {
  if (typeof headers.get === 'function') return (headers.get(name) as string | null) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  const value = Array.isArray(found) ? found[0] : found;
  return value === undefined || value === null ? undefined : String(value);
}

const until = (at: number | undefined, from: number): number | undefined =>
  at === undefined ? undefined : Math.max(0, at - from);

/** RFC 9110 allows whole seconds only; some remotes send fractions. */
const secondsMs = (text: string): number | undefined =>
  /^\s*\d{1,9}(\.\d+)?\s*$/.test(text) ? Math.ceil(Number(text) * 1000) : undefined;

const dateMs = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : remoteDateMs(text);

const LEFT = ['x-ratelimit-remaining', 'x-rate-limit-remaining', 'ratelimit-remaining'];
const RESET = [
  'x-ratelimit-reset-after',
  'x-ratelimit-reset',
  'x-rate-limit-reset',
  'ratelimit-reset',
];

function resetMs(
  header: (name: string) => string | undefined,
  { from, limited }: { from: number; limited: boolean },
): number | undefined {
  // `limit=10, remaining=0, reset=30` of an older draft, `"name";r=0;t=30` of a newer one.
  const one = header('ratelimit');
  const field = (names: string): string | undefined =>
    new RegExp(`(?:^|[;,\\s])(?:${names})=(\\d+)`).exec(one ?? '')?.[1];
  const left = LEFT.map(header).find((value) => value !== undefined) ?? field('remaining|r');
  if (left === undefined ? !limited : Number(left) > 0 && !limited) return undefined;
  const reset = RESET.map(header).find((value) => value !== undefined) ?? field('reset|t');
  if (reset === undefined) return undefined;
  if (!/^\s*\d+(\.\d+)?\s*$/.test(reset)) return until(dateMs(reset), from);
  const number = Number(reset);
  // Nobody waits 30 years: such a number is a time, in seconds or in milliseconds since 1970.
  if (number >= 1e12) return until(number, from);
  return number >= 1e9 ? until(number * 1000, from) : Math.ceil(number * 1000);
}

/** `"nextAccessTime":"2026-oct.-04 11:05:00+0000 UTC"`, also in a text inside the text. */
const nextAccess = (body: string | undefined): number | undefined =>
  dateMs(/nextAccessTime\W{1,8}?(\d{4}-[^"\\]{1,40})/.exec(body ?? '')?.[1]);

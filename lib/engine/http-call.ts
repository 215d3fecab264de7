import { PermanentError, spent } from '../core/errors.ts';
import type { RequestOptionsWithBody } from '../core/http.ts';
import { boundsOf } from '../core/http-plan.ts';
import { isPassing, mayRepeat, nextTry } from '../core/http-retry.ts';
import { retryAfterMs } from '../core/retry-after.ts';
import type { WireAnswer, WireFault } from '../ports/http.ts';
import { type HttpEnv, type HttpItem, lowerNames } from './http-env.ts';
import { badUrl, faultError, placeOf, said } from './http-errors.ts';
import { putBack, sendOnce } from './http-try.ts';
import { itemQuota } from './item-quota.ts';

export interface Called {
  answer: WireAnswer;
  /** After redirects. */
  url: URL;
  /** What the remote asks to be left alone for, where its own clock says it. */
  askedMs: number | undefined;
  /** The item's own tries must not come on top of those that were made. */
  spent: boolean;
}

/** A request as it is now: a redirect changes it. */
interface Hop {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
}

interface Call {
  options: RequestOptionsWithBody;
  bounds: ReturnType<typeof boundsOf>;
  tries: number;
  deadline: number;
}

/** One call with its tries and redirects. Rejects where there is no answer at all. */
export async function callRemote(
  env: HttpEnv,
  item: HttpItem,
  { url, options }: { url: string | URL; options: RequestOptionsWithBody },
): Promise<Called> {
  const { plan, clock } = env;
  const bounds = boundsOf(options, plan, '');
  let hop = firstHop(env, url, options);
  const allowed = bounds.tries ?? env.tries;
  const call: Call = {
    options,
    bounds,
    tries: mayRepeat(hop.method, options) ? allowed : 1,
    deadline: Math.min(
      clock.monotonic() + (bounds.totalMs ?? Number.POSITIVE_INFINITY),
      item.startedAt + env.itemTimeoutMs,
    ),
  };
  const isSpent = call.tries > 1 || !mayRepeat(hop.method, options);
  for (let redirects = 0; ; redirects += 1) {
    const answer = await withTries(env, item, { call, hop, isSpent });
    const next = redirectOf(hop, answer);
    if (next === undefined || bounds.redirects === 0) {
      return { answer, url: hop.url, askedMs: askedBy(answer, Number.NaN), spent: isSpent };
    }
    if (redirects === bounds.redirects) {
      const message = `${placeOf(hop.url)} redirects to ${said(placeOf(next.url))}: more than ${bounds.redirects} redirects are not followed.`;
      throw new PermanentError(message, { code: 'REDIRECT' });
    }
    hop = next;
  }
}

interface Trying {
  call: Call;
  hop: Hop;
  isSpent: boolean;
}

async function withTries(env: HttpEnv, item: HttpItem, trying: Trying): Promise<WireAnswer> {
  const { clock, plan } = env;
  const { call, isSpent } = trying;
  for (let attempt = 1; ; attempt += 1) {
    const { answer, error, passing } = await tryOnce(env, item, { ...trying, attempt });
    if (!passing && answer !== undefined) return answer;
    if (!passing) throw error;
    const askedMs = answer && askedBy(answer, clock.now());
    if (answer !== undefined) await tellQuotas(env, item, { call, answer, askedMs });
    const leftMs = call.deadline - clock.monotonic() - LAST_MS;
    const facts = { attempt, tries: call.tries, askedMs, backoff: env.backoff, leftMs };
    const next = nextTry({ ...facts, random: env.random() });
    if (next.do === 'later' && plan.whenDown === 'wait' && call.bounds.totalMs === undefined) {
      item.log.warn('the remote asks to be left alone', { host: trying.hop.url.host, askedMs });
      throw putBack(env, item, next.waitMs);
    }
    if (next.do !== 'again') {
      if (answer !== undefined) return answer;
      throw isSpent ? spent(error as Error) : error;
    }
    env.waiting();
    await clock.sleep(next.waitMs, item.signal);
    if (item.signal.aborted) throw item.signal.reason;
  }
}

/** A try that would begin later than this before the end could not get an answer. */
const LAST_MS = 50;

interface Tried {
  answer?: WireAnswer;
  error?: unknown;
  /** Another try may help. */
  passing: boolean;
}

async function tryOnce(
  env: HttpEnv,
  item: HttpItem,
  { call, hop, attempt }: Trying & { attempt: number },
): Promise<Tried> {
  const { plan, clock } = env;
  const { connections } = plan;
  const { options, bounds, deadline } = call;
  // The item's own end comes by its signal: only a total of the call's own cuts a try short here.
  const leftMs = bounds.totalMs === undefined ? Infinity : deadline - clock.monotonic();
  const timeoutMs = Math.max(1, Math.ceil(Math.min(bounds.requestMs, leftMs)));
  const { maxBytes } = bounds;
  const guard = plan.guard ? { allowHosts: plan.allowHosts } : undefined;
  try {
    const answer = await sendOnce(env, item, {
      wire: { ...hop, timeoutMs, maxBytes, connections, guard, signal: item.aborting },
      retry: attempt > 1,
      quota: options.quota ?? plan.quota,
      key: options.key,
      deadline,
      askedMs: (given) => askedBy(given, clock.now()),
    });
    return { answer, passing: isPassing(answer.status) };
  } catch (error) {
    const { fault } = error as Partial<WireFault>;
    // A time of the call's own is told as it was set: what was left of it differs from one machine to the next.
    const limitMs = leftMs < bounds.requestMs ? (bounds.totalMs as number) : bounds.requestMs;
    return {
      error: faultError(error, { url: hop.url, timeoutMs: limitMs, maxBytes }),
      passing: fault === 'network' || fault === 'timeout',
    };
  }
}

/** The body says it only where the headers do not, and only short ones are read. */
const MAX_BODY = 10_000;

function askedBy({ status, headers, bytes }: WireAnswer, now: number): number | undefined {
  if (!isPassing(status)) return undefined;
  const body = bytes.length > MAX_BODY ? '' : new TextDecoder().decode(bytes);
  const asked = retryAfterMs({ status, headers, body }, now);
  return Number.isNaN(asked) ? undefined : asked;
}

/** Left alone for so long when the remote refuses a call and does not say for how long. */
const LIMITED_MS = 5_000;

/** Everybody who shares the quota leaves the remote alone, not just this item. */
async function tellQuotas(
  env: HttpEnv,
  item: HttpItem,
  { call, answer, askedMs }: { call: Call; answer: WireAnswer; askedMs: number | undefined },
): Promise<void> {
  const name = call.options.quota ?? env.plan.quota;
  if (env.quotas === undefined || name === false) return;
  const waitMs = askedMs ?? (answer.status === 429 ? LIMITED_MS : 0);
  if (waitMs === 0) return;
  await itemQuota(env.quotas, item, { name, key: call.options.key }).blocked(waitMs);
}

function firstHop(env: HttpEnv, given: string | URL, options: RequestOptionsWithBody): Hop {
  const url = addressOf(env.plan.baseUrl, given);
  if (options.query !== undefined) {
    for (const [name, value] of Object.entries(options.query)) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
  }
  const { body, idempotencyKey } = options;
  const method = (options.method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase();
  // A header of the settings may be a credential: with a baseUrl it goes to that origin alone.
  const { origin } = env.plan;
  const own = origin === undefined || origin === url.origin ? env.headers() : {};
  const more = options.headers === undefined ? {} : lowerNames(options.headers);
  const headers = { 'user-agent': 'sluice', ...own, ...more };
  const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  return { url, method, headers: { ...headers, ...key }, body };
}

function addressOf(baseUrl: string | undefined, given: string | URL): URL {
  const text = String(given).trim();
  const isWhole = /^[a-z][a-z0-9+.-]*:/i.test(text);
  if (!isWhole && baseUrl === undefined) {
    throw badUrl(`${said(text)} is no whole URL, and the job's http has no baseUrl.`);
  }
  const whole = isWhole ? text : `${baseUrl}/${text.replace(/^\/+/, '')}`;
  return checkedUrl(parsedUrl(whole), text);
}

/** Parsed once: to ask first whether it can be parsed costs as much again. */
function parsedUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function checkedUrl(url: URL | undefined, text: string): URL {
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw badUrl(`${said(text)} is no http or https URL.`);
  }
  if (url.username === '' && url.password === '') return url;
  throw badUrl(`A URL of ${url.host} holds a user name or password: send them as a header.`);
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What may go to another origin: everything else could be a credential. */
const HARMLESS = new Set(['accept', 'accept-language', 'user-agent', 'content-type']);

/** Where the answer sends the request, as browsers do it; undefined when it sends it nowhere. */
function redirectOf(hop: Hop, { status, headers }: WireAnswer): Hop | undefined {
  const location = headers['location'];
  if (location === undefined || !REDIRECTS.has(status)) return undefined;
  const url = checkedUrl(parsedUrl(location, hop.url), location);
  const post = hop.method !== 'GET' && hop.method !== 'HEAD';
  const becomesGet = post && (status === 303 || (hop.method === 'POST' && status < 303));
  const kept = Object.entries(hop.headers).filter(
    ([name]) =>
      (url.origin === hop.url.origin || HARMLESS.has(name)) &&
      !(becomesGet && name.startsWith('content-')),
  );
  const next = becomesGet
    ? { method: 'GET', body: undefined }
    : { method: hop.method, body: hop.body };
  return { url, ...next, headers: Object.fromEntries(kept) };
}

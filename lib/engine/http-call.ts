import { PermanentError, spent } from '../core/errors.ts';
import type { RequestOptionsWithBody } from '../core/http.ts';
import { type Bounds, boundsOf } from '../core/http-plan.ts';
import { isPassing, mayRepeat, nextTry } from '../core/http-retry.ts';
import type { WireAnswer, WireFault } from '../ports/http.ts';
import type { Address } from './http-address.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { askedBy, faultError, placeOf, said } from './http-errors.ts';
import { firstHop, type Hop, redirectOf } from './http-hop.ts';
import { type Try, told } from './http-told.ts';
import { putBack, sendAtOnce, sendInTurn } from './http-try.ts';
import { itemQuota, unknownQuota } from './item-quota.ts';

export interface Called {
  answer: WireAnswer;
  /** After redirects. */
  to: Address;
  /** What the remote asks to be left alone for, where its own clock says it. */
  askedMs: number | undefined;
  /** The item's own tries must not come on top of those that were made. */
  spent: boolean;
  /** Where the remote refused every try, the item may run again later. */
  later: boolean;
}

export interface Asking<T> {
  url: string | URL;
  options: RequestOptionsWithBody;
  /** The answer is to be JSON. */
  json: boolean;
  /** What the call gives: here, and not behind a promise of its own. */
  read(called: Called, env: HttpEnv, item: HttpItem): T;
}

interface Call {
  options: RequestOptionsWithBody;
  bounds: Bounds;
  tries: number;
  deadline: number;
  isSpent: boolean;
  isLater: boolean;
  hop: Hop;
}

/**
 * One call with its tries and redirects. Rejects where there is no answer at all. All in one function: each promise
 * between the job and the wire lives as long as the call does.
 */
export async function callRemote<T>(env: HttpEnv, item: HttpItem, asking: Asking<T>): Promise<T> {
  const call = newCall(env, item, asking);
  for (let redirects = 0, attempt = 1; ; ) {
    const one = tryOf(env, item, { call, retry: attempt > 1 });
    const sent = sendAtOnce(env, one);
    let answer: WireAnswer | undefined;
    let error: unknown;
    try {
      answer = await (sent ?? sendInTurn(env, item, one));
    } catch (thrown) {
      error = thrown;
    }
    if (sent !== undefined) told(env, item, { one, answer, error });
    if (answer === undefined || isPassing(answer.status)) {
      if (await isAgain(env, item, { call, one, attempt, answer, error })) {
        attempt += 1;
        continue;
      }
      // It was thrown otherwise.
      answer = answer as WireAnswer;
      const askedMs = askedBy(answer, Number.NaN);
      return asking.read(calledOf(call, answer, askedMs), env, item);
    }
    const next = redirectOf(call.hop, answer);
    if (next === undefined || call.bounds.redirects === 0) {
      return asking.read(calledOf(call, answer), env, item);
    }
    redirects += 1;
    attempt = 1;
    call.hop = followed(call, next, redirects);
  }
}

const calledOf = (
  { hop, isSpent, isLater }: Call,
  answer: WireAnswer,
  askedMs?: number,
): Called => ({
  answer,
  to: hop.to,
  askedMs,
  spent: isSpent,
  later: isLater,
});

function followed({ hop, bounds }: Call, next: Hop, redirects: number): Hop {
  if (redirects <= bounds.redirects) return next;
  const message = `${placeOf(hop.to.url)} redirects to ${said(placeOf(next.to.url))}: more than ${bounds.redirects} redirects are not followed.`;
  throw new PermanentError(message, { code: 'REDIRECT' });
}

function newCall<T>(env: HttpEnv, item: HttpItem, asking: Asking<T>): Call {
  const { plan } = env;
  const { options } = asking;
  if (env.quotas === undefined && typeof options.quota === 'string') {
    throw unknownQuota(options.quota, []);
  }
  const bounds = isBounded(options) ? boundsOf(options, plan, '') : plan;
  const hop = firstHop(env, asking);
  const itemEnd = item.startedAt + env.itemTimeoutMs;
  const repeats = mayRepeat(hop.method, options);
  const tries = repeats ? (bounds.tries ?? env.tries) : 1;
  return {
    options,
    bounds,
    tries,
    deadline:
      bounds.totalMs === undefined
        ? itemEnd
        : Math.min(env.clock.monotonic() + bounds.totalMs, itemEnd),
    isSpent: tries > 1 || !repeats,
    isLater: tries > 1 && bounds.totalMs === undefined && plan.whenDown === 'wait',
    hop,
  };
}

const isBounded = (options: RequestOptionsWithBody): boolean =>
  options.requestTimeout !== undefined ||
  options.totalTimeout !== undefined ||
  options.maxBytes !== undefined ||
  options.tries !== undefined ||
  options.redirects !== undefined;

interface Met {
  call: Call;
  one: Try;
  attempt: number;
  answer: WireAnswer | undefined;
  error: unknown;
}

/** What came of a try was no good: waits for the next one; false when the answer stands. Throws what else the call ends with. */
async function isAgain(env: HttpEnv, item: HttpItem, met: Met): Promise<boolean> {
  const { clock, plan } = env;
  const { call, one, attempt, answer } = met;
  const error = answer === undefined ? errorOf(met) : undefined;
  const { fault } = (met.error ?? {}) as Partial<WireFault>;
  if (answer === undefined && fault !== 'network' && fault !== 'timeout') throw error;
  const askedMs = answer && askedBy(answer, clock.now());
  if (answer !== undefined) await tellQuotas(env, item, { call, answer, askedMs });
  const leftMs = call.deadline - clock.monotonic() - LAST_MS;
  const facts = { attempt, tries: call.tries, askedMs, backoff: env.backoff, leftMs };
  const next = nextTry({ ...facts, random: env.random() });
  if (next.do === 'later' && plan.whenDown === 'wait' && call.bounds.totalMs === undefined) {
    item.log.warn('the remote asks to be left alone', { host: one.host, askedMs });
    throw putBack(env, item, next.waitMs);
  }
  if (next.do !== 'again') {
    if (answer !== undefined) return false;
    throw call.isSpent ? spent(error as Error) : error;
  }
  env.waiting();
  await clock.sleep(next.waitMs, item.signal);
  if (item.signal.aborted) throw item.signal.reason;
  return true;
}

/** A try that would begin later than this before the end could not get an answer. */
const LAST_MS = 50;

function errorOf({ call, one, error }: Met): unknown {
  const { requestMs, totalMs } = call.bounds;
  // A time of the call's own is told as it was set: what was left of it differs from one machine to the next.
  const timeoutMs = one.isCut ? (totalMs as number) : requestMs;
  return faultError(error, { url: call.hop.to.url, timeoutMs, maxBytes: one.maxBytes });
}

function tryOf(
  { plan, clock }: HttpEnv,
  item: HttpItem,
  { call, retry }: { call: Call; retry: boolean },
): Try {
  const { options, bounds, deadline, hop } = call;
  // The item's own end comes by its signal: only a total of the call's own cuts a try short here.
  const leftMs = bounds.totalMs === undefined ? Infinity : deadline - clock.monotonic();
  return {
    origin: hop.to.origin,
    path: hop.to.path,
    method: hop.method,
    headers: hop.headers,
    body: hop.body,
    timeoutMs: Math.max(1, Math.ceil(Math.min(bounds.requestMs, leftMs))),
    maxBytes: bounds.maxBytes,
    connections: plan.connections,
    guard: plan.guard ? plan : undefined,
    signal: item.aborting,
    host: hop.to.host,
    isCut: leftMs < bounds.requestMs,
    retry,
    quota: options.quota ?? plan.quota,
    key: options.key,
    deadline,
    pass: undefined,
    sentAt: 0,
  };
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

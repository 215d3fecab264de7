import { admitted, closedPass, isGivenUp, newBreaker, type Pass } from '../core/breaker.ts';
import { RetryableError, spent, UnavailableError } from '../core/errors.ts';
import { newSemaphore } from '../pool/semaphore.ts';
import type { WireAnswer, WireRequest } from '../ports/http.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { type Try, tell, told } from './http-told.ts';
import { itemQuota } from './item-quota.ts';

/** Looks at a closed door this often: whoever probes may have opened it. */
const LOOK_MS = 250;
/** Nothing is put back for less: each time costs a few writes. */
const LEAST_MS = 1_000;
/** Left of an item's time when it is put back: its own time-out must not come first. */
const MARGIN_MS = 250;

/**
 * Sends a request for which nothing is to be waited: most calls of most jobs. Whoever gets the promise tells what came
 * of it by `told`: to do that here would take a promise more, which lives as long as the call.
 */
export function sendAtOnce(env: HttpEnv, one: Try): Promise<WireAnswer> | undefined {
  const { plan, quotas } = env;
  const ready = env.host.ready();
  if (ready === undefined || plan.connections !== undefined) return undefined;
  if (quotas !== undefined && one.quota !== false) return undefined;
  if (plan.breaker !== undefined) {
    one.pass = closedPass(breakerOf(env, one.host));
    if (one.pass === undefined) return undefined;
  }
  one.sentAt = env.clock.monotonic();
  return ready.wire.send(one);
}

/** Sends one request when breaker and quota let it. Rejects with what the wire met, or with why it was not sent. */
export async function sendInTurn(env: HttpEnv, item: HttpItem, one: Try): Promise<WireAnswer> {
  const { wire } = await env.host.client();
  const release = await permitOf(env, one);
  try {
    for (;;) {
      one.pass = await passOf(env, item, one);
      const answer = await underQuota(env, item, {
        one,
        send: () => sendNow(env, item, { one, wire }),
      });
      if (answer !== undefined) return answer;
    }
  } finally {
    release?.();
  }
}

/** Before the slot of a quota: a call must go out at the very moment that its slot is good for. */
async function permitOf({ plan, host }: HttpEnv, one: Try): Promise<(() => void) | undefined> {
  if (plan.connections === undefined) return undefined;
  const { origin, signal } = one;
  const permits = host.permits.get(origin) ?? newSemaphore(plan.connections);
  host.permits.set(origin, permits);
  const release = await permits.acquire();
  if (!signal?.aborted) return release;
  release();
  throw signal.reason;
}

interface Sending {
  one: Try;
  wire: { send(request: WireRequest): Promise<WireAnswer> };
}

/** Undefined when the breaker opened while the call waited for its slot. */
async function underQuota(
  env: HttpEnv,
  item: HttpItem,
  { one, send }: { one: Try; send(): Promise<WireAnswer | undefined> },
): Promise<WireAnswer | undefined> {
  if (one.quota === false || env.quotas === undefined) return send();
  const quota = itemQuota(env.quotas, item, { name: one.quota, key: one.key });
  let sent = false;
  try {
    return await quota.call(() => {
      sent = true;
      return send();
    });
  } finally {
    if (!sent) tell(env, item, { one, result: 'none' });
  }
}

async function sendNow(
  env: HttpEnv,
  item: HttpItem,
  { one, wire }: Sending,
): Promise<WireAnswer | undefined> {
  const { pass } = one;
  if (pass !== undefined && env.host.breakers.get(one.host)?.era !== pass.era) return undefined;
  one.sentAt = env.clock.monotonic();
  let answer: WireAnswer;
  try {
    answer = await wire.send(one);
  } catch (error) {
    told(env, item, { one, answer: undefined, error });
    throw error;
  }
  told(env, item, { one, answer, error: undefined });
  return answer;
}

/** Waits while the breaker is open, as long as the item can; undefined without a breaker. */
async function passOf(env: HttpEnv, item: HttpItem, one: Try): Promise<Pass | undefined> {
  const { plan, host, clock } = env;
  if (plan.breaker === undefined) return undefined;
  const name = one.host;
  for (;;) {
    const now = clock.monotonic();
    const { state, pass } = admitted(breakerOf(env, name), now);
    host.breakers.set(name, state);
    if (pass !== undefined) return pass;
    const wait = state.mode === 'open' ? state.until - now : LOOK_MS;
    const ends = Math.min(one.deadline, item.startedAt + env.itemTimeoutMs) - MARGIN_MS;
    if (isGivenUp(state, plan.breaker) || now + wait >= ends) throw closedDoor(env, item, name);
    env.waiting();
    await clock.sleep(Math.min(wait, LOOK_MS), item.signal);
    if (one.signal?.aborted) throw one.signal.reason;
  }
}

/** Hosts whose breakers are kept: URLs of an input may name any number of them. */
const MAX_BREAKERS = 10_000;

function breakerOf({ host }: HttpEnv, name: string) {
  const known = host.breakers.get(name);
  if (known !== undefined) return known;
  if (host.breakers.size >= MAX_BREAKERS) {
    host.breakers.delete(host.breakers.keys().next().value as string);
  }
  const fresh = newBreaker();
  host.breakers.set(name, fresh);
  return fresh;
}

/** The host stays down for longer than the item can wait. */
function closedDoor(env: HttpEnv, item: HttpItem, name: string): Error {
  const { plan, clock } = env;
  const state = breakerOf(env, name);
  const code = 'CIRCUIT_OPEN';
  if (plan.whenDown === 'fail') {
    return spent(new RetryableError(`${name} is down: its last calls failed.`, { code }));
  }
  if (plan.breaker !== undefined && isGivenUp(state, plan.breaker)) {
    const message = `${name} is down: no good answer in ${state.openings} openings of its circuit breaker. Resume when it is back.`;
    return new UnavailableError(message, { code, retry: false });
  }
  return putBack(env, item, Math.max(LEAST_MS, state.until - clock.monotonic()));
}

/** Has the item run again in `waitMs`, without an outcome until then. What it returns is thrown, for the engine. */
export function putBack(env: HttpEnv, item: HttpItem, waitMs: number): Error {
  item.putBackUntil = env.clock.now() + waitMs;
  return spent(
    new RetryableError('The remote is not to be called in time: the item runs again later.', {
      code: 'HTTP_WAIT',
    }),
  );
}

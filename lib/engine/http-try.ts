import {
  admitted,
  type CallResult,
  closedPass,
  isGivenUp,
  newBreaker,
  type Pass,
  settled,
} from '../core/breaker.ts';
import { RetryableError, spent, UnavailableError } from '../core/errors.ts';
import { newSemaphore } from '../pool/semaphore.ts';
import type { WireAnswer, WireFault, WireRequest } from '../ports/http.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { askedBy } from './http-errors.ts';
import { itemQuota } from './item-quota.ts';

/** One try of a request, and by what it is bounded. */
export interface Try {
  wire: WireRequest;
  /** What its breaker and its figures go by: the URL's host. */
  host: string;
  /** Its own time is what is left of the call's total. */
  isCut: boolean;
  /** Second and later ones are counted apart. */
  retry: boolean;
  quota: string | false | undefined;
  key: string | undefined;
  /** When the call's time is over, by the clock that never jumps. */
  deadline: number;
}

/** Looks at a closed door this often: whoever probes may have opened it. */
const LOOK_MS = 250;
/** Nothing is put back for less: each time costs a few writes. */
const LEAST_MS = 1_000;
/** Left of an item's time when it is put back: its own time-out must not come first. */
const MARGIN_MS = 250;

/** Sends one request when breaker and quota let it. Rejects with what the wire met, or with why it was not sent. */
export function sendOnce(env: HttpEnv, item: HttpItem, one: Try): Promise<WireAnswer> {
  const { host, plan, quotas } = env;
  const ready = host.ready();
  // Nothing to wait for: most calls of most jobs.
  if (
    ready !== undefined &&
    plan.connections === undefined &&
    (quotas === undefined || one.quota === false)
  ) {
    if (plan.breaker === undefined) {
      return sendNow(env, item, { one, pass: undefined, wire: ready.wire });
    }
    const pass = closedPass(breakerOf(env, one.host));
    if (pass !== undefined) return sendNow(env, item, { one, pass, wire: ready.wire });
  }
  return sendInTurn(env, item, one);
}

async function sendInTurn(env: HttpEnv, item: HttpItem, one: Try): Promise<WireAnswer> {
  const { wire } = await env.host.client();
  const release = await permitOf(env, one);
  try {
    for (;;) {
      const pass = await passOf(env, item, one);
      const send = () => sendWith(env, item, { one, pass, wire });
      const answer = await underQuota(env, item, { one, pass, send });
      if (answer !== undefined) return answer;
    }
  } finally {
    release?.();
  }
}

/** Before the slot of a quota: a call must go out at the very moment that its slot is good for. */
async function permitOf({ plan, host }: HttpEnv, { wire }: Try): Promise<(() => void) | undefined> {
  if (plan.connections === undefined) return undefined;
  const { origin } = wire;
  const permits = host.permits.get(origin) ?? newSemaphore(plan.connections);
  host.permits.set(origin, permits);
  const release = await permits.acquire();
  if (!wire.signal?.aborted) return release;
  release();
  throw wire.signal.reason;
}

interface Sending {
  one: Try;
  pass: Pass | undefined;
  wire: { send(request: WireRequest): Promise<WireAnswer> };
}

/** Undefined when the breaker opened while the call waited for its slot. */
async function underQuota(
  env: HttpEnv,
  item: HttpItem,
  { one, pass, send }: Omit<Sending, 'wire'> & { send(): Promise<WireAnswer | undefined> },
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
    if (!sent && pass !== undefined) tell(env, item, { one, pass, result: 'none' });
  }
}

async function sendWith(
  env: HttpEnv,
  item: HttpItem,
  sending: Sending,
): Promise<WireAnswer | undefined> {
  const { one, pass } = sending;
  if (pass !== undefined && env.host.breakers.get(one.host)?.era !== pass.era) return undefined;
  return sendNow(env, item, sending);
}

async function sendNow(env: HttpEnv, item: HttpItem, sending: Sending): Promise<WireAnswer> {
  const { clock, meter } = env;
  const { one, pass, wire } = sending;
  const startedAt = clock.monotonic();
  let result: CallResult = 'none';
  let askedMs: number | undefined;
  const met = (limited: boolean): void => {
    const ms = clock.monotonic() - startedAt;
    meter.call(one.host, { ms, retry: one.retry, limited, bad: result === 'bad' });
  };
  try {
    const answer = await wire.send(one.wire);
    item.putBackUntil = undefined;
    result = answer.status >= 500 ? 'bad' : 'good';
    if (result === 'good' && answer.status !== 429) env.host.refusals.answered(one.host);
    met(answer.status === 429);
    if (result === 'bad') askedMs = askedBy(answer, clock.now());
    return answer;
  } catch (error) {
    const { fault } = error as Partial<WireFault>;
    if (fault === 'network' || fault === 'timeout') result = 'bad';
    // It was answered, with too much or in a form that nobody reads.
    else if (fault === 'too large' || fault === 'encoding') result = 'good';
    if (fault !== undefined && fault !== 'address') met(false);
    throw error;
  } finally {
    if (pass !== undefined) tell(env, item, { one, pass, result, askedMs });
  }
}

/** Tells the breaker what came of a call. */
function tell(
  env: HttpEnv,
  item: HttpItem,
  {
    one,
    pass,
    result,
    askedMs = 0,
  }: Pick<Sending, 'one'> & {
    pass: Pass;
    result: CallResult;
    askedMs?: number | undefined;
  },
): void {
  const { plan, host, clock, meter } = env;
  const name = one.host;
  const before = host.breakers.get(name);
  if (plan.breaker === undefined || before === undefined) return;
  const now = clock.monotonic();
  // A host's random numbers may come from its crypto module: none is drawn for an answer that changes nothing.
  const random = result === 'bad' ? env.random() : 0;
  const state = settled(before, plan.breaker, { pass, result, now, askedMs, random });
  if (state === before) return;
  host.breakers.set(name, state);
  if (state.openings <= before.openings) return;
  meter.opened(name);
  item.log.warn('circuit breaker opened', {
    host: name,
    openings: state.openings,
    probeInMs: Math.round(state.until - now),
  });
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
    if (one.wire.signal?.aborted) throw one.wire.signal.reason;
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

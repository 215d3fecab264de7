import { type CallResult, type Pass, settled } from '../core/breaker.ts';
import type { WireAnswer, WireFault, WireRequest } from '../ports/http.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { askedBy } from './http-errors.ts';

/** One try of a request, and by what it is bounded. */
export interface Try extends WireRequest {
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
  /** What its breaker gave it, if there is one. */
  pass: Pass | undefined;
  /** When it was sent, by that clock. */
  sentAt: number;
}

/** Tells figures, breaker and refusals what came of a request. */
export function told(
  env: HttpEnv,
  item: HttpItem,
  { one, answer, error }: { one: Try; answer: WireAnswer | undefined; error: unknown },
): void {
  if (answer === undefined) missed(env, item, { one, error });
  else answered(env, item, { one, answer });
}

function answered(
  env: HttpEnv,
  item: HttpItem,
  { one, answer }: { one: Try; answer: WireAnswer },
): void {
  const { status } = answer;
  item.putBackUntil = undefined;
  const bad = status >= 500;
  if (!bad && status !== 429) env.host.refusals.answered(one.host);
  count(env, one, { limited: status === 429, bad });
  const askedMs = bad ? askedBy(answer, env.clock.now()) : undefined;
  tell(env, item, { one, result: bad ? 'bad' : 'good', askedMs });
}

/** There was no answer, or none that can be read. */
function missed(env: HttpEnv, item: HttpItem, { one, error }: { one: Try; error: unknown }): void {
  const { fault } = error as Partial<WireFault>;
  const bad = fault === 'network' || fault === 'timeout';
  // It was answered, with too much or in a form that nobody reads.
  const good = fault === 'too large' || fault === 'encoding';
  if (fault !== undefined && fault !== 'address') count(env, one, { limited: false, bad });
  tell(env, item, { one, result: bad ? 'bad' : good ? 'good' : 'none' });
}

function count(
  { clock, meter }: HttpEnv,
  { host, sentAt, retry }: Try,
  { limited, bad }: { limited: boolean; bad: boolean },
): void {
  meter.call(host, { ms: clock.monotonic() - sentAt, retry, limited, bad });
}

interface Told {
  one: Try;
  result: CallResult;
  askedMs?: number | undefined;
}

/** Tells the breaker what came of a call. */
export function tell(env: HttpEnv, item: HttpItem, { one, result, askedMs = 0 }: Told): void {
  const { plan, host, clock, meter } = env;
  const { host: name, pass } = one;
  const before = host.breakers.get(name);
  if (pass === undefined || plan.breaker === undefined || before === undefined) return;
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

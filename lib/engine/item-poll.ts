import { createHash } from 'node:crypto';
import { RetryableError, retryAfterOf, StalledError, toItemError } from '../core/errors.ts';
import {
  afterCheck,
  dueAt,
  newPoll,
  type OpenPoll,
  type PollAnswer,
  type PollOptions,
  type PollPlan,
  pollPlan,
  type Remotes,
} from '../core/poll.ts';
import type { Clock } from '../ports/clock.ts';
import { SLICE_MS, WAIT_MS } from './parking.ts';
import type { Polls } from './polls.ts';

/** An item, as its polls see it. */
export interface PollItem {
  readonly index: number;
  /** Its place in the chunk. */
  place: number;
  /** Work of the round before that is still to be asked for. */
  remotes: Remotes | undefined;
  /** Not due for a while: it is to run again from then on, ms since 1970. */
  parkedUntil: number | undefined;
  /** As a quota or a host put it back. */
  putBackUntil: number | undefined;
  /** Its time-out begins anew. */
  restartTimeout(inMs?: number): void;
  readonly signal: AbortSignal;
}

export interface PollEnv {
  polls: Polls;
  clock: Clock;
  /** Begins the idempotency keys: names the batch and the round. */
  name: string;
  /** Told while a worker waits. */
  waiting?: (() => void) | undefined;
}

export interface PollCall<T> {
  /** Which poll of the item this is. */
  name: string;
  submit(call: { idempotencyKey: string }): string | Promise<string>;
  check(remoteId: string): PollAnswer<T> | Promise<PollAnswer<T>>;
  options: PollOptions | undefined;
}

const MAX_ID = 1024;

/** Submits once, then checks until the remote is done. What is thrown to park the item is for the engine. */
export async function pollRemote<T>(env: PollEnv, item: PollItem, call: PollCall<T>): Promise<T> {
  const plan = pollPlan(call.options);
  const at = item.place;
  let poll = env.polls.find(at, call.name) ?? (await submitted(env, item, { call, plan }));
  for (;;) {
    await untilDue(env, item, poll);
    // Each check has the item's whole time-out.
    item.restartTimeout();
    const answer = await checked(call, poll.id);
    // A check that found no slot, or no host, in time comes at its own time.
    item.putBackUntil = undefined;
    const now = env.clock.now();
    if ('done' in answer) {
      // Where the item runs again after all, it asks for this value at once.
      env.polls.note({ ...poll, checkedAt: now, next: now });
      return answer.done;
    }
    poll = afterCheck(plan, poll, { now, ...answer });
    env.polls.note(poll);
    throwIfOver(plan, poll, now);
  }
}

async function submitted<T>(
  env: PollEnv,
  item: PollItem,
  { call, plan }: { call: PollCall<T>; plan: PollPlan },
): Promise<OpenPoll> {
  const { name } = call;
  const known = item.remotes?.[name];
  const idempotencyKey = `${env.name}/${item.index}/${name}`;
  const id = known ?? (await call.submit({ idempotencyKey }));
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID) {
    throw new TypeError(
      `ctx.poll's submit must give the remote's id, a string of 1 to ${MAX_ID} characters; got ${typeof id === 'string' ? `${id.length} characters` : typeof id}.`,
    );
  }
  const now = env.clock.now();
  const begun = newPoll(plan, { at: item.place, name, id, now });
  // Taken up from the round before: asked at once.
  const poll = known === undefined ? begun : { ...begun, next: now };
  env.polls.note(poll);
  // Saved before it is asked for the first time: from here on nobody submits it again.
  if (!(await env.polls.save())) throw park(item, now);
  return poll;
}

async function untilDue(env: PollEnv, item: PollItem, poll: OpenPoll): Promise<void> {
  const { clock, polls } = env;
  for (;;) {
    const now = clock.now();
    const leftMs = dueAt(poll, now) - now;
    if (leftMs <= 0 && polls.goes()) return;
    if (leftMs > WAIT_MS || !polls.goes()) throw park(item, now + Math.max(0, leftMs));
    item.restartTimeout(leftMs);
    env.waiting?.();
    await clock.sleep(Math.min(leftMs, SLICE_MS), item.signal);
    if (item.signal.aborted) throw item.signal.reason;
  }
}

/** A passing fault of a check is no news: the work goes on, and counts as silent meanwhile. */
async function checked<T>(
  { check }: PollCall<T>,
  id: string,
): Promise<{ done: T } | { seen: string | undefined; waitMs?: number }> {
  let answer: PollAnswer<T>;
  try {
    answer = await check(id);
  } catch (error) {
    if (toItemError(error).kind !== 'retryable') throw error;
    return { seen: undefined, waitMs: retryAfterOf(error) };
  }
  if (typeof answer === 'object' && answer !== null) {
    if ('done' in answer) return answer;
    if ('progress' in answer) return { seen: shortOf(answer.progress) };
  }
  throw new TypeError(
    `ctx.poll's check must give { done: value } or { progress: anything }; got ${JSON.stringify(answer)?.slice(0, 100)}.`,
  );
}

const SHORT_CHARS = 100;
const shortOf = (progress: unknown): string => {
  const text = JSON.stringify(progress) ?? '';
  return text.length <= SHORT_CHARS ? text : createHash('sha256').update(text).digest('hex');
};

function throwIfOver({ stallMs, giveUpMs }: PollPlan, poll: OpenPoll, now: number): void {
  if (poll.silentMs >= stallMs) {
    throw new StalledError(
      `The remote's progress has not changed for ${stallMs / 1000} s: it may still work on it.`,
    );
  }
  if (now - poll.since < giveUpMs) return;
  throw new StalledError(
    `The remote was not done after ${giveUpMs / 1000} s: it may still work on it.`,
    {
      code: 'POLL_GIVEN_UP',
    },
  );
}

/** Ends the item's function; whatever its retry policy says, it does not begin again at once. */
function park(item: PollItem, until: number): Error {
  item.parkedUntil = until;
  return new RetryableError('The item waits for its remote: it runs again later.', {
    code: 'POLL_WAIT',
    retryAfterMs: Number.MAX_SAFE_INTEGER,
  });
}

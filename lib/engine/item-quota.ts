import { RetryableError } from '../core/errors.ts';
import type { Quota } from '../core/job.ts';
import { GRACE_MS, type JobQuota, type QuotaPlan } from '../core/quota.ts';
import type { Clock } from '../ports/clock.ts';
import type { Quotas } from '../ports/quotas.ts';

/** What calls of an item need of the attempt. */
export interface QuotaEnv {
  quotas: readonly JobQuota[];
  port: Quotas;
  clock: Clock;
  itemTimeoutMs: number;
  /** Told while a worker waits for a slot, so that nobody takes it for hanging. */
  waiting?: (() => void) | undefined;
}

/** Slots that were leased before an item started, by the quota's name. */
export type Lent = ReadonlyMap<string, { key: string; slots: number[] }>;

/** An item, as its quotas see it. */
export interface QuotaItem {
  lent: Lent | undefined;
  /** When it began, by the clock that never jumps. */
  startedAt: number;
  /** Calls it has made, over all its tries. */
  calls: number;
  /** No slot came in time: it is to run again from then on, ms since 1970. */
  putBackUntil: number | undefined;
  readonly signal: AbortSignal;
}

/** The quota of that name, for one item; without a name all that the job declares. */
export function itemQuota(
  env: QuotaEnv,
  item: QuotaItem,
  { name, key }: { name: string | undefined; key: string | undefined },
): Quota {
  const needs = plansOf(env.quotas, name).map((plan): Need => {
    const lent = item.lent?.get(plan.name);
    const of = key ?? lent?.key ?? '';
    return { plan, key: of, slots: lent !== undefined && lent.key === of ? lent.slots : [] };
  });
  return {
    async call(make) {
      await slotsFor(env, item, needs);
      item.putBackUntil = undefined;
      item.calls += 1;
      return make();
    },
    async blocked(waitMs) {
      for (const need of needs) await env.port.blocked(need, waitMs);
    },
  };
}

interface Need {
  plan: QuotaPlan;
  key: string;
  /** Leased before, for whichever call comes first. */
  slots: number[];
}

function plansOf(quotas: readonly JobQuota[], name: string | undefined): QuotaPlan[] {
  const plans = quotas.map(({ plan }) => plan);
  // All that there are: a function of the options may give none.
  if (name === undefined) return plans;
  const found = plans.filter((plan) => plan.name === name);
  if (found.length > 0) return found;
  throw unknownQuota(name, plans);
}

export function unknownQuota(name: string, plans: readonly QuotaPlan[]): Error {
  const known = plans.map((plan) => plan.name).join(', ') || 'none';
  return new Error(
    `The job declares no quota '${name}': add it to its quotas (declared: ${known}).`,
  );
}

/** Resolves at the very moment at which a call may be made: a slot of each quota is good then. */
async function slotsFor(env: QuotaEnv, item: QuotaItem, needs: readonly Need[]): Promise<void> {
  if (needs.length === 0) return;
  const mine = new Array<number | undefined>(needs.length).fill(undefined);
  for (;;) {
    for (const [at, need] of needs.entries()) {
      mine[at] ??= need.slots.shift() ?? (await leaseOne(env, item, need));
    }
    const good = await waitUntil(env, Math.max(...(mine as number[])), item.signal);
    if (item.signal.aborted) throw item.signal.reason;
    const now = env.clock.now();
    const late = (slot: number | undefined): boolean => now > (slot ?? 0) + GRACE_MS;
    if (good && !mine.some(late)) return;
    for (const at of mine.keys()) if (late(mine[at])) mine[at] = undefined;
  }
}

async function leaseOne(env: QuotaEnv, item: QuotaItem, need: Need): Promise<number> {
  const leftMs = item.startedAt + env.itemTimeoutMs - env.clock.monotonic();
  const { plan, key } = need;
  const answer = await env.port
    .lease({ plan, key, calls: 1, withinMs: Math.max(0, leftMs) })
    // A store that does not answer is no fault of the item: it runs again a little later.
    .catch(() => ({ freeAt: env.clock.now() + STORE_WAIT_MS }));
  if ('freeAt' in answer) throw tooLate(item, { plan, freeAt: answer.freeAt, env });
  return answer.slots[0] as number;
}

/** Waits until the slot's time; false when its grace is over, or somebody aborted: it is thrown away. */
export async function waitUntil(
  { clock, waiting }: Pick<QuotaEnv, 'clock' | 'waiting'>,
  slot: number,
  signal?: AbortSignal,
): Promise<boolean> {
  // Slices: a clock may jump, and a thread that stands still for long is taken for hanging.
  for (let now = clock.now(); now < slot; now = clock.now()) {
    waiting?.();
    await clock.sleep(Math.min(slot - now, SLICE_MS), signal);
    if (signal?.aborted) return false;
  }
  return clock.now() <= slot + GRACE_MS;
}

const SLICE_MS = 500;
const STORE_WAIT_MS = 1_000;

/** The item is put back, unless its own calls are what used its time up: then it would be for ever. */
function tooLate(
  item: QuotaItem,
  { plan, freeAt, env }: { plan: QuotaPlan; freeAt: number; env: QuotaEnv },
): Error {
  const ownMs = (item.calls * plan.gapUs) / 1000;
  const code = 'QUOTA_WAIT';
  if (ownMs >= env.itemTimeoutMs / 2) {
    return new RetryableError(
      `Quota ${plan.name} had no slot for call ${item.calls + 1} of the item within its itemTimeout of ${env.itemTimeoutMs} ms: raise it, or make fewer calls an item.`,
      { code, retryAfterMs: env.itemTimeoutMs },
    );
  }
  item.putBackUntil = freeAt;
  return new RetryableError(`Quota ${plan.name} has no slot in time: the item runs again later.`, {
    code,
    retryAfterMs: Math.max(1, freeAt - env.clock.now()) + env.itemTimeoutMs,
  });
}

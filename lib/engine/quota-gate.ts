import type { JobQuota } from '../core/quota.ts';
import { GRACE_MS, jobQuotas } from '../core/quota.ts';
import type { Pull } from '../pool/run-bounded.ts';
import type { Hold } from './hold.ts';
import { type Lent, type QuotaEnv, waitUntil } from './item-quota.ts';
import type { AttemptEnv } from './item-run.ts';
import type { Going, Taken } from './record-source.ts';

/** A worker waits so long for its next slot; beyond, its chunk is deferred. */
const WAIT_MS = 5_000;
/** Slots of several quotas fit together after this many looks, or the item asks anew when it needs them. */
const MAX_LOOKS = 3;

/** Lets items start only with the slots of their calls. */
export interface QuotaGate {
  env: QuotaEnv;
  pull(source: Pull<Taken>, going: Going): Pull<Taken>;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Undefined for a job without quotas, which then costs nothing. */
export function newQuotaGate(env: AttemptEnv, hold: Hold): QuotaGate | undefined {
  if (env.job.quotas === undefined || env.quotas === undefined) return undefined;
  const quotas = jobQuotas(env.job, env.options);
  const { itemTimeoutMs } = env.settings;
  const of: QuotaEnv = {
    quotas,
    port: env.quotas,
    clock: env.clock,
    itemTimeoutMs,
    waiting: env.waiting?.bind(env),
  };
  const take = async (source: Pull<Taken>, going: Going): Promise<IteratorResult<Taken>> => {
    if (!going.goes()) return DONE;
    const step = await source.next();
    if (step.done === true || step.value.error !== undefined) return step;
    const lent = await lend(of, step.value, going);
    if (lent === undefined) return DONE;
    if ('freeAt' in lent) {
      hold.defer(lent.freeAt);
      return DONE;
    }
    return { done: false, value: { ...step.value, lent: lent.lent } };
  };
  return {
    env: of,
    pull(source, going) {
      if (quotas.length === 0) return source;
      // One after the other: what is deferred is a row and all behind it, so none of those has run.
      let turn: Promise<unknown> = Promise.resolve();
      return {
        next() {
          const mine = turn.then(() => take(source, going));
          turn = mine.catch(() => undefined);
          return mine;
        },
      };
    },
  };
}

/** Leases and waits for the slots of an item; undefined when it may not start after all. */
async function lend(
  env: QuotaEnv,
  { row }: Taken,
  going: Going,
): Promise<{ lent: Lent } | { freeAt: number } | undefined> {
  const lent = new Map<string, { key: string; slots: number[] }>();
  for (const quota of env.quotas) {
    lent.set(quota.plan.name, { key: keyOf(quota, row), slots: [] });
  }
  // The scarcest first: nothing is leased of the others when it has no slot.
  const scarcest = [...env.quotas].sort((a, b) => b.plan.gapUs - a.plan.gapUs);
  for (let look = 1; look <= MAX_LOOKS; look += 1) {
    for (const { plan } of scarcest) {
      const mine = lent.get(plan.name) as { key: string; slots: number[] };
      const stale = (slot: number): boolean => env.clock.now() > slot + GRACE_MS / 2;
      if (plan.callsPerItem === 0 || (mine.slots[0] !== undefined && !stale(mine.slots[0]))) {
        continue;
      }
      const ask = { plan, key: mine.key, calls: plan.callsPerItem, withinMs: WAIT_MS };
      const answer = await env.port.lease(ask);
      if ('freeAt' in answer) return answer;
      mine.slots.splice(0, mine.slots.length, ...answer.slots);
    }
    const firsts = [...lent.values()].flatMap(({ slots }) => slots.slice(0, 1));
    const start = Math.max(0, ...firsts);
    await waitUntil(env, start);
    if (!going.goes()) return undefined;
    if (firsts.every((slot) => env.clock.now() <= slot + GRACE_MS / 2)) break;
  }
  return { lent };
}

/** A key function that throws fails the item when it asks for the key itself, not the chunk. */
function keyOf({ key }: JobQuota, row: unknown): string {
  try {
    return key === undefined ? '' : String(key(row));
  } catch {
    return '';
  }
}

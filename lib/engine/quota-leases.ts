import { GRACE_MS, type QuotaPlan } from '../core/quota.ts';
import { type QuotaState, takeSlots } from '../pool/quota-slots.ts';
import { newSemaphore } from '../pool/semaphore.ts';
import type { Quotas, SlotAnswer, SlotAsk } from '../ports/quotas.ts';
import type { Engine } from './engine.ts';
import { addChange, leaseChange, planFor, quotaKey, readQuota } from './quota-record.ts';

type LeasePorts = Pick<Engine, 'store' | 'clock' | 'log'> & { random(): number };

/** A block spans at most so much of the quota's time, so that 20 processes take turns within 4 s. */
const BLOCK_US = 200_000;
/** Without spacing: what is thrown away at the end of a burst counts against a long window. */
const MAX_BLOCK_SHARE = 1000;
const MAX_BLOCK = 1000;
const FIRST_BLOCK = 1;
/** Compare-and-set lost so often in a row: with jitter, more than hundreds of rivals need. */
const MAX_RACES = 100;
/** A remote may ask for no more than this: a day, and a look once more. */
const MAX_BLOCKED_MS = 86_400_000;
/** No worker leases further ahead than an item's longest time-out, 870 s; a record beyond it was written by a clock that was wrong. */
const AHEAD_US = 1_000_000_000;

/** What this process knows of one key of a quota. */
interface Known {
  /** Slots that were leased and not given out yet, microseconds. */
  held: number[];
  block: number;
  nextUs: number;
  notBeforeUs: number;
  turn: ReturnType<typeof newSemaphore>;
  /** The record as it stood when it was first seen too far ahead, by the clock that never jumps. */
  ahead: { ver: number; since: number } | undefined;
  told: boolean;
}

/** Keys that are remembered; what is forgotten only costs a read. */
const MAX_KEYS = 10_000;

/** Leases slots of quotas from the checkpoint store: in blocks, by demand, never given back. */
export function newQuotaLeases(ports: LeasePorts): Quotas {
  const known = new Map<string, Known>();
  const knownOf = ({ plan, key }: Pick<SlotAsk, 'plan' | 'key'>): Known => {
    const name = `${plan.name}/${key}`;
    const there = known.get(name);
    if (there !== undefined) return there;
    if (known.size >= MAX_KEYS) known.delete(known.keys().next().value as string);
    const fresh: Known = {
      ...{
        held: [],
        block: FIRST_BLOCK / 2,
        nextUs: 0,
        notBeforeUs: 0,
        ahead: undefined,
        told: false,
      },
      turn: newSemaphore(1),
    };
    known.set(name, fresh);
    return fresh;
  };
  return {
    async lease(ask) {
      const mine = knownOf(ask);
      const done = await mine.turn.acquire();
      try {
        return await leaseInTurn(ports, mine, ask);
      } finally {
        done();
      }
    },
    async blocked(ask, waitMs) {
      const mine = knownOf(ask);
      const ms = Math.min(MAX_BLOCKED_MS, Math.max(0, Number.isFinite(waitMs) ? waitMs : 0));
      // Each clock may be behind this one by twice the skew, which is in the margin.
      const untilUs = Math.ceil((ports.clock.now() + ms) * 1000 + ask.plan.marginUs);
      mine.notBeforeUs = Math.max(mine.notBeforeUs, untilUs);
      const done = await mine.turn.acquire();
      try {
        await writeBlocked(ports, ask, untilUs);
      } catch (error) {
        // This process knows; the others meet the same answer.
        ports.log.warn('cannot tell others to leave a remote alone', { error: String(error) });
      } finally {
        done();
      }
    },
  };
}

async function leaseInTurn(ports: LeasePorts, mine: Known, ask: SlotAsk): Promise<SlotAnswer> {
  const { plan, calls, withinMs } = ask;
  const nowUs = ports.clock.now() * 1000;
  const lastUs = nowUs + withinMs * 1000 + (calls - 1) * plan.gapUs;
  const late = dropUnusable(mine, nowUs);
  // All of a block were wanted: the next may be larger. One was thrown away: demand is less.
  if (late > 0) mine.block = FIRST_BLOCK / 2;
  else if (mine.held.length === 0) mine.block = Math.min(mine.block * 2, largestBlock(plan));
  if (mine.held.length < calls) {
    const count = Math.max(calls - mine.held.length, mine.block);
    const taken = await takeFromStore(ports, mine, { ask, count, lastUs });
    if ('slots' in taken) mine.held.push(...taken.slots);
    else if (mine.held.length === 0) return { freeAt: taken.freeUs / 1000 };
  }
  const first = mine.held[0] as number;
  if (first > nowUs + withinMs * 1000) return { freeAt: first / 1000 };
  return { slots: mine.held.splice(0, calls).map((us) => us / 1000) };
}

/** Slots whose time is over, or that lie where the remote wants to be left alone, are thrown away. */
function dropUnusable(mine: Known, nowUs: number): number {
  const before = mine.held.length;
  // One that lies far ahead was leased before this clock jumped back.
  mine.held = mine.held.filter(
    (us) => us + GRACE_MS * 1000 >= nowUs && us >= mine.notBeforeUs && us < nowUs + AHEAD_US,
  );
  return before - mine.held.length;
}

function largestBlock({ gapUs, long }: QuotaPlan): number {
  const bySpan = gapUs === 0 ? MAX_BLOCK : Math.floor(BLOCK_US / gapUs);
  const byShare = Math.min(...long.map(({ calls }) => Math.floor(calls / MAX_BLOCK_SHARE)));
  return Math.max(1, Math.min(MAX_BLOCK, bySpan, byShare));
}

interface Wanted {
  ask: SlotAsk;
  count: number;
  lastUs: number;
}

type FromStore = { slots: number[] } | { freeUs: number };

async function takeFromStore(ports: LeasePorts, mine: Known, wanted: Wanted): Promise<FromStore> {
  const { ask, count, lastUs } = wanted;
  const key = quotaKey(ask.plan.name, ask.key);
  // What was seen to be leased ahead of now still is: slots behind it need no look.
  if (mine.nextUs >= ports.clock.now() * 1000) {
    const change = addChange(ask.plan, { count, lastUs, nextUs: mine.nextUs });
    const answer = change && (await ports.store.change(key, change));
    if (answer?.record !== undefined) {
      const { state, notBeforeUs } = readQuota(answer.record, ask.plan);
      mine.nextUs = state.nextUs;
      mine.notBeforeUs = Math.max(mine.notBeforeUs, notBeforeUs);
      const from = state.nextUs - count * ask.plan.gapUs;
      return { slots: Array.from({ length: count }, (_, at) => from + at * ask.plan.gapUs) };
    }
  }
  for (let race = 1; race <= MAX_RACES; race += 1) {
    const record = readQuota(await ports.store.read(key), ask.plan);
    mine.notBeforeUs = Math.max(mine.notBeforeUs, record.notBeforeUs);
    const nowUs = ports.clock.now() * 1000;
    const plan = planFor(ask.plan, record, nowUs);
    if (record.spec !== plan.spec) tellOnce(ports, mine, { plan, spec: record.spec });
    const from = mended(ports, mine, { ask, record });
    mine.nextUs = from.nextUs;
    const taken = takeSlots(from, plan, { nowUs, count, lastUs });
    if ('freeUs' in taken) return taken;
    const answer = await ports.store.change(key, leaseChange(record, plan, taken.state));
    if (answer.applied) {
      mine.nextUs = taken.state.nextUs;
      return { slots: taken.slots };
    }
    await ports.clock.sleep(ports.random() * 20);
  }
  return { freeUs: ports.clock.now() * 1000 + 1_000_000 };
}

/**
 * The state to lease from. One that is minutes ahead without anybody being blocked was written by a clock that was
 * wrong. When it has not changed for a whole window on the clock that never jumps, no call of that time is counted
 * any more, and slots begin at now again.
 */
function mended(
  ports: LeasePorts,
  mine: Known,
  { ask: { plan }, record }: { ask: SlotAsk; record: ReturnType<typeof readQuota> },
): QuotaState {
  const { state, ver = 0, notBeforeUs } = record;
  const nowUs = ports.clock.now() * 1000;
  const since = ports.clock.monotonic();
  const tooFar = state.nextUs > nowUs + AHEAD_US + plan.gapUs && notBeforeUs < nowUs;
  if (!tooFar || plan.long.length > 0) {
    mine.ahead = undefined;
    return state;
  }
  if (mine.ahead?.ver !== ver) {
    mine.ahead = { ver, since };
    ports.log.warn('the next slot of a quota is far ahead: did a clock jump back?', {
      quota: plan.name,
      aheadMs: Math.round((state.nextUs - nowUs) / 1000),
      waitsAtMostMs: plan.shortMs + plan.marginUs / 1000,
    });
    return state;
  }
  const over = since - mine.ahead.since > plan.shortMs + plan.marginUs / 1000;
  return over ? { ...state, nextUs: Math.ceil(nowUs) } : state;
}

async function writeBlocked(
  { store, clock, random }: LeasePorts,
  { plan, key: of }: Pick<SlotAsk, 'plan' | 'key'>,
  untilUs: number,
): Promise<void> {
  const key = quotaKey(plan.name, of);
  for (let race = 1; race <= MAX_RACES; race += 1) {
    const record = readQuota(await store.read(key), plan);
    if (record.notBeforeUs >= untilUs) return;
    const state = { ...record.state, nextUs: Math.max(record.state.nextUs, untilUs) };
    const change = leaseChange(
      { ...record, notBeforeUs: untilUs },
      planFor(plan, record, clock.now() * 1000),
      state,
    );
    if ((await store.change(key, change)).applied) return;
    await clock.sleep(random() * 20);
  }
}

function tellOnce(
  { log }: LeasePorts,
  mine: Known,
  { plan, spec }: { plan: QuotaPlan; spec: string },
): void {
  if (mine.told) return;
  mine.told = true;
  log.warn('a quota is declared with other windows elsewhere: the wider spacing holds', {
    quota: plan.name,
    here: plan.spec,
    there: spec,
  });
}

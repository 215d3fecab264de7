import { describe, expect, it } from 'vitest';
import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { RetryableError } from '../../lib/core/errors.ts';
import { type JobQuota, jobQuotas, type QuotaPlan } from '../../lib/core/quota.ts';
import { newHold } from '../../lib/engine/hold.ts';
import { itemQuota, type QuotaEnv, type QuotaItem } from '../../lib/engine/item-quota.ts';
import type { AttemptEnv } from '../../lib/engine/item-run.ts';
import { newQuotaGate } from '../../lib/engine/quota-gate.ts';
import { newQuotaLeases } from '../../lib/engine/quota-leases.ts';
import { quotaKey } from '../../lib/engine/quota-record.ts';
import type { Taken } from '../../lib/engine/record-source.ts';
import type { CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import type { SlotAnswer, SlotAsk } from '../../lib/ports/quotas.ts';

const START = 1_700_000_000_000;

type Declared = Parameters<typeof jobQuotas>[0]['quotas'];
const quotasOf = (quotas: Declared): JobQuota[] => jobQuotas({ name: 'j', quotas } as never, {});
const planOf = (change: object = {}): QuotaPlan =>
  (quotasOf({ api: { calls: 10, per: '1s', ...change } })[0] as JobQuota).plan;

interface WorldOptions {
  refuse?: (changes: number) => boolean;
  startMs?: number;
}

/** One process's leases on a store that is asked about: reads, and changes that were tried. */
function newWorld({ refuse = () => false, startMs = START }: WorldOptions = {}) {
  const clock = memoryClock(startMs);
  const log = memoryLogger();
  const raw = memoryCheckpointStore();
  const asked = { reads: 0, changes: 0 };
  const store: CheckpointStore = {
    ...raw,
    read(key) {
      asked.reads += 1;
      return raw.read(key);
    },
    async change(key, change) {
      asked.changes += 1;
      return refuse(asked.changes)
        ? { applied: false, retried: false, record: undefined }
        : raw.change(key, change);
    },
  };
  const leases = newQuotaLeases({ store, clock, log, random: () => 0.5 });
  const plan = planOf();
  const lease = (ask: Partial<SlotAsk> = {}): Promise<SlotAnswer> =>
    leases.lease({ plan, key: '', calls: 1, withinMs: 60_000, ...ask });
  const record = (key = '') => raw.read(quotaKey('api', key));
  return { clock, log, raw, leases, lease, asked, plan, record };
}

const slotsOf = (answer: SlotAnswer): number[] => ('slots' in answer ? answer.slots : []);

describe('slots of one process', () => {
  it('lie the spacing apart, from now on, in blocks that double while all are wanted', async () => {
    const { lease, plan, asked } = newWorld();
    const all: number[] = [];
    for (let at = 0; at < 12; at += 1) all.push(...slotsOf(await lease()));
    const gap = plan.gapUs / 1000;
    expect(all[0]).toBe(START);
    for (const [at, slot] of all.entries()) expect(slot).toBeCloseTo(START + at * gap, 3);
    // Blocks span 200 ms: with 300 ms from slot to slot each is one. The first is read, the others only added.
    expect(gap).toBeGreaterThan(200);
    expect(asked).toEqual({ reads: 1, changes: 12 });
  });

  it('of a fast quota come in blocks of 1, 2, 4, ... up to 200 ms of it', async () => {
    const { lease, asked } = newWorld();
    const plan = planOf({ calls: 10_000 });
    const changes: number[] = [];
    for (let at = 0; at < 200; at += 1) {
      await lease({ plan });
      changes.push(asked.changes);
    }
    const firsts = changes.flatMap((count, at) => (count > (changes[at - 1] ?? 0) ? [at] : []));
    const sizes = firsts.map((at, n) => (firsts[n + 1] ?? 200) - at);
    const most = Math.floor(200_000 / plan.gapUs);
    expect(sizes.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32].map((size) => Math.min(size, most)));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
  });

  it('several are given at once, as many as were asked for', async () => {
    const { lease, plan } = newWorld();
    const slots = slotsOf(await lease({ calls: 3 }));
    expect(slots.map((slot) => Math.round((slot - START) * 1000))).toEqual(
      [0, 1, 2].map((at) => at * plan.gapUs),
    );
  });

  it('that are not wanted in time are thrown away, and the next block is one again', async () => {
    const { lease, clock } = newWorld();
    const plan = planOf({ calls: 1000 });
    for (let at = 0; at < 8; at += 1) await lease({ plan });
    await clock.advance(5000);
    const [next] = slotsOf(await lease({ plan })) as [number];
    expect(next).toBeGreaterThanOrEqual(START + 5000);
    expect(next).toBeLessThan(START + 5001);
  });

  it('that lie behind the time asked for are named, not given', async () => {
    const { lease, plan } = newWorld();
    await lease();
    const gap = plan.gapUs / 1000;
    expect(await lease({ withinMs: gap - 1 })).toEqual({ freeAt: START + gap });
    expect(await lease({ withinMs: gap })).toEqual({ slots: [START + gap] });
  });

  it('of keys are apart', async () => {
    const { lease, record } = newWorld();
    for (const key of ['', 'a', 'b']) expect(await lease({ key })).toEqual({ slots: [START] });
    expect([await record(), await record('a')]).toMatchObject([{ ver: 1 }, { ver: 1 }]);
  });

  it('of a long window alone share a time, a thousandth of it at once', async () => {
    const { lease, asked } = newWorld();
    const plan = planOf({ calls: 4000, per: '1d' });
    expect(plan.gapUs).toBe(0);
    const all: number[] = [];
    for (let at = 0; at < 12; at += 1) all.push(...slotsOf(await lease({ plan })));
    expect(new Set(all)).toEqual(new Set([START]));
    // 1, 2, 4, 4 and one of the next.
    expect(asked.changes).toBe(5);
  });

  it('are leased anew where a rival was first, with jitter, and not for ever', async () => {
    const first = newWorld({ refuse: (changes) => changes <= 2 });
    const answer = first.lease();
    await first.clock.advance(100);
    expect(slotsOf(await answer)).toEqual([START + 20]);
    expect(first.asked).toEqual({ reads: 3, changes: 3 });
    const never = newWorld({ refuse: () => true });
    const late = never.lease();
    await never.clock.advance(5000);
    expect(await late).toEqual({ freeAt: START + 1000 + 1000 });
    expect(never.asked.changes).toBe(100);
  });
});

describe('a remote that asks to be left alone', () => {
  it('gets no call before, by anybody: the record says it', async () => {
    const { lease, leases, plan, record, raw, clock } = newWorld();
    await lease();
    await leases.blocked({ plan, key: '' }, 7000);
    const until = START + 7000 + plan.marginUs / 1000;
    expect(await record()).toMatchObject({ notBefore: until * 1000, ver: 2 });
    expect(await lease({ withinMs: 1000 })).toEqual({ freeAt: until });
    const other = newQuotaLeases({ store: raw, clock, log: memoryLogger(), random: () => 0 });
    expect(await other.lease({ plan, key: '', calls: 1, withinMs: 0 })).toEqual({ freeAt: until });
    expect(slotsOf(await lease())).toEqual([until]);
    // Less than what is known already changes nothing.
    await leases.blocked({ plan, key: '' }, 10);
    expect(await record()).toMatchObject({ notBefore: until * 1000, ver: 3 });
  });

  it('is left alone for a day at most, and for no time where it asks for none', async () => {
    for (const [asked, ms] of [
      [1e12, 86_400_000],
      [-5, 0],
      [Number.NaN, 0],
      [Number.POSITIVE_INFINITY, 0],
    ] as const) {
      const { leases, plan, record } = newWorld();
      await leases.blocked({ plan, key: '' }, asked);
      expect(await record()).toMatchObject({ notBefore: (START + ms) * 1000 + plan.marginUs });
    }
  });

  it('slots that were leased for that time are not used', async () => {
    const { lease, leases } = newWorld();
    const plan = planOf({ calls: 1000 });
    for (let at = 0; at < 4; at += 1) await lease({ plan });
    await leases.blocked({ plan, key: '' }, 50);
    const [next] = slotsOf(await lease({ plan })) as [number];
    expect(next).toBeGreaterThanOrEqual(START + 50);
  });

  it('a store that refuses is told of, and the process keeps to it all the same', async () => {
    const world = newWorld();
    const { leases, log, plan, raw } = world;
    const broken = newQuotaLeases({
      ...{ clock: world.clock, log, random: () => 0 },
      store: { ...raw, read: () => Promise.reject(new Error('away')) },
    });
    await broken.blocked({ plan, key: '' }, 1000);
    expect(log.lines).toMatchObject([
      {
        ...{ level: 'warn', message: 'cannot tell others to leave a remote alone' },
        fields: { error: 'Error: away' },
      },
    ]);
    await leases.blocked({ plan, key: '' }, 0);
    expect(log.lines).toHaveLength(1);
  });

  it('writes again where a rival was first', async () => {
    const { leases, plan, clock, asked, record } = newWorld({ refuse: (changes) => changes === 1 });
    const told = leases.blocked({ plan, key: '' }, 1000);
    await clock.advance(50);
    await told;
    expect(asked).toEqual({ reads: 2, changes: 2 });
    expect(await record()).toMatchObject({ notBefore: (START + 1000) * 1000 + plan.marginUs });
  });
});

describe('other windows under the same name', () => {
  it('are told of once, and the wider spacing holds for a window', async () => {
    const { lease, log, plan, clock } = newWorld();
    const wide = planOf({ calls: 2 });
    await lease({ plan: wide });
    const gap = wide.gapUs / 1000;
    const slots = slotsOf(await lease({ calls: 2 }));
    expect(slots).toEqual([START + gap, START + 2 * gap]);
    await lease();
    const told = 'a quota is declared with other windows elsewhere: the wider spacing holds';
    expect(log.lines).toEqual([
      { level: 'warn', message: told, fields: { quota: 'api', here: plan.spec, there: wide.spec } },
    ]);
    await clock.advance(60_000);
    const [a, b] = slotsOf(await lease({ calls: 2 })) as [number, number];
    expect(b - a).toBeCloseTo(plan.gapUs / 1000, 3);
  });
});

const item = (change: Partial<QuotaItem> = {}): QuotaItem => ({
  ...{ lent: undefined, startedAt: 0, calls: 0, putBackUntil: undefined },
  signal: new AbortController().signal,
  ...change,
});

/** A port that answers what it is told to, by the quota's name. */
function scripted(quotas: JobQuota[], answer: (ask: SlotAsk, nth: number) => SlotAnswer) {
  const clock = memoryClock(START);
  const asks: SlotAsk[] = [];
  const blocked: [string, string, number][] = [];
  let waits = 0;
  const env: QuotaEnv = {
    ...{ quotas, clock, itemTimeoutMs: 10_000 },
    port: {
      async lease(ask) {
        asks.push(ask);
        return answer(ask, asks.length);
      },
      async blocked({ plan, key }, ms) {
        blocked.push([plan.name, key, ms]);
      },
    },
    waiting: () => {
      waits += 1;
    },
  };
  return { env, clock, asks, blocked, waits: () => waits };
}

const TWO = quotasOf({ api: { calls: 10, per: '1s' }, all: { calls: 5, per: '1s' } });

describe('a call of an item', () => {
  it('is made when a slot of each quota is good, and counted', async () => {
    const { env, clock, asks, waits } = scripted(TWO, ({ plan }, nth) => ({
      slots: [START + (plan.name === 'api' && nth === 1 ? 300 : 1200)],
    }));
    const mine = item({ putBackUntil: 5 });
    let made = 0;
    const call = itemQuota(env, mine, { name: undefined, key: 'k' }).call(async () => {
      made = clock.monotonic();
      return 'answer';
    });
    await clock.advance(1199);
    expect(made).toBe(0);
    await clock.advance(1);
    expect(await call).toBe('answer');
    expect([made, mine.calls, mine.putBackUntil]).toEqual([1200, 1, undefined]);
    // In slices of half a second, each of which says that somebody waits here.
    expect(waits()).toBe(3);
    // The first one's grace was over by then, so it was leased anew.
    expect(
      asks.map(({ plan, key, calls, withinMs }) => [plan.name, key, calls, withinMs]).slice(0, 2),
    ).toEqual([
      ['api', 'k', 1, 10_000],
      ['all', 'k', 1, 10_000],
    ]);
  });

  it('takes the slots that were lent for its key first, and asks for no more time than is left', async () => {
    const { env, clock, asks } = scripted(TWO.slice(0, 1), () => ({ slots: [START + 500] }));
    await clock.advance(400);
    const lent = new Map([['api', { key: 'k', slots: [START + 400] }]]);
    const mine = item({ lent });
    const quota = itemQuota(env, mine, { name: 'api', key: undefined });
    await quota.call(async () => undefined);
    expect(asks).toEqual([]);
    const second = quota.call(async () => undefined);
    await clock.advance(100);
    await second;
    expect(asks).toMatchObject([{ key: 'k', withinMs: 9600 }]);
    const other = new Map([['api', { key: 'other', slots: [START + 500] }]]);
    await itemQuota(env, item({ lent: other }), { name: 'api', key: 'k' }).call(
      async () => undefined,
    );
    expect(asks).toHaveLength(2);
  });

  it('a slot whose grace is over is leased anew, one within it is used', async () => {
    for (const [late, wanted] of [
      [500, 1],
      [501, 2],
    ] as const) {
      const { env, clock, asks } = scripted(TWO.slice(0, 1), (_, nth) => ({
        slots: [nth === 1 ? START : START + 501],
      }));
      await clock.advance(late);
      await itemQuota(env, item(), { name: 'api', key: '' }).call(async () => undefined);
      expect(asks).toHaveLength(wanted);
    }
  });

  it('without a slot in time the item is put back, and says until when', async () => {
    const { env } = scripted(TWO.slice(0, 1), () => ({ freeAt: START + 20_000 }));
    const mine = item();
    const call = itemQuota(env, mine, { name: 'api', key: '' }).call(async () => undefined);
    await expect(call).rejects.toMatchObject({
      ...{ kind: 'retryable', code: 'QUOTA_WAIT', retryAfterMs: 30_000 },
      message: 'Quota api has no slot in time: the item runs again later.',
    });
    expect(mine).toMatchObject({ putBackUntil: START + 20_000, calls: 0 });
  });

  it('an item whose own calls used half of its time up fails', async () => {
    const { env } = scripted(TWO.slice(0, 1), () => ({ freeAt: START - 5 }));
    const gap = (TWO[0] as JobQuota).plan.gapUs / 1000;
    const enough = Math.ceil(5000 / gap);
    const quota = (mine: QuotaItem) =>
      itemQuota(env, mine, { name: 'api', key: '' }).call(async () => 0);
    const few = item({ calls: enough - 1 });
    await expect(quota(few)).rejects.toMatchObject({ retryAfterMs: 10_001 });
    expect(few.putBackUntil).toBe(START - 5);
    const many = item({ calls: enough });
    const error = await quota(many).catch((thrown: RetryableError) => thrown);
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({
      ...{ code: 'QUOTA_WAIT', retryAfterMs: 10_000 },
      message: `Quota api had no slot for call ${enough + 1} of the item within its itemTimeout of 10000 ms: raise it, or make fewer calls an item.`,
    });
    expect(many.putBackUntil).toBeUndefined();
  });

  it('a store that does not answer puts the item back for a second', async () => {
    const { env, asks } = scripted(TWO.slice(0, 1), () => {
      throw new Error('away');
    });
    const mine = item({ startedAt: -20_000 });
    await expect(
      itemQuota(env, mine, { name: 'api', key: '' }).call(async () => 0),
    ).rejects.toMatchObject({
      retryAfterMs: 11_000,
    });
    expect([mine.putBackUntil, asks[0]?.withinMs]).toEqual([START + 1000, 0]);
  });

  it('an abort while it waits ends it with its reason', async () => {
    const abort = new AbortController();
    const { env, clock } = scripted(TWO.slice(0, 1), () => ({ slots: [START + 3000] }));
    const call = itemQuota(env, item({ signal: abort.signal }), { name: 'api', key: '' })
      .call(async () => 'made')
      .catch((error: Error) => error.message);
    await clock.advance(100);
    abort.abort(new Error('late'));
    await clock.advance(1);
    expect(await call).toBe('late');
  });

  it('tells each of its quotas to leave the remote alone', async () => {
    const { env, blocked } = scripted(TWO, () => ({ slots: [] }));
    await itemQuota(env, item(), { name: undefined, key: 'k' }).blocked(70);
    await itemQuota(env, item(), { name: 'all', key: undefined }).blocked(5);
    expect(blocked).toEqual([
      ['api', 'k', 70],
      ['all', 'k', 70],
      ['all', '', 5],
    ]);
  });

  it('a name that is not declared is told, and no quota at all is no wait', async () => {
    const { env } = scripted(TWO, () => ({ slots: [] }));
    expect(() => itemQuota(env, item(), { name: 'none', key: '' })).toThrow(
      "The job declares no quota 'none': add it to its quotas (declared: api, all).",
    );
    const bare = { ...env, quotas: [] };
    expect(() => itemQuota(bare, item(), { name: 'x', key: '' })).toThrow('(declared: none).');
    expect(await itemQuota(bare, item(), { name: undefined, key: '' }).call(async () => 1)).toBe(1);
  });
});

describe('the gate before items', () => {
  const takenOf = (row: unknown, change: Partial<Taken> = {}): Taken =>
    ({ position: 0, index: 0, row, raw: '', error: undefined, ...change }) as Taken;
  const gateOf = (
    quotas: Declared,
    answer: (ask: SlotAsk, nth: number) => SlotAnswer,
    rows: Taken[] = [takenOf('a'), takenOf('b')],
  ) => {
    const world = scripted(quotasOf(quotas), answer);
    const hold = newHold();
    const settings = { itemTimeoutMs: 10_000 };
    const job = { name: 'j', quotas };
    const env = { job, settings, options: {}, quotas: world.env.port, clock: world.clock };
    const gate = newQuotaGate(env as unknown as AttemptEnv, hold);
    let stopped = false;
    const going = { goes: () => hold.free() && !stopped };
    const source = {
      next: async () =>
        rows.length > 0
          ? { done: false as const, value: rows.shift() as Taken }
          : { done: true as const, value: undefined },
    };
    const pull = gate?.pull(source, going);
    const next = () => pull?.next() as Promise<IteratorResult<Taken>>;
    return {
      ...world,
      hold,
      next,
      rows,
      gate,
      source,
      stop: () => {
        stopped = true;
      },
    };
  };
  const ONE: Declared = { api: { calls: 10, per: '1s', key: (row) => String(row) } };

  it('is none for a job without quotas, and lets all through where its options give none', () => {
    const job = { name: 'j' };
    expect(newQuotaGate({ job, quotas: {} } as unknown as AttemptEnv, newHold())).toBeUndefined();
    const none = gateOf({}, () => ({ slots: [] }));
    const { gate, source } = none;
    expect(gate?.pull(source, { goes: () => true })).toBe(source);
  });

  it('lets an item start at its slot, with the slot and its key', async () => {
    const { next, clock, asks } = gateOf(ONE, () => ({ slots: [START + 70] }));
    const step = next();
    await clock.advance(69);
    let started = false;
    void step.then(() => {
      started = true;
    });
    await clock.advance(0);
    expect(started).toBe(false);
    await clock.advance(1);
    expect(await step).toMatchObject({ done: false, value: { row: 'a' } });
    expect(((await step).value as Taken).lent).toEqual(
      new Map([['api', { key: 'a', slots: [START + 70] }]]),
    );
    expect(asks).toMatchObject([{ key: 'a', calls: 1, withinMs: 5000 }]);
  });

  it('one without a slot defers the chunk: nothing behind it starts', async () => {
    const { next, hold, rows } = gateOf(ONE, () => ({ freeAt: START + 9000 }));
    expect(await next()).toEqual({ done: true, value: undefined });
    expect(hold.deferredTo()).toBe(START + 9000);
    expect(await next()).toEqual({ done: true, value: undefined });
    expect(rows).toHaveLength(1);
  });

  it('one that cannot be read needs no slot, and the end is the end', async () => {
    const bad = takenOf('x', { error: { kind: 'invalid' } as never });
    const { next, asks } = gateOf(ONE, () => ({ slots: [START] }), [bad]);
    expect(await next()).toEqual({ done: false, value: bad });
    expect(await next()).toEqual({ done: true, value: undefined });
    expect(asks).toEqual([]);
  });

  it('a stop while it waits starts nothing', async () => {
    const { next, clock, stop, rows } = gateOf(ONE, () => ({ slots: [START + 50] }));
    const step = next();
    await clock.advance(1);
    stop();
    await clock.advance(49);
    expect(await step).toEqual({ done: true, value: undefined });
    expect(await next()).toEqual({ done: true, value: undefined });
    expect(rows).toHaveLength(1);
  });

  it('asks the scarcest quota first, and none that needs no slot', async () => {
    const quotas: Declared = {
      fast: { calls: 100, per: '1s' },
      slow: {
        calls: 1,
        per: '1s',
        key: () => {
          throw new Error('no key');
        },
      },
    };
    const { next, asks } = gateOf(quotas, () => ({ slots: [START] }));
    await next();
    expect(asks.map(({ plan, key }) => [plan.name, key])).toEqual([
      ['slow', ''],
      ['fast', ''],
    ]);
  });

  it('a slot that is stale once the other is there is leased anew, three looks at most', async () => {
    const quotas: Declared = { fast: { calls: 100, per: '1s' }, slow: { calls: 1, per: '1s' } };
    const { next, clock, asks } = gateOf(quotas, ({ plan }, nth) => ({
      slots: [START + (plan.name === 'slow' ? 1000 : nth > 2 ? 1000 : 0)],
    }));
    const step = next();
    await clock.advance(1000);
    expect(((await step).value as Taken).lent?.get('fast')?.slots).toEqual([START + 1000]);
    expect(asks.map(({ plan }) => plan.name)).toEqual(['slow', 'fast', 'fast']);
    const never = gateOf(quotas, ({ plan }) => ({
      slots: [START + (plan.name === 'slow' ? 1000 : 0)],
    }));
    const late = never.next();
    await never.clock.advance(1000);
    await late;
    expect(never.asks.map(({ plan }) => plan.name)).toEqual(['slow', 'fast', 'fast', 'fast']);
  });
});

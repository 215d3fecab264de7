import { describe, expect, it } from 'vitest';
import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { PermanentError, RetryableError } from '../../lib/core/errors.ts';
import { defineJob, type Job, type Limits } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import { jobQuotas, type QuotaDefinition, type QuotaPlan } from '../../lib/core/quota.ts';
import { inBatches } from '../../lib/core/step.ts';
import { newQuotaLeases } from '../../lib/engine/quota-leases.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { quotaWorld } from '../support/quota-world.ts';
import { mostInWindow } from '../support/rolling-window.ts';

const ITEMS = process.env['SLUICE_FULL'] ? 20_000 : 600;

interface Row {
  n: number;
}
const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, n) => ({ n }));

/** A remote that counts what reaches it on the true clock. */
function remote() {
  const calls: number[] = [];
  let time = (): number => 0;
  return {
    calls,
    on(now: () => number) {
      time = now;
    },
    take(): number {
      calls.push(time());
      return calls.length;
    },
    now: () => time(),
  };
}

type Remote = ReturnType<typeof remote>;

function callJob(
  server: Remote,
  quotas: Record<string, QuotaDefinition>,
  { limits = {}, process }: { limits?: Limits; process?: Job['process'] } = {},
): Job {
  return defineJob<Row, unknown>({
    name: 'calls',
    input: ndjson() as never,
    quotas: quotas as never,
    limits: { chunk: 10, ...limits },
    process:
      (process as never) ??
      (async (row: Row, ctx: Parameters<NonNullable<Job['process']>>[1]) => {
        await ctx.quota().call(() => server.take());
        return ok(row.n);
      }),
  }) as Job;
}

describe('a quota over processes whose clocks differ, in virtual time', () => {
  it('is never exceeded, and 95 % of it is used while there is work', async () => {
    const server = remote();
    const job = callJob(server, { api: { calls: 100, per: '1m' } });
    const world = quotaWorld({ job, rows: rowsOf(ITEMS), processes: 4, skewMs: 500 });
    server.on(world.clock.now);
    await world.run(ITEMS * 6_000);
    expect((await world.batch()).status).toBe('done');
    expect(await world.statuses()).toEqual({ ok: ITEMS });
    expect(mostInWindow(server.calls, 60_000)).toBeLessThanOrEqual(100);
    const minutes = ((server.calls.at(-1) as number) - (server.calls[0] as number)) / 60_000;
    expect(ITEMS / minutes).toBeGreaterThanOrEqual(95);
  }, 300_000);

  it('a slot that is minutes away defers the chunk, more than 16 times, without an attempt or a polling write', async () => {
    const server = remote();
    const job = callJob(server, { api: { calls: 1, per: '2m' } });
    const world = quotaWorld({ job, rows: rowsOf(25), limits: { chunk: 25 }, processes: 1 });
    server.on(world.clock.now);
    await world.run(2 * 3_600_000);
    expect((await world.batch()).status).toBe('done');
    expect(await world.statuses()).toEqual({ ok: 25 });
    expect(mostInWindow(server.calls, 120_000)).toBe(1);
    const deferred = world.answers.filter(({ did }) => did === 'handed back');
    expect(deferred.length).toBeGreaterThan(16);
    expect(deferred.every((one) => 'why' in one && one.why === 'deferred')).toBe(true);
    // A deferral: claim, fence, save, lease, and the sweep's note of what it saw.
    expect(world.changes).toBeLessThan(25 * 7 + 40);
    expect(((server.calls.at(-1) as number) - (server.calls[0] as number)) / 60_000).toBeLessThan(
      52,
    );
  }, 60_000);

  it('counts calls, not items: tries and pages take slots of their own', async () => {
    const server = remote();
    const job = callJob(
      server,
      { api: { calls: 30, per: '10s' } },
      {
        limits: { itemTimeout: '60s' },
        async process(row, ctx) {
          for (let page = 0; page < 3; page += 1) await ctx.quota('api').call(() => server.take());
          if ((row as Row).n % 2 === 0 && ctx.attempt === 1) throw new RetryableError('busy');
          return ok(null);
        },
      },
    );
    const world = quotaWorld({ job, rows: rowsOf(20), processes: 2, skewMs: 500 });
    server.on(world.clock.now);
    await world.run(3_600_000);
    expect(await world.statuses()).toEqual({ ok: 20 });
    expect(server.calls.length).toBe(20 * 3 + 10 * 3);
    expect(mostInWindow(server.calls, 10_000)).toBeLessThanOrEqual(30);
  }, 60_000);

  it('a call without a slot within the item time-out puts the item back, which then runs through', async () => {
    const server = remote();
    const tried = new Map<number, number>();
    const job = callJob(
      server,
      { api: { calls: 10, per: '1m' }, rare: { calls: 1, per: '3m' } },
      {
        limits: { chunk: 5, itemTimeout: '20s', callsPerItem: { api: 1, rare: 0 } },
        async process(row, ctx) {
          const { n } = row as Row;
          tried.set(n, (tried.get(n) ?? 0) + 1);
          await ctx.quota('rare').call(() => server.take());
          return ok(n);
        },
      },
    );
    const world = quotaWorld({ job, rows: rowsOf(5), processes: 1 });
    server.on(world.clock.now);
    await world.run(3_600_000);
    expect(await world.statuses()).toEqual({ ok: 5 });
    expect(server.calls.length).toBe(5);
    expect(mostInWindow(server.calls, 180_000)).toBe(1);
    expect(Math.max(...tried.values())).toBeGreaterThan(1);
  }, 60_000);

  it('an item whose own calls do not fit fails and says so, instead of coming back for ever', async () => {
    const server = remote();
    const job = callJob(
      server,
      { api: { calls: 10, per: '1m' } },
      {
        limits: { itemTimeout: '20s' },
        async process(_, ctx) {
          for (let page = 0; page < 10; page += 1) await ctx.quota().call(() => server.take());
          return ok(null);
        },
      },
    );
    const world = quotaWorld({ job, rows: rowsOf(1), processes: 1 });
    server.on(world.clock.now);
    await world.run(3_600_000);
    expect(await world.statuses()).toEqual({ failed: 1 });
  }, 60_000);

  it.each([1, 3])(
    'a 429 stops %i worker(s) within one call each',
    async (processes) => {
      const server = remote();
      let limitedAt = Number.POSITIVE_INFINITY;
      const refused: number[] = [];
      const job = callJob(
        server,
        { api: { calls: 600, per: '1m' } },
        {
          limits: { concurrency: 1, chunk: 50 },
          async process(row, ctx) {
            const status = await ctx.quota().call(() => {
              if (server.take() === 100) limitedAt = server.now();
              const limited = server.now() >= limitedAt && server.now() < limitedAt + 30_000;
              if (limited) refused.push(server.now());
              return limited ? 429 : 200;
            });
            if (status === 429) {
              await ctx.quota().blocked(limitedAt + 30_000 - server.now());
              throw new RetryableError('429', { retryAfterMs: 1 });
            }
            return ok((row as Row).n);
          },
        },
      );
      const world = quotaWorld({ job, rows: rowsOf(400), processes, skewMs: 200 });
      server.on(world.clock.now);
      await world.run(3_600_000);
      expect(await world.statuses()).toEqual({ ok: 400 });
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThanOrEqual(processes);
      expect(mostInWindow(server.calls, 60_000)).toBeLessThanOrEqual(600);
    },
    60_000,
  );

  it('keys are apart, and several quotas hold at once', async () => {
    const server = remote();
    const perKey = new Map<string, number[]>();
    const job = callJob(
      server,
      {
        all: { calls: 60, per: '1m' },
        tenant: { calls: 10, per: '1m', key: (row) => `t${(row as Row).n % 3}` },
      },
      {
        async process(row, ctx) {
          const tenant = `t${(row as Row).n % 3}`;
          await ctx.quota().call(() => {
            perKey.set(tenant, [...(perKey.get(tenant) ?? []), server.now()]);
            return server.take();
          });
          return ok(null);
        },
      },
    );
    const world = quotaWorld({ job, rows: rowsOf(90), processes: 2, skewMs: 500 });
    server.on(world.clock.now);
    await world.run(3_600_000);
    expect(await world.statuses()).toEqual({ ok: 90 });
    expect(mostInWindow(server.calls, 60_000)).toBeLessThanOrEqual(60);
    expect([...perKey.keys()].sort()).toEqual(['t0', 't1', 't2']);
    for (const times of perKey.values()) {
      expect(mostInWindow(times, 60_000)).toBeLessThanOrEqual(10);
    }
  }, 60_000);
});

it('a group asks for its own slots, and all its rows run again where none comes in time', async () => {
  const server = remote();
  const rowsRun: number[] = [];
  const { process: _, ...parts } = callJob(server, { api: { calls: 1, per: '3m' } });
  const job = {
    ...parts,
    limits: { chunk: 12, itemTimeout: '20s', concurrency: 2 },
    steps: [
      inBatches<Row, unknown>(4, async (rows, ctx) => {
        await ctx.quota('api').call(() => server.take());
        rowsRun.push(...rows.map(({ n }) => n));
        return rows.map(({ n }) => ok(n));
      }),
    ],
  } as unknown as Job;
  const world = quotaWorld({ job, rows: rowsOf(12), processes: 1 });
  server.on(world.clock.now);
  await world.run(3_600_000);
  expect(await world.statuses()).toEqual({ ok: 12 });
  expect(server.calls).toHaveLength(3);
  expect(mostInWindow(server.calls, 180_000)).toBe(1);
  expect(rowsRun.sort((a, b) => a - b)).toEqual(rowsOf(12).map(({ n }) => n));
}, 60_000);

it('a large group without a slot in time asks once, not once a half, and no row fails for the wait', async () => {
  const server = remote();
  let asked = 0;
  const { process: _, ...parts } = callJob(server, { api: { calls: 1, per: '90s' } });
  const job = {
    ...parts,
    // The second call's slot lies within the item's time, and behind the group's half of it.
    limits: { chunk: 300, itemTimeout: '120s', concurrency: 1 },
    steps: [
      inBatches<Row, unknown>(100, async (rows, ctx) => {
        asked += 1;
        await ctx.quota('api').call(() => server.take());
        return rows.map(({ n }) => ok(n));
      }),
    ],
  } as unknown as Job;
  const world = quotaWorld({ job, rows: rowsOf(300), processes: 1 });
  server.on(world.clock.now);
  await world.run(3_600_000);
  expect(await world.statuses()).toEqual({ ok: 300 });
  expect(server.calls).toHaveLength(3);
  expect(asked).toBeLessThanOrEqual(8);
}, 60_000);

it('an error that the job made of a missing slot puts the item back all the same', async () => {
  const server = remote();
  const job = callJob(
    server,
    { api: { calls: 1, per: '2m' } },
    {
      limits: { itemTimeout: '20s', callsPerItem: 0 },
      async process(row, ctx) {
        try {
          await ctx.quota().call(() => server.take());
        } catch (cause) {
          throw new PermanentError('the call failed', { cause });
        }
        return ok((row as Row).n);
      },
    },
  );
  const world = quotaWorld({ job, rows: rowsOf(3), processes: 1 });
  server.on(world.clock.now);
  await world.run(3_600_000);
  expect(await world.statuses()).toEqual({ ok: 3 });
  expect(mostInWindow(server.calls, 120_000)).toBe(1);
}, 60_000);

describe('a clock that jumps back an hour', () => {
  it('waits no longer than a window on the steady clock, and is told of', async () => {
    const clock = memoryClock();
    const log = memoryLogger();
    const store = memoryCheckpointStore();
    let jumped = 3_600_000;
    const own = { ...clock, now: () => clock.now() + jumped };
    const quotas = newQuotaLeases({ store, clock: own, log, random: () => 0 });
    const job = { name: 'j', quotas: { api: { calls: 10, per: '1m' } } } as unknown as Job;
    const plan = jobQuotas(job, {})[0]?.plan as QuotaPlan;
    const ask = { plan, key: '', calls: 1, withinMs: 5_000 };
    expect(await quotas.lease(ask)).toHaveProperty('slots');
    jumped = 0;
    const looks: number[] = [];
    for (let look = 0; look < 20; look += 1) {
      const answer = await quotas.lease(ask);
      if ('slots' in answer) break;
      looks.push(answer.freeAt - own.now());
      await clock.advance(10_000);
    }
    // It says how far ahead the record is; after a window and its margin without a change, slots begin at now.
    expect(looks[0]).toBeGreaterThan(3_000_000);
    expect(looks.length).toBeGreaterThan(5);
    expect(looks.length).toBeLessThan(10);
    const warned = log.lines.filter(({ message }) => message.includes('did a clock jump back?'));
    expect(warned).toHaveLength(1);
  });

  it('a remote that asks for an hour is no such clock', async () => {
    const clock = memoryClock();
    const log = memoryLogger();
    const quotas = newQuotaLeases({ store: memoryCheckpointStore(), clock, log, random: () => 0 });
    const job = { name: 'j', quotas: { api: { calls: 10, per: '1m' } } } as unknown as Job;
    const plan = jobQuotas(job, {})[0]?.plan as QuotaPlan;
    const ask = { plan, key: '', calls: 1, withinMs: 5_000 };
    await quotas.blocked(ask, 3_600_000);
    for (let look = 0; look < 30; look += 1) {
      expect(await quotas.lease(ask)).toHaveProperty('freeAt');
      await clock.advance(100_000);
    }
    expect(log.lines).toHaveLength(0);
    await clock.advance(700_000);
    expect(await quotas.lease(ask)).toHaveProperty('slots');
  });
});

it('other windows under the same name: the wider spacing holds, and is told of once', async () => {
  const clock = memoryClock();
  const log = memoryLogger();
  const store = memoryCheckpointStore();
  const planOf = (calls: number): QuotaPlan => {
    const job = { name: 'j', quotas: { api: { calls, per: '1m' } } } as unknown as Job;
    return jobQuotas(job, {})[0]?.plan as QuotaPlan;
  };
  const [slow, quick] = [planOf(6), planOf(60)];
  const service = () => newQuotaLeases({ store, clock, log, random: () => 0 });
  const [one, other] = [service(), service()];
  const ask = { key: '', calls: 1, withinMs: 600_000 };
  const slots: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    for (const [from, plan] of [[one, slow] as const, [other, quick] as const]) {
      const answer = await from.lease({ ...ask, plan });
      if ('slots' in answer) slots.push(...answer.slots);
    }
  }
  const gaps = slots.slice(1).map((slot, at) => slot - (slots[at] as number));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(slow.gapUs / 1000 - 0.001);
  expect(log.lines).toHaveLength(2);
});

import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../lib/core/errors.ts';
import { defineJob, type Job, type JobContext, type Limits } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import type { PollOptions } from '../../lib/core/poll.ts';
import { inBatches } from '../../lib/core/step.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { quotaWorld } from '../support/quota-world.ts';

interface Row {
  n: number;
}
const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, n) => ({ n }));
const MINUTE = 60_000;

/** A remote whose work takes `ms(n)`, and which counts who asks for what. */
function slowRemote(ms: (n: number) => number) {
  const submits: string[] = [];
  const checks: { id: string; at: number }[] = [];
  const begun = new Map<string, number>();
  let time = (): number => 0;
  const open = (): number =>
    [...begun].filter(([id, at]) => time() < at + ms(Number(id.slice(1)))).length;
  let mostOpen = 0;
  return {
    submits,
    checks,
    get mostOpen() {
      return mostOpen;
    },
    on(now: () => number) {
      time = now;
    },
    submit(n: number, idempotencyKey: string): string {
      submits.push(idempotencyKey);
      const id = `r${n}`;
      if (!begun.has(id)) begun.set(id, time());
      mostOpen = Math.max(mostOpen, open());
      return id;
    },
    /** How far the work is, in tenths. */
    check(id: string): { done: number } | { progress: number } {
      checks.push({ id, at: time() });
      const n = Number(id.slice(1));
      const share = (time() - (begun.get(id) as number)) / ms(n);
      return share >= 1 ? { done: n * 10 } : { progress: Math.floor(share * 10) };
    },
  };
}
type Remote = ReturnType<typeof slowRemote>;
type Context = JobContext;

const pollJob = (
  remote: Remote,
  limits: Limits,
  process?: (row: Row, ctx: Context) => ReturnType<NonNullable<Job['process']>>,
): Job =>
  defineJob<Row, unknown>({
    name: 'polls',
    input: ndjson() as never,
    limits,
    process:
      (process as never) ?? (async (row: Row, ctx: Context) => ok(await polled(remote, row, ctx))),
  }) as Job;

const polled = (remote: Remote, { n }: Row, ctx: Context, options?: PollOptions): Promise<number> =>
  ctx.poll(
    ({ idempotencyKey }) => remote.submit(n, idempotencyKey),
    (id) => remote.check(id),
    options,
  );

describe('polling a slow remote, in virtual time', () => {
  it('100 items of 8 minutes are submitted once, and cost less than 5 % of their time', async () => {
    const remote = slowRemote(() => 8 * MINUTE);
    const job = pollJob(remote, { chunk: 5, concurrency: 5, workers: 20 });
    const world = quotaWorld({ job, rows: rowsOf(100), processes: 20, budgetMs: 20_000 });
    remote.on(world.clock.now);
    await world.run(2 * 3_600_000);
    expect(await world.statuses()).toEqual({ ok: 100 });
    const values = (await world.outcomes()).map(
      ({ outcome }) => 'value' in outcome && outcome.value,
    );
    expect(values).toEqual(rowsOf(100).map(({ n }) => n * 10));
    expect(new Set(remote.submits).size).toBe(100);
    expect(remote.submits.length).toBe(100);
    expect(remote.checks.length / 100).toBeLessThanOrEqual(140);
    expect(world.busyMs / (100 * 8 * MINUTE)).toBeLessThan(0.05);
    expect(world.answers.every(({ did }) => did !== 'nothing')).toBe(true);
    // Counted from the submit, over all attempts.
    for (const { facts } of await world.outcomes()) {
      expect(facts.durationMs).toBeGreaterThanOrEqual(8 * MINUTE);
      expect(facts.durationMs).toBeLessThan(8 * MINUTE + 10_000);
    }
  }, 60_000);

  it('never has more remote work open than items may be in flight', async () => {
    const remote = slowRemote((n) => (1 + (n % 4)) * MINUTE);
    const job = pollJob(remote, { chunk: 20, concurrency: 3, workers: 1 });
    const world = quotaWorld({ job, rows: rowsOf(40), processes: 1 });
    remote.on(world.clock.now);
    await world.run(3 * 3_600_000);
    expect(await world.statuses()).toEqual({ ok: 40 });
    expect(remote.mostOpen).toBe(3);
    expect(remote.submits.length).toBe(40);
  }, 60_000);

  it('keeps rows behind an open poll: nothing runs again that has its outcome', async () => {
    const remote = slowRemote(() => 3 * MINUTE);
    const ran = new Map<number, number>();
    const job = pollJob(remote, { chunk: 50, concurrency: 4, workers: 2 }, async (row, ctx) => {
      if (row.n % 10 === 0) return ok(await polled(remote, row, ctx));
      ran.set(row.n, (ran.get(row.n) ?? 0) + 1);
      return ok(row.n);
    });
    const world = quotaWorld({ job, rows: rowsOf(100), processes: 2, budgetMs: 20_000 });
    remote.on(world.clock.now);
    await world.run(3_600_000);
    expect(await world.statuses()).toEqual({ ok: 100 });
    expect([...ran.values()].every((times) => times === 1)).toBe(true);
    expect(remote.submits.length).toBe(10);
  }, 60_000);

  it('reports work without a change for 15 minutes as stalled, and does not submit it again', async () => {
    const remote = slowRemote((n) => (n === 1 ? 24 * 60 * MINUTE : 40 * MINUTE));
    const job = pollJob(remote, { chunk: 3, concurrency: 3, itemTimeout: '10s' });
    const world = quotaWorld({ job, rows: rowsOf(3), processes: 1 });
    remote.on(world.clock.now);
    await world.run(3 * 3_600_000);
    expect(await world.statuses()).toEqual({ ok: 2, stalled: 1 });
    expect(remote.submits.length).toBe(3);
    const stalled = (await world.outcomes())[1];
    expect(stalled?.outcome).toMatchObject({
      status: 'stalled',
      error: { kind: 'stalled', message: expect.stringContaining('not changed for 900 s') },
    });
    expect(stalled?.kept).toMatchObject({ remotes: { '0.0': 'r1' }, record: { n: 1 } });
    const asked = remote.checks.filter(({ id }) => id === 'r1').map(({ at }) => at);
    expect((asked.at(-1) as number) - (asked[0] as number)).toBeGreaterThanOrEqual(895_000);
    expect((asked.at(-1) as number) - (asked[0] as number)).toBeLessThan(910_000);
  }, 60_000);

  it('gives up what changes for ever', async () => {
    const remote = slowRemote(() => 1e12);
    let said = 0;
    const job = pollJob(remote, { concurrency: 1 }, async (_, ctx) => {
      const options = { stallAfter: '1m', giveUpAfter: '10m' };
      await ctx.poll(
        () => 'r0',
        () => {
          said += 1;
          return { progress: said };
        },
        options,
      );
      return ok(null);
    });
    const world = quotaWorld({ job, rows: rowsOf(1), processes: 1 });
    await world.run(3_600_000);
    const [row] = await world.outcomes();
    expect(row?.outcome).toMatchObject({ status: 'stalled', error: { code: 'POLL_GIVEN_UP' } });
  });

  it('takes a passing fault of a check for no news, and a permanent one for the end', async () => {
    const remote = slowRemote(() => 2 * MINUTE);
    let checks = 0;
    const job = pollJob(remote, { chunk: 2, concurrency: 2 }, async ({ n }, ctx) => {
      const value = await ctx.poll<number>(
        ({ idempotencyKey }) => remote.submit(n, idempotencyKey),
        (id) => {
          checks += 1;
          if (n === 1 && checks > 20) throw new PermanentError('gone', { code: 'GONE' });
          if (checks % 3 === 0) throw new RetryableError('busy', { retryAfterMs: 4_000 });
          return remote.check(id);
        },
      );
      return ok(value);
    });
    const world = quotaWorld({ job, rows: rowsOf(2), processes: 1 });
    remote.on(world.clock.now);
    await world.run(3_600_000);
    const rows = await world.outcomes();
    expect(rows[0]?.outcome.status).toBe('ok');
    expect(rows[1]?.outcome).toMatchObject({ status: 'failed', error: { code: 'GONE' } });
    expect(remote.submits.length).toBe(2);
  }, 60_000);

  it('polls several times in one item, and under a quota, through deferrals of both', async () => {
    const remote = slowRemote(() => 90_000);
    const job = defineJob<Row, unknown>({
      name: 'both',
      input: ndjson() as never,
      quotas: { api: { calls: 30, per: '1m' } },
      limits: { chunk: 10, concurrency: 4, callsPerItem: 0 },
      async process(row, ctx) {
        const call = <T>(make: () => T): Promise<T> => ctx.quota('api').call(make);
        const once = (n: number): Promise<number> =>
          ctx.poll(
            ({ idempotencyKey }) => call(() => remote.submit(n, idempotencyKey)),
            (id) => call(() => remote.check(id)),
          );
        return ok((await once(row.n)) + (await once(row.n + 1_000)));
      },
    }) as Job;
    const world = quotaWorld({ job, rows: rowsOf(20), processes: 2, budgetMs: 20_000 });
    remote.on(world.clock.now);
    await world.run(6 * 3_600_000);
    expect(await world.statuses()).toEqual({ ok: 20 });
    expect(new Set(remote.submits).size).toBe(40);
    // A call that found no slot in time came back: the idempotency key was the same.
    expect(remote.submits.length).toBe(40);
  }, 120_000);

  it('in a step before a group: rows reach the group as they come, each once', async () => {
    const remote = slowRemote((n) => (1 + (n % 3)) * MINUTE);
    const inserted: number[] = [];
    const job = defineJob({
      name: 'stepped',
      input: ndjson() as never,
      limits: { chunk: 20, concurrency: 4 },
      steps: [
        async (row: Row, ctx: Context) => ok(await polled(remote, row, ctx)),
        inBatches(5, (rows: readonly number[]) => {
          inserted.push(...rows);
          return rows.map((row) => ok(row));
        }),
      ] as never,
    }) as unknown as Job;
    const world = quotaWorld({ job, rows: rowsOf(40), processes: 1, budgetMs: 20_000 });
    remote.on(world.clock.now);
    await world.run(6 * 3_600_000);
    expect(await world.statuses()).toEqual({ ok: 40 });
    expect(remote.submits.length).toBe(40);
    expect(inserted.sort((a, b) => a - b)).toEqual(rowsOf(40).map(({ n }) => n * 10));
  }, 60_000);

  it.each<[string, (ctx: Context) => Promise<unknown>, string]>([
    [
      'an id that is none',
      (ctx) =>
        ctx.poll(
          () => '',
          () => ({ done: 1 }),
        ),
      '1 to 1024 characters; got 0',
    ],
    [
      'an answer that is none',
      (ctx) =>
        ctx.poll(
          () => 'r',
          () => 'soon' as never,
        ),
      'got "soon"',
    ],
    [
      'a bound',
      (ctx) =>
        ctx.poll(
          () => 'r',
          () => ({ done: 1 }),
          { stallAfter: '1ms' },
        ),
      'stallAfter must be between',
    ],
  ])('names %s', async (_, process, message) => {
    const job = pollJob(
      slowRemote(() => 0),
      {},
      async (_row, ctx) => ok(await process(ctx)),
    );
    const world = quotaWorld({ job, rows: rowsOf(1), processes: 1 });
    await world.run(600_000);
    expect((await world.outcomes())[0]?.outcome).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining(message) },
    });
  });

  it('the item time-out bounds each call of the remote, not the wait for it', async () => {
    const remote = slowRemote(() => 5 * MINUTE);
    const job = pollJob(
      remote,
      { chunk: 3, concurrency: 3, itemTimeout: '5s' },
      async (row, ctx) => {
        const hang = new Promise<never>(() => undefined);
        const value = await ctx.poll<number>(
          ({ idempotencyKey }) => (row.n === 1 ? hang : remote.submit(row.n, idempotencyKey)),
          (id) => (row.n === 2 && remote.checks.length > 30 ? hang : remote.check(id)),
        );
        return ok(value);
      },
    );
    const world = quotaWorld({ job, rows: rowsOf(3), processes: 1 });
    remote.on(world.clock.now);
    await world.run(3_600_000);
    const rows = await world.outcomes();
    expect(rows.map(({ outcome }) => outcome.status)).toEqual(['ok', 'failed', 'failed']);
    for (const { outcome } of rows.slice(1)) {
      expect(outcome).toMatchObject({ error: { code: 'ITEM_TIMEOUT' } });
    }
  }, 60_000);
});

import { describe, expect, it } from 'vitest';
import { PermanentError, StalledError } from '../../lib/core/errors.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { partsPrefix, reportKey } from '../../lib/core/keys.ts';
import { ok, skip } from '../../lib/core/outcome.ts';
import type { Report } from '../../lib/core/report.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import { listBatches } from '../../lib/engine/batch.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import { items } from '../../lib/engine/items.ts';
import { planRetry } from '../../lib/engine/plan-retry.ts';
import { startNextRound } from '../../lib/engine/start-round.ts';
import { type BatchState, batchState } from '../../lib/engine/status.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { memoryWorld, rowsInput } from '../support/memory-engine.ts';

interface Row {
  id: string;
  /** What each round gives, from 0 on; the last one for all that follow. */
  gives: string[];
}

let round = 0;
/** Called as each item starts. */
let look: (() => Promise<void>) | undefined;
const seen: { index: number; draw: number; now: number }[] = [];

const job = defineJob<Row, unknown, Record<string, unknown>>({
  name: 'rounds',
  input: ndjson() as never,
  key: (row) => row.id,
  retry: { tries: 1 },
  async process(row, ctx) {
    seen.push({ index: ctx.index, draw: ctx.rng(), now: ctx.now });
    await look?.();
    const gives = row.gives[Math.min(round, row.gives.length - 1)] ?? 'ok';
    if (gives === 'skip') return skip('nothing to do');
    if (gives === 'stall') throw new StalledError('silent');
    if (gives !== 'ok') throw new PermanentError(`no ${row.id}`, { code: gives });
    return ok({ round });
  },
}) as Job;

const row = (index: number, ...gives: string[]): Row => ({ id: `k${index}`, gives });
/** 60 rows: every seventh fails with A (well in round 1), every eleventh with B (never well), two stall. */
const ROWS = Array.from({ length: 60 }, (_, index) => {
  if (index === 20 || index === 40) return row(index, 'stall', 'ok');
  if (index % 7 === 3) return row(index, 'A', index === 10 ? 'skip' : 'ok');
  return index % 11 === 4 ? row(index, 'B', 'B') : row(index, 'ok');
});

const worldOf = (rows: readonly Row[] = ROWS, chunk = 7) =>
  memoryWorld(job, { rows, limits: { chunk } });
type World = ReturnType<typeof worldOf>;

async function finished(world: World): Promise<World> {
  round = 0;
  await world.start();
  await world.run();
  return world;
}

async function retry(world: World, filter?: RetryFilter, digest?: string) {
  const plan = await world.retry(filter, digest);
  round = plan.round;
  return plan;
}

async function reportOf(world: World, of: number): Promise<Report> {
  const bytes = await world.engine.objects.get(reportKey(world.id, of, 'report.json'));
  return JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
}

async function objectsUnder(world: World, part: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const key of world.raw.objects.list(`batches/${world.id}/`)) {
    const bytes = (await world.raw.objects.get(key)) as Uint8Array;
    if (key.includes(part)) found[key] = Buffer.from(bytes).toString('base64');
  }
  return found;
}

const statuses = async (world: World): Promise<string[]> => {
  const all = [];
  for await (const { outcome, facts } of items(world.engine, await world.batch(), {})) {
    all.push(`${outcome.index} ${outcome.status} ${facts.round ?? 0}`);
  }
  return all;
};

const failed = (...codes: string[]): number[] =>
  ROWS.flatMap((one, index) => (codes.includes(one.gives[0] as string) ? [index] : []));

describe('a retry', () => {
  it('runs what failed, and only that, as a round of its own; nothing of round 0 is rewritten', async () => {
    const world = await finished(worldOf());
    const before = await objectsUnder(world, '');
    seen.length = 0;
    const plan = await retry(world);
    expect(plan.eligible).toBe(failed('A', 'B').length);
    expect(plan.left).toEqual({ code: 0, key: 0, stage: 0, stalled: 2, first: 0 });
    await world.run();
    expect(seen.map(({ index }) => index).sort((a, b) => a - b)).toEqual(failed('A', 'B'));
    expect(await world.batch()).toMatchObject({ status: 'done', round: 1 });
    const after = await objectsUnder(world, '');
    for (const [key, bytes] of Object.entries(before))
      expect([key, after[key]]).toEqual([key, bytes]);
    expect(await statuses(world)).toEqual(
      ROWS.map(({ gives }, index) => {
        const [first, then] = gives as [string, string?];
        if (first === 'stall') return `${index} stalled 0`;
        if (first === 'A') return `${index} ${then === 'skip' ? 'skipped' : 'ok'} 1`;
        return first === 'B' ? `${index} failed 1` : `${index} ok 0`;
      }),
    );
  });

  it('gives items the same record, random numbers and now as before', async () => {
    const world = await finished(worldOf());
    const before = new Map(seen.map((one) => [one.index, one]));
    seen.length = 0;
    await retry(world, { stalled: true });
    await world.run();
    expect(seen).toHaveLength(failed('A', 'B', 'stall').length);
    for (const one of seen) expect(one).toEqual(before.get(one.index));
  });

  it('reports the batch as it is after it, and each round by itself', async () => {
    const world = await finished(worldOf());
    const first = await reportOf(world, 0);
    await retry(world, {}, world.engine.jobDigest);
    await world.run();
    const report = await reportOf(world, 1);
    const [a, b] = [failed('A').length, failed('B').length];
    expect(report).toMatchObject({
      ...{ round: 1, status: 'done', total: 60, ok: first.ok + a - 1, skipped: 1 },
      ...{ failed: b, stalled: 2, notRun: 0, resolved: a },
    });
    expect(report.rounds).toMatchObject([
      {
        round: 0,
        total: 60,
        failed: a + b,
        stalled: 2,
        digests: { outcomes: first.digests.outcomes },
      },
      { round: 1, total: a + b, ok: a - 1, skipped: 1, failed: b, choice: { stalled: false } },
    ]);
    expect(report.failures.map(({ code, items: n }) => [code, n])).toEqual([
      ['B', b],
      ['STALLED', 2],
    ]);
    expect(report.details).toHaveLength(60);
    expect(report.details?.[3]).toMatchObject({ index: 3, status: 'ok', round: 1 });
    expect(report.digests.input).toBe(first.digests.input);
    const left = Buffer.from(
      (await world.engine.objects.get(reportKey(world.id, 1, 'failures.jsonl'))) ?? [],
    );
    const lines = left
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ index }) => index)).toEqual(failed('B', 'stall'));
    expect(lines.find(({ status }) => status === 'failed')).toMatchObject({ round: 1, record: {} });
    expect(lines.find(({ status }) => status === 'stalled')).not.toHaveProperty('round');
    expect((await batchState(world.engine.store, world.id))?.open).toEqual({
      failed: b,
      stalled: 2,
    });
  });

  it('can be followed by others, until nothing is failed any more', async () => {
    const rows = [row(0, 'A', 'A', 'ok'), row(1, 'B', 'ok'), row(2), row(3, 'A', 'A', 'A', 'skip')];
    const world = await finished(worldOf(rows, 2));
    for (const left of [2, 1, 0]) {
      await retry(world);
      await world.run();
      expect((await reportOf(world, round)).failed).toBe(left);
    }
    const [entry] = await listBatches(world.engine.store);
    expect(entry).toMatchObject({ round: 3, status: 'done', resolvedAt: expect.any(Number) });
    expect(await statuses(world)).toEqual(['0 ok 2', '1 ok 1', '2 ok 0', '3 skipped 3']);
    const { problems } = await verifyBatch(world.engine, await world.batch(), undefined);
    expect(problems).toEqual([]);
    const none = await planRetry(world.engine, await world.batch(), {});
    expect(none).toMatchObject({ eligible: 0, report: { resolved: 3 } });
  });

  it.each([
    [{ codes: ['A'] }, failed('A'), { code: failed('B').length + 2, key: 0, stalled: 0, first: 0 }],
    [
      { codes: ['B', 'A'], first: 3 },
      failed('A', 'B').slice(0, 3),
      { first: failed('A', 'B').length - 3 },
    ],
    [{ keys: ['k4', 'k3'] }, [3, 4], { key: failed('A', 'B', 'stall').length - 2 }],
    [{ codes: ['STALLED'], stalled: true }, [20, 40], { code: failed('A', 'B').length }],
  ] as [RetryFilter, number[], object][])(
    'takes what %j asks for',
    async (filter, wanted, left) => {
      const world = await finished(worldOf());
      seen.length = 0;
      const plan = await retry(world, filter);
      expect(plan.left).toMatchObject(left);
      await world.run();
      expect(seen.map(({ index }) => index).sort((a, b) => a - b)).toEqual(wanted);
      const report = await reportOf(world, 1);
      expect(report.failed + report.stalled + (report.resolved ?? 0)).toBe(
        failed('A', 'B', 'stall').length,
      );
    },
  );

  it('tells of keys that no failure has, and of the codes that there are', async () => {
    const world = await finished(worldOf());
    const plan = await planRetry(world.engine, await world.batch(), { keys: ['k3', 'k0', 'zz'] });
    expect(plan.unknownKeys).toEqual(['k0', 'zz']);
    expect([...plan.codes]).toEqual([
      ['A', failed('A').length],
      ['B', failed('B').length],
      ['STALLED', 2],
    ]);
  });

  it('reads what failed and the report, no part and no input, whatever the size of the batch', async () => {
    const rows = Array.from({ length: 3_000 }, (_, index) => row(index, index % 100 ? 'ok' : 'A'));
    const world = await finished(worldOf(rows, 10));
    const read = new Set<string>();
    const objects: typeof world.engine.objects = {
      ...world.engine.objects,
      get: (key, range) => {
        read.add(key);
        return world.engine.objects.get(key, range);
      },
    };
    const plan = await planRetry({ ...world.engine, objects }, await world.batch(), {});
    expect(plan.eligible).toBe(30);
    expect([...read].sort()).toEqual([
      reportKey(world.id, 0, 'failures.jsonl'),
      reportKey(world.id, 0, 'report.json'),
    ]);
  });

  it('is refused while the batch runs, and when another one was first', async () => {
    const world = await finished(worldOf());
    const batch = await world.batch();
    const plan = await planRetry(world.engine, batch, {});
    const other = await planRetry(world.engine, batch, { codes: ['B'] });
    const digest = world.engine.jobDigest;
    await startNextRound(world.engine, batch, { plan, digest });
    // The answer of the first one was lost, and it asks again.
    await expect(startNextRound(world.engine, batch, { plan, digest })).rejects.toMatchObject({
      code: 'STATE',
    });
    await expect(startNextRound(world.engine, batch, { plan: other, digest })).rejects.toThrow(
      'changed by somebody else',
    );
    await expect(planRetry(world.engine, await world.batch(), {})).rejects.toThrow('still runs');
    await world.run();
    const lists = Object.keys(await objectsUnder(world, '/retry-'));
    expect(lists).toHaveLength(1);
  });

  it('keeps the outcomes of before for what a cancelled round did not run', async () => {
    const world = await finished(worldOf());
    const before = await statuses(world);
    await retry(world, { stalled: true });
    await stopBatch(world.engine, world.id, { stop: 'cancel', reason: 'by a person' });
    await world.run();
    expect(await world.batch()).toMatchObject({ status: 'cancelled', round: 1 });
    expect(await statuses(world)).toEqual(before);
    const [first, then] = [await reportOf(world, 0), await reportOf(world, 1)];
    expect(then).toMatchObject({ failed: first.failed, stalled: first.stalled, resolved: 0 });
    round = 2;
    await retry(world, { stalled: true });
    await world.run();
    expect(await reportOf(world, 2)).toMatchObject({ failed: failed('B').length, stalled: 0 });
  });

  it('tells failed and stalled apart in each state of a round that takes both', async () => {
    // Chunks of three: the first one of the round has stalled items only, the last one both kinds.
    const rows = ['stall', 'stall', 'stall', 'A', 'A', 'A', 'stall', 'A', 'stall'].map((was, at) =>
      row(at, was, at === 4 || at === 6 ? was : 'ok'),
    );
    const world = memoryWorld(job, { rows, limits: { chunk: 3, workers: 1, concurrency: 1 } });
    await finished(world);
    const states: string[] = [];
    look = async () => {
      const { open } = (await batchState(world.engine.store, world.id)) as BatchState;
      states.push(`${open.failed} ${open.stalled}`);
    };
    await retry(world, { stalled: true });
    await world.run();
    await look();
    look = undefined;
    const of = (state: string): string[] => [state, state, state];
    expect(states).toEqual([...of('4 5'), ...of('4 2'), ...of('2 2'), '1 1']);
    expect(await reportOf(world, 1)).toMatchObject({ failed: 1, stalled: 1 });
    // Cancelled when it has begun: what was released and not run is as it was.
    const many = Array.from({ length: 24 }, (_, at) => row(at, at % 2 > 0 ? 'stall' : 'A', 'ok'));
    const cut = memoryWorld(job, { rows: many, limits: { chunk: 3, workers: 2, concurrency: 1 } });
    await finished(cut);
    let starts = 0;
    look = async () => {
      starts += 1;
      if (starts !== 4) return;
      await stopBatch(cut.engine, cut.id, { stop: 'cancel', reason: 'by a person' });
    };
    await retry(cut, { stalled: true });
    await cut.run();
    look = undefined;
    const { batch, open, counts } = (await batchState(cut.engine.store, cut.id)) as BatchState;
    const { failed: fails, stalled: stalls } = await reportOf(cut, 1);
    expect([batch.status, open]).toEqual(['cancelled', { failed: fails, stalled: stalls }]);
    expect([counts.ok > 0, counts.notRun > 0]).toEqual([true, true]);
  });

  it('finds one flipped byte in any file of any round', async () => {
    const world = await finished(worldOf());
    await retry(world);
    await world.run();
    const batch = await world.batch();
    const input = rowsInput(ROWS, 7);
    expect((await verifyBatch(world.engine, batch, input)).problems).toEqual([]);
    for await (const key of world.raw.objects.list(`batches/${world.id}/r`)) {
      const whole = (await world.raw.objects.get(key)) as Uint8Array;
      const bytes = Uint8Array.from(whole);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      await world.raw.objects.put(key, bytes);
      const { problems } = await verifyBatch(world.engine, batch, input);
      expect([key, problems.length > 0]).toEqual([key, true]);
      await world.raw.objects.put(key, whole);
    }
  });

  it('ends the same way when it is finalised again, and a late end of round 0 changes nothing', async () => {
    const world = await finished(worldOf());
    await retry(world);
    expect(await finalise(world.engine, { batch: world.id, round: 0 })).toBeUndefined();
    await world.run();
    const before = await objectsUnder(world, '/r1/');
    expect(
      Object.keys(before).filter((key) =>
        key.startsWith(partsPrefix({ batch: world.id, round: 1, stage: 0 })),
      ),
    ).not.toEqual([]);
    for (const old of [0, 1]) await finalise(world.engine, { batch: world.id, round: old });
    expect(await objectsUnder(world, '/r1/')).toEqual(before);
    expect(await world.batch()).toMatchObject({ status: 'done', round: 1 });
  });
});

describe('a retry of stalled items', () => {
  it('asks for the work that the remote has begun; what failed is submitted anew', async () => {
    const submits: number[] = [];
    let well = false;
    const polling = defineJob<{ n: number }, unknown>({
      name: 'polling',
      input: ndjson() as never,
      async process({ n }, ctx) {
        const value = await ctx.poll<string>(
          () => {
            submits.push(n);
            return `work ${n}, try ${submits.filter((one) => one === n).length}`;
          },
          (id) => {
            if (n === 2 && !well) throw new PermanentError('broken', { code: 'BROKEN' });
            return n === 0 || well ? { done: id } : { progress: 'none' };
          },
          { every: [{ wait: '100ms' }], stallAfter: '1s' },
        );
        return ok(value);
      },
    }) as Job;
    const rows = [0, 1, 2, 3].map((n) => ({ n }));
    const world = memoryWorld(polling, { rows, limits: { chunk: 3, concurrency: 3 } });
    await finished(world as never);
    expect(await statuses(world as never)).toEqual([
      '0 ok 0',
      '1 stalled 0',
      '2 failed 0',
      '3 stalled 0',
    ]);
    well = true;
    await retry(world as never, { stalled: true });
    await world.run();
    expect(await statuses(world as never)).toEqual(['0 ok 0', '1 ok 1', '2 ok 1', '3 ok 1']);
    expect(submits.sort()).toEqual([0, 1, 2, 2, 3]);
    expect(await world.outcomes()).toContain('"value":"work 1, try 1"');
    expect(await world.outcomes()).toContain('"value":"work 2, try 2"');
  });
});

import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError, StalledError } from '../../lib/core/errors.ts';
import { defineJob, type Job, type Limits } from '../../lib/core/job.ts';
import { reportKey } from '../../lib/core/keys.ts';
import { ok, skip } from '../../lib/core/outcome.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { memoryWorld } from '../support/memory-engine.ts';

interface Row {
  id: string;
  do?: 'ok' | 'skip' | 'fail' | 'stall' | 'retry' | 'throw' | 'slow' | 'hang';
}

const tries = new Map<string, number>();

const job = defineJob<Row, unknown, Record<string, unknown>>({
  name: 'mixed',
  input: ndjson() as never,
  key: (row) => row.id,
  retry: { tries: 3, base: '1ms', max: '2ms' },
  limits: { itemTimeout: '200ms' },
  process(row, ctx) {
    switch (row.do) {
      case 'skip':
        return skip('nothing to do');
      case 'fail':
        throw new PermanentError(`no ${row.id}`, { code: 'NO' });
      case 'stall':
        throw new StalledError('silent');
      case 'throw':
        throw new TypeError('broken job');
      case 'retry': {
        const count = (tries.get(row.id) ?? 0) + 1;
        tries.set(row.id, count);
        if (count % 3 !== 0) throw new RetryableError('busy');
        return ok('at last');
      }
      case 'slow':
        return new Promise((resolve) => setTimeout(() => resolve(ok('slow')), 60));
      case 'hang':
        return new Promise(() => undefined);
      default:
        ctx.log.info('seen', { id: row.id });
        return ok({ random: ctx.rng(), now: ctx.now });
    }
  },
}) as Job;

async function outcomesOf(rows: Row[], limits: Limits): Promise<string> {
  const world = memoryWorld(job, { rows, limits });
  await world.start();
  await world.run();
  expect((await world.batch()).status).toBe('done');
  return world.outcomes();
}

describe('a batch from start to report', () => {
  it('records each kind of end once, in input order, with its reason', async () => {
    const kinds = ['ok', 'skip', 'fail', 'stall', 'retry', 'throw', 'hang'] as const;
    const rows = kinds.map((kind) => ({ id: `row-${kind}`, do: kind }));
    const world = memoryWorld(job, { rows, limits: { chunk: 3 } });
    await world.start();
    await world.run();
    const report = await world.report();
    expect(report).toMatchObject({
      total: 7,
      ok: 2,
      skipped: 1,
      failed: 3,
      stalled: 1,
      notRun: 0,
      status: 'done',
      chunks: 3,
    });
    expect(report.details?.map(({ key, status, tries }) => [key, status, tries])).toEqual([
      ['row-ok', 'ok', 1],
      ['row-skip', 'skipped', 1],
      ['row-fail', 'failed', 1],
      ['row-stall', 'stalled', 1],
      ['row-retry', 'ok', 3],
      ['row-throw', 'failed', 1],
      ['row-hang', 'failed', 1],
    ]);
    expect(report.failures.map(({ code, items }) => [code, items]).sort()).toEqual([
      ['ITEM_TIMEOUT', 1],
      ['NO', 1],
      ['STALLED', 1],
      ['TypeError', 1],
    ]);
    expect(report.retried).toBe(1);
    const failures = (await world.file('failures.jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(failures.map(({ index, record }) => [index, record.id])).toEqual([
      [2, 'row-fail'],
      [3, 'row-stall'],
      [5, 'row-throw'],
      [6, 'row-hang'],
    ]);
    const log = gunzipSync(
      (await world.engine.objects.get(reportKey(world.id, 0, 'log.jsonl.gz'))) as Uint8Array,
    );
    expect(JSON.parse(log.toString())).toMatchObject({
      level: 'info',
      index: 0,
      key: 'row-ok',
      msg: 'seen',
    });
    expect(await verifyBatch(world.engine, await world.batch(), undefined)).toMatchObject({
      problems: [],
    });
  });

  it('gives the same bytes at any concurrency, chunk size and number of workers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('ok', 'skip', 'fail', 'stall', 'throw', 'slow'), {
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (kinds, chunk, concurrency, workers) => {
          const rows = kinds.map((kind, at) => ({
            id: `r${at}`,
            do: kind as NonNullable<Row['do']>,
          }));
          const alone = await outcomesOf(rows, { chunk: 100, concurrency: 1, workers: 1 });
          expect(await outcomesOf(rows, { chunk, concurrency, workers })).toBe(alone);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('ends a batch of no items at once', async () => {
    expect(await outcomesOf([], {})).toBe('');
  });

  it('lets a slow item hold one slot and delay no other', async () => {
    const others = 999;
    let done = 0;
    let open = (): void => undefined;
    const allOthersDone = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slowFirst = defineJob({
      name: 'slow-first',
      input: ndjson(),
      limits: { itemTimeout: '10s' },
      async process(_row, { index }) {
        if (index === 3) await allOthersDone;
        else done += 1;
        if (done === others) open();
        return ok(index);
      },
    }) as Job;
    const rows = Array.from({ length: others + 1 }, (_, at) => at);
    const world = memoryWorld(slowFirst, { rows, limits: { concurrency: 2, workers: 1 } });
    await world.start();
    await world.run();
    // Had it held up any other item, it would have waited for its time-out.
    expect(await world.report()).toMatchObject({ ok: others + 1, failed: 0 });
  });

  it('never has more items in flight than concurrency x workers', async () => {
    let [inFlight, most] = [0, 0];
    const counting = defineJob({
      name: 'counting',
      input: ndjson(),
      async process() {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inFlight -= 1;
        return ok(null);
      },
    }) as Job;
    const rows = Array.from({ length: 200 }, (_, at) => at);
    const world = memoryWorld(counting, {
      rows,
      limits: { concurrency: 3, workers: 2, chunk: 20 },
    });
    await world.start();
    await world.run();
    expect((await world.batch()).status).toBe('done');
    expect(most).toBe(6);
  });
});

describe('the event loop', () => {
  it.each(['at once', 'by a promise'])('gets turns while items end %s', async (how) => {
    let [turns, over] = [0, false];
    const turn = (): void => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    const seen: number[] = [];
    const busy = defineJob({
      name: 'busy',
      input: ndjson() as never,
      process() {
        seen.push(turns);
        const until = performance.now() + 5;
        while (performance.now() < until);
        return how === 'at once' ? ok(null) : Promise.resolve(ok(null));
      },
    }) as Job;
    const rows = Array.from({ length: 60 }, (_, n) => ({ n }));
    const world = memoryWorld(busy, { rows, limits: { chunk: 60, workers: 1, concurrency: 1 } });
    await world.start();
    setImmediate(turn);
    await world.run();
    over = true;
    // 300 ms are 12 times 25.
    expect((seen.at(-1) as number) - (seen[0] as number)).toBeGreaterThanOrEqual(5);
  });
});

describe('stops', () => {
  const failing = Array.from(
    { length: 100 },
    (_, at): Row => ({ id: `r${at}`, do: at % 2 ? 'fail' : 'ok' }),
  );

  it('stops at its threshold with an overshoot of at most the window, and records the rest as not run', async () => {
    const world = memoryWorld(job, {
      rows: failing,
      limits: { chunk: 5, workers: 2, tolerateFailures: 10 },
    });
    await world.start();
    await world.run();
    const report = await world.report();
    expect(report.status).toBe('stopped');
    expect(report.reason).toContain('tolerated: 10 items');
    expect(report.failed).toBeGreaterThan(10);
    expect(report.failed).toBeLessThanOrEqual(10 + 4 * 5);
    expect(report.ok + report.failed + report.notRun).toBe(report.total);
  });

  it('goes on after a pause where it was', async () => {
    const world = memoryWorld(job, { rows: failing, limits: { chunk: 5, workers: 1 } });
    await world.start();
    await stopBatch(world.engine, world.id, { stop: 'pause', reason: 'test' });
    await world.run();
    expect(await world.batch()).toMatchObject({ status: 'running', stop: 'pause' });
  });

  it('ends as cancelled when all that was released is recorded', async () => {
    const world = memoryWorld(job, { rows: failing, limits: { chunk: 5, workers: 1 } });
    await world.start();
    await stopBatch(world.engine, world.id, { stop: 'cancel', reason: 'test' });
    await world.run();
    expect(await world.batch()).toMatchObject({ status: 'cancelled' });
    expect((await world.report()).ok).toBe(0);
  });
});

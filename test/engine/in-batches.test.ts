import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ItemError,
  PermanentError,
  RetryableError,
  StalledError,
  UnavailableError,
} from '../../lib/core/errors.ts';
import { defineJob, type Job, stepsOf } from '../../lib/core/job.ts';
import { type Outcome, ok, skip } from '../../lib/core/outcome.ts';
import type { Reader } from '../../lib/core/reader.ts';
import {
  type GroupContext,
  type GroupResult,
  type GroupRetry,
  inBatches,
  sizedSteps,
} from '../../lib/core/step.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { memoryWorld } from '../support/memory-engine.ts';

interface Row {
  at: number;
  /** Milliseconds that the first step takes; 0 = it answers at once. */
  ms: number;
}

type Fate = 'ok' | 'skip before' | 'fail before' | 'skip' | 'fail' | 'returned' | 'fail after';

const FATES: Record<number, Fate> = {
  3: 'skip before',
  8: 'fail before',
  11: 'skip',
  13: 'fail',
  17: 'returned',
  21: 'fail after',
};
const fateOf = ({ at }: Row): Fate => FATES[at % 25] ?? 'ok';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Seen {
  calls: number[][];
  inFlight: number;
  peak: number;
}

/** One, two or three steps with the group at any place; what a row becomes depends on the row alone. */
function jobOf(size: number, shape: 'only' | 'first' | 'middle' | 'last', seen: Seen): Job {
  const guarded = async <T>(ms: number, act: () => T): Promise<T> => {
    seen.inFlight += 1;
    seen.peak = Math.max(seen.peak, seen.inFlight);
    try {
      if (ms > 0) await sleep(ms);
      return act();
    } finally {
      seen.inFlight -= 1;
    }
  };
  const before = (row: Row) =>
    guarded(row.ms, () => {
      if (fateOf(row) === 'skip before') return skip('not wanted');
      if (fateOf(row) === 'fail before') throw new PermanentError(`no ${row.at}`);
      return ok(row);
    });
  const group = inBatches<Row, Row & { draw: number }>(size, (rows, ctx) => {
    seen.calls.push(ctx.items.map(({ index }) => index));
    return guarded(rows[0]?.ms ?? 0, () => {
      const bad = rows.find((row) => fateOf(row) === 'fail');
      if (bad !== undefined)
        throw new PermanentError(`the store refuses ${bad.at}`, { code: 'REFUSED' });
      return rows.map((row, place): GroupResult<Row & { draw: number }> => {
        if (fateOf(row) === 'skip') return skip('there already');
        if (fateOf(row) === 'returned') return new PermanentError(`not ${row.at}`);
        return ok({ ...row, draw: ctx.items[place]?.rng() ?? -1 });
      });
    });
  });
  const after = (row: Row & { draw: number }, ctx: { rng(): number }) => {
    if (fateOf(row) === 'fail after') throw new PermanentError('too late');
    return ok({ at: row.at, draws: [row.draw, ctx.rng()] });
  };
  const input = ndjson() as Reader<Row>;
  if (shape === 'only') return defineJob({ name: 'grouped', input, steps: [group] }) as Job;
  if (shape === 'first') return defineJob({ name: 'grouped', input, steps: [group, after] }) as Job;
  if (shape === 'last') return defineJob({ name: 'grouped', input, steps: [before, group] }) as Job;
  return defineJob({ name: 'grouped', input, steps: [before, group, after] }) as Job;
}

const newSeen = (): Seen => ({ calls: [], inFlight: 0, peak: 0 });

async function run(job: Job, rows: readonly Row[], limits: { chunk: number; concurrency: number }) {
  const world = memoryWorld(job, { rows, limits: { workers: 1, ...limits } });
  await world.start();
  await world.run();
  return world;
}

const shapes = fc.constantFrom('only', 'first', 'middle', 'last' as const);

describe('inBatches', () => {
  it('gives the same outcomes whatever the group, the chunk and the concurrency', async () => {
    const rows = Array.from({ length: 60 }, (_, at) => ({ at, ms: at % 7 === 0 ? 1 : 0 }));
    const truths = new Map<string, string>();
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.record({
          size: fc.integer({ min: 1, max: 40 }),
          chunk: fc.integer({ min: 1, max: 60 }),
          concurrency: fc.integer({ min: 1, max: 6 }),
        }),
        async (shape, { size, chunk, concurrency }) => {
          const alone = jobOf(1, shape, newSeen());
          const truth =
            truths.get(shape) ??
            (await (await run(alone, rows, { chunk: 60, concurrency: 1 })).outcomes());
          truths.set(shape, truth);
          const seen = newSeen();
          const world = await run(jobOf(size, shape, seen), rows, { chunk, concurrency });
          expect(await world.outcomes()).toBe(truth);
          expect(seen.peak).toBeLessThanOrEqual(concurrency);
          for (const call of seen.calls) {
            expect(call.length).toBeLessThanOrEqual(size);
            expect(call).toEqual([...call].sort((a, b) => a - b));
            // Borders lie at multiples of the size, and at the chunks' own.
            expect(Math.floor((call[0] as number) / size)).toBe(
              Math.floor((call.at(-1) as number) / size),
            );
          }
        },
      ),
      { numRuns: process.env['SLUICE_FULL'] === '1' ? 300 : 40 },
    );
  });

  it('fills its groups: 1,000 rows in chunks of 100 are 20 calls of 50', async () => {
    const seen = newSeen();
    const rows = Array.from({ length: 1000 }, () => ({ at: 0, ms: 0 }));
    const job = jobOf(50, 'last', seen);
    await run(job, rows, { chunk: 100, concurrency: 3 });
    expect(seen.calls.map((call) => call.length)).toEqual(new Array(20).fill(50));
  });

  it('may have its size from the options of the batch; 0 leaves the step out', async () => {
    const calls: number[] = [];
    const group = (name: string) =>
      inBatches<unknown, number>(
        (options) => options[name] as number,
        (rows) => {
          calls.push(rows.length);
          return rows.map((row) => ok(Number(row) + 1));
        },
      );
    const job = defineJob<unknown, number, number>({
      name: 'sized',
      input: ndjson() as never,
      steps: [group('first'), group('second')],
    }) as Job;
    const outcomes = async (options: Record<string, number>): Promise<string> => {
      calls.length = 0;
      const limits = { workers: 1, concurrency: 1 };
      const world = memoryWorld(job, { rows: [10, 20, 30, 40], limits, env: { options } });
      await world.start();
      await world.run();
      return world.outcomes();
    };
    const once = await outcomes({ first: 3, second: 0 });
    expect(calls).toEqual([3, 1]);
    expect(once).toContain('"value":41');
    expect(await outcomes({ first: 0, second: 4 })).toBe(once);
    expect(calls).toEqual([4]);
    expect(await outcomes({ first: 2, second: 2 })).toContain('"value":42');
    const sizes = (options: Record<string, number>) => () => sizedSteps(stepsOf(job), options);
    expect(sizes({ first: 1.5, second: 0 })).toThrow('from 0 to 10000; got 1.5');
    expect(sizes({ first: 0, second: 0 })).toThrow('no step of the job is left');
  });

  it('a bad row of a hundred fails alone, in a dozen calls', async () => {
    const calls: number[] = [];
    const job = defineJob({
      name: 'one-bad',
      input: ndjson() as never,
      steps: [
        inBatches<{ at: number }, null>(100, (rows) => {
          calls.push(rows.length);
          if (rows.some(({ at }) => at === 42)) throw new Error('the column refuses a value');
          return rows.map(() => ok(null));
        }),
      ],
    }) as Job;
    const rows = Array.from({ length: 100 }, (_, at) => ({ at }));
    const world = memoryWorld(job, { rows, limits: { workers: 1 } });
    await world.start();
    await world.run();
    const { ok: good, failed, details } = await world.report();
    expect({ good, failed }).toEqual({ good: 99, failed: 1 });
    const bad = details?.find(({ status }) => status === 'failed');
    expect(bad).toMatchObject({ index: 42, error: { message: 'the column refuses a value' } });
    expect(calls.length).toBeLessThanOrEqual(15);
  });

  it('tries a group again as the policy says before it is split', async () => {
    const calls: { rows: number; attempt: number }[] = [];
    const world = await small((rows, ctx) => {
      calls.push({ rows: rows.length, attempt: ctx.attempt });
      if (calls.length < 3) throw new RetryableError('busy');
      return rows.map(() => ok(null));
    });
    expect(calls).toEqual([1, 2, 3].map((attempt) => ({ rows: 4, attempt })));
    expect((await world.report()).retried).toBe(4);
  });

  it('tries only those rows again whose own result is worth it', async () => {
    const calls: number[][] = [];
    const world = await small((rows, ctx) => {
      calls.push(rows.map(({ at }) => at));
      return rows.map(({ at }) =>
        at === 2 && ctx.attempt < 3 ? new RetryableError('throttled') : ok(at),
      );
    });
    expect(calls).toEqual([[0, 1, 2, 3], [2], [2]]);
    expect((await world.report()).ok).toBe(4);
  });

  it('a remote that is away for good is asked for each row once more, not for ever', async () => {
    let calls = 0;
    const world = await small(() => {
      calls += 1;
      throw new RetryableError('away');
    });
    expect((await world.report()).failed).toBe(4);
    expect(calls).toBe(3 + 2 + 4);
  });

  it('what stalled is never sent again', async () => {
    let calls = 0;
    const world = await small(() => {
      calls += 1;
      throw new StalledError('taken, and silence');
    });
    expect((await world.report()).stalled).toBe(4);
    expect(calls).toBe(1);
  });

  it('a row that hangs leaves time for the others of its group', async () => {
    const world = await small(
      (rows, ctx) =>
        rows.some(({ at }) => at === 1)
          ? new Promise((_, reject) => {
              ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
            })
          : rows.map(() => ok(null)),
      { itemTimeout: '400ms' },
    );
    const { details } = await world.report();
    expect(details?.map(({ status }) => status)).toEqual(['ok', 'failed', 'ok', 'ok']);
    expect(details?.[1]).toMatchObject({ error: { code: 'ITEM_TIMEOUT' } });
  });

  it.each([
    [
      'a list too short',
      (rows: readonly unknown[]) => rows.slice(1).map(() => ok(1)),
      'a list of 0',
    ],
    ['no list', () => 'done' as never, 'string'],
    ['a wrong result', (rows: readonly unknown[]) => rows.map(() => 5 as never), 'it was number'],
  ])('%s fails each row with what is wrong', async (_, step, words) => {
    const world = await small(step as GroupFunction);
    const { failed, details } = await world.report();
    expect(failed).toBe(4);
    for (const { error } of details as (Outcome & { error: ItemError })[]) {
      expect(error).toMatchObject({ kind: 'unexpected', code: 'BAD_RESULT' });
      expect(error.message).toContain(words);
    }
  });

  it('several values of a step that is not the last fail the item, and say where they belong', async () => {
    const many = () => ok.many([1, 2]);
    const steps = [many, inBatches<number, number>(2, (rows) => rows.map((row) => ok(row)))];
    const job = defineJob({ name: 'many', input: ndjson(), steps: steps as never }) as Job;
    const world = await run(job, [{ at: 0, ms: 0 }], { chunk: 1, concurrency: 1 });
    const { details } = await world.report();
    expect(details).toMatchObject([
      {
        status: 'failed',
        error: {
          ...{ kind: 'permanent', code: 'BAD_RESULT' },
          message:
            'ok.many(values) is for the last step of a stage: make the step a stage of its own.',
        },
      },
    ]);
  });

  it('pauses the batch when the step is there for no row, and a resume goes on without a loss', async () => {
    let away = true;
    const written = new Map<number, string>();
    const step: GroupFunction = (rows, ctx) => {
      if (away && rows.some(({ at }) => at >= 8)) {
        throw new UnavailableError('the disk is full', { code: 'DISK_FULL', retry: false });
      }
      for (const { index } of ctx.items) written.set(index, `${ctx.batch}/${ctx.round}`);
      return rows.map(({ at }) => ok(at));
    };
    const job = smallJob(step);
    const rows = Array.from({ length: 20 }, (_, at) => ({ at }));
    const limits = { chunk: 10, workers: 1, concurrency: 2 };
    const world = memoryWorld(job, { rows, limits });
    await world.start();
    await world.run();
    const paused = await world.batch();
    expect(paused).toMatchObject({
      status: 'running',
      stop: 'pause',
      reason: 'DISK_FULL: the disk is full',
    });
    expect([...written.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);

    away = false;
    const next = memoryWorld(job, { rows, limits, after: world.raw });
    await next.resume();
    await next.run();
    expect(await next.report()).toMatchObject({ ok: 20, failed: 0, status: 'done' });
    expect(written.size).toBe(20);
  });

  it('a step that was away and came back is asked again, and nobody fails', async () => {
    let calls = 0;
    const away: GroupFunction = (rows) => {
      calls += 1;
      if (calls < 9) throw new UnavailableError('restarting');
      return rows.map(() => ok(null));
    };
    const world = await small(away, {}, { tries: 20, baseMs: 1, maxMs: 1 });
    expect(calls).toBe(9);
    expect(await world.report()).toMatchObject({ ok: 4, status: 'done' });
  });

  it('a step that hangs once it was found away pauses the batch, and fails nobody', async () => {
    let calls = 0;
    const away: GroupFunction = () => {
      calls += 1;
      if (calls === 1) throw new UnavailableError('connection lost', { code: 'LOST', retry: true });
      return new Promise(() => undefined);
    };
    const rows = Array.from({ length: 4 }, (_, at) => ({ at }));
    const limits = { workers: 1, itemTimeout: '300ms' };
    const world = memoryWorld(smallJob(away), { rows, limits });
    await world.start();
    await world.run();
    expect(calls).toBe(2);
    expect(await world.batch()).toMatchObject({
      ...{ status: 'running', stop: 'pause', reason: 'LOST: connection lost' },
    });
  });

  it('opens what is shared once, and again after an open that failed', async () => {
    let opened = 0;
    const job = smallJob((rows, ctx) => {
      ctx.shared('pool', () => {
        opened += 1;
        if (opened === 1) throw new RetryableError('not yet');
        return opened;
      });
      return rows.map(() => ok(null));
    });
    const world = memoryWorld(job, {
      rows: Array.from({ length: 40 }, (_, at) => ({ at })),
      limits: { workers: 1, chunk: 40 },
    });
    await world.start();
    await world.run();
    expect(opened).toBe(2);
    expect((await world.report()).ok).toBe(40);
  });
});

type GroupFunction = (
  rows: readonly { at: number }[],
  ctx: GroupContext,
) => readonly GroupResult[] | Promise<readonly GroupResult[]>;

const smallJob = (step: GroupFunction, retry?: GroupRetry): Job =>
  defineJob({
    name: 'small',
    input: ndjson() as never,
    retry: { base: '1ms', max: '2ms', tries: 3 },
    steps: [inBatches(4, step, retry)],
  }) as Job;

/** Four rows in one group. */
async function small(
  step: GroupFunction,
  limits: { itemTimeout?: string } = {},
  retry?: GroupRetry,
) {
  const world = memoryWorld(smallJob(step, retry), {
    rows: [0, 1, 2, 3].map((at) => ({ at })),
    limits: { workers: 1, ...limits },
  });
  await world.start();
  await world.run();
  return world;
}

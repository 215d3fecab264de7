import { describe, expect, it } from 'vitest';
import type { Job, Limits } from '../../lib/core/job.ts';
import { batchState } from '../../lib/engine/status.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { defineJob, each, ndjson, ok, PermanentError } from '../../lib/index.ts';
import { memoryWorld } from '../support/memory-engine.ts';
import { runnableJob } from '../support/staged.ts';

const rows = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

describe('each behind each', () => {
  it('works what the stage before gives, in index order, whatever the chunks and the workers', async () => {
    const seen = new Set<string>();
    for (const [chunk, workers] of [
      [1, 1],
      [3, 2],
      [10, 5],
      [1000, 3],
    ] as const) {
      const world = memoryWorld(runnableJob(), { rows: rows(57), limits: { chunk, workers } });
      await world.start();
      await world.run();
      expect((await world.batch()).status).toBe('done');
      seen.add(await world.outcomes());
      const report = await world.report();
      expect(report.stages?.map(({ name, total }) => [name, total])).toEqual([
        ['spread', 57],
        ['double', 57 + 19],
        ['last', 70],
      ]);
    }
    expect(seen.size).toBe(1);
  });
});

describe('bad input', () => {
  const run = async (job: Job, count: number, limits: Limits = {}) => {
    const world = memoryWorld(job, { rows: rows(count), limits });
    await world.start();
    await world.run();
    return { world, report: await world.report() };
  };

  it('a stage that gives nothing leaves the next ones empty, and the batch ends', async () => {
    const job = defineJob(
      { name: 'nothing', input: ndjson() },
      each({ name: 'first', process: () => ok.many<number>([]) }),
      each({ name: 'second', process: (n) => ok(n) }),
      each({ name: 'third', process: (n) => ok(n) }),
    ) as Job;
    // More parts than one look steps over at a time.
    const { report } = await run(job, 250, { chunk: 1, workers: 8 });
    expect(report).toMatchObject({ status: 'done', total: 250, ok: 250 });
    expect(report.stages?.map(({ total, chunks }) => [total, chunks])).toEqual([
      [250, 250],
      [0, 0],
      [0, 0],
    ]);
  });

  it('an empty input ends at once', async () => {
    const { report } = await run(runnableJob(), 0);
    expect(report).toMatchObject({ status: 'done', total: 0, chunks: 0 });
  });

  it('what failed names the item that gave it; too many values fail their item alone', async () => {
    const job = defineJob(
      { name: 'failing', input: ndjson() },
      each({
        name: 'first',
        process: (row) => {
          const { n } = row as { n: number };
          return n === 2 ? ok.many(new Array<number>(100_001).fill(0)) : ok.many([n, n + 0.5]);
        },
      }),
      each({
        name: 'second',
        process: (n) => {
          if (n === 3.5) throw new PermanentError('no halves', { code: 'HALF' });
          return ok(n);
        },
      }),
    ) as Job;
    const { world, report } = await run(job, 5, { chunk: 2 });
    expect(report).toMatchObject({ status: 'done', failed: 2, ok: 4 + 7 });
    const failures = (await world.file('failures.jsonl')).trim().split('\n');
    const [many, half] = failures.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(many).toMatchObject({ index: 2, error: { code: 'BAD_RESULT' } });
    expect((many as { error: { message: string } }).error.message).toContain(
      'at most 100000 values; got 100001 values',
    );
    expect(half).toMatchObject({
      ...{ stage: 1, index: 5, record: 3.5, where: 'from item 3 of the stage before' },
      error: { code: 'HALF' },
    });
  });

  it('many tiny values in one item are many chunks of the next stage', async () => {
    const job = defineJob(
      { name: 'tiny', input: ndjson() },
      each({ name: 'spread', process: () => ok.many(Array.from({ length: 50_000 }, (_, n) => n)) }),
      each({ name: 'add', limits: { chunk: 10_000 }, process: (n) => ok(n + 1) }),
    ) as Job;
    const { report } = await run(job, 2, { workers: 2 });
    expect(report.stages?.map(({ total, chunks }) => [total, chunks])).toEqual([
      [2, 1],
      [100_000, 10],
    ]);
  });

  it.each([
    [[], 'a list of 1 to 10 stages; got 0'],
    [[each({ name: 'A', process: ok })], 'the name of stage 1 must be lower-case letters'],
    [
      [each({ name: 'a', process: ok }), each({ name: 'a', process: ok })],
      "two stages have the name 'a'",
    ],
    [[{ name: 'a', process: ok }], 'stage 1 is neither each({...}) nor groupBy({...})'],
    [
      [each({ name: 'a' } as never)],
      "stage 'a' needs one of process(row, ctx) and a list of steps",
    ],
  ])('a job with stages %j is refused', (stages, why) => {
    const define = defineJob as (definition: object) => unknown;
    expect(() => define({ name: 'bad', input: ndjson(), stages })).toThrow(why);
  });
});

describe('a batch of stages', () => {
  it('is verified over all its stages: one flipped byte in a part of any of them is found', async () => {
    const world = memoryWorld(runnableJob(), { rows: rows(20), limits: { chunk: 4, workers: 3 } });
    await world.start();
    await world.run();
    const clean = await verifyBatch(world.engine, await world.batch(), undefined);
    expect(clean.problems).toEqual([]);
    const keys: string[] = [];
    for await (const key of world.raw.objects.list('batches/')) {
      if (key.includes('/parts/')) keys.push(key);
    }
    expect(new Set(keys.map((key) => key.split('/')[4]))).toEqual(new Set(['0', '1', '2']));
    for (const key of keys) {
      const bytes = Buffer.from((await world.raw.objects.get(key)) as Uint8Array);
      const flipped = Buffer.from(bytes);
      flipped[20] = (flipped[20] as number) ^ 1;
      await world.raw.objects.put(key, flipped);
      const verdict = await verifyBatch(world.engine, await world.batch(), undefined);
      expect(verdict.problems.length, key).toBeGreaterThan(0);
      await world.raw.objects.put(key, bytes);
    }
  });

  it('says how each stage stands', async () => {
    const world = memoryWorld(runnableJob(), { rows: rows(57), limits: { chunk: 5 } });
    await world.start();
    await world.run();
    const state = await batchState(world.engine.store, world.id);
    expect(
      state?.stages?.map(({ name, doneItems, totalItems, queuedChunks }) => ({
        name,
        doneItems,
        totalItems,
        queuedChunks,
      })),
    ).toEqual([
      { name: 'spread', doneItems: 57, totalItems: 57, queuedChunks: 0 },
      { name: 'double', doneItems: 76, totalItems: 76, queuedChunks: 0 },
      { name: 'last', doneItems: 70, totalItems: 70, queuedChunks: 0 },
    ]);
    expect(state).toMatchObject({ doneItems: 203, totalItems: 203 });
  });
});

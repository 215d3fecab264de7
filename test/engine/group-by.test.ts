import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job, Limits } from '../../lib/core/job.ts';
import { shuffleKey } from '../../lib/core/keys.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { type BlockFacts, cutGroups, newBlockSums, PREFIXES } from '../../lib/core/shuffle.ts';
import { openAttempt } from '../../lib/engine/attempt.ts';
import type { ControlState } from '../../lib/engine/engine.ts';
import { batchState } from '../../lib/engine/status.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { defineJob, each, groupBy, ndjson, ok, skip } from '../../lib/index.ts';
import type { Input } from '../../lib/ports/input.ts';
import { Crash, dyingAt } from '../support/dying.ts';
import { oracleOfGroups } from '../support/grouped.ts';
import { memoryWorld } from '../support/memory-engine.ts';
import { gatherOutcomes } from '../support/outcomes.ts';

interface Given {
  key: string;
  n: number;
}

/** Each row gives what it holds; groups are listed; a stage behind them counts. */
const groupedJob = (): Job =>
  defineJob(
    { name: 'grouped', input: ndjson() },
    each({ name: 'spread', process: (row) => ok.many((row as { gives: Given[] }).gives) }),
    groupBy({
      name: 'gather',
      key: ({ key }) => key,
      async process({ key, size, rows }, ctx) {
        const ns: number[] = [];
        for await (const { n } of rows) ns.push(n);
        if (size !== ns.length) throw new Error('size');
        return size === 3 ? skip('three') : ok({ key, ns, r: Math.floor(ctx.rng() * 1e6) });
      },
    }),
    each({ name: 'last', process: (row, ctx) => ok({ ...row, at: ctx.index }) }),
  ) as Job;

const worldOf = async (job: Job, rows: unknown[], limits: Limits = {}) => {
  const world = memoryWorld(job, { rows, limits });
  await world.start();
  await world.run();
  return { world, report: await world.report() };
};

const inputOf = (count: number, keys: number) =>
  Array.from({ length: count }, (_, n) => ({
    gives: n % 4 === 0 ? [] : [given(`k${(n * 7) % keys}`, n), given(`k${n % 5}`, n + 0.5)],
  }));

const given = (key: string, n: number): Given => ({ key, n });

interface Line {
  index: number;
  key: string;
  status: string;
  stage?: number;
  value?: { ns: number[]; at: number };
}

const linesOf = (outcomes: string, number: number): Line[] =>
  outcomes
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
    .filter(({ stage = 0 }) => stage === number);

/** What the oracle says of the second stage, against all that is recorded of it. */
function expectGroups(outcomes: string, rows: readonly Given[]): void {
  const groups = oracleOfGroups(rows, ({ key }) => key);
  expect(
    linesOf(outcomes, 1).map(({ index, key, value }) => ({ index, key, ns: value?.ns })),
  ).toEqual(
    groups.map(({ key, rows: own }, index) => ({
      ...{ index, key },
      ns: own.length === 3 ? undefined : own.map(({ n }) => n),
    })),
  );
  const kept = groups.filter(({ rows: own }) => own.length !== 3);
  expect(linesOf(outcomes, 2).map(({ value }) => value?.at)).toEqual(kept.map((_, at) => at));
}

/** One byte of the second is flipped, the third is gone. */
async function damageShuffles({ raw, id }: Awaited<ReturnType<typeof worldOf>>['world']) {
  const before = { batch: id, round: 0, stage: 0 };
  const second = shuffleKey({ ...before, chunk: 1 }, 1);
  const bytes = Buffer.from((await raw.objects.get(second)) ?? []);
  bytes[20] = (bytes[20] as number) ^ 1;
  await raw.objects.put(second, bytes);
  await raw.objects.delete(shuffleKey({ ...before, chunk: 2 }, 1));
}

describe('groupBy', () => {
  it('works the rows of each key together, in the order of their hashes, whatever the chunks and workers', async () => {
    const rows = inputOf(40, 25);
    const seen = new Set<string>();
    for (const [chunk, workers] of [
      [1, 1],
      [3, 4],
      [1000, 2],
    ] as const) {
      const { world, report } = await worldOf(groupedJob(), rows, { chunk, workers });
      expect(report.status).toBe('done');
      const outcomes = await world.outcomes();
      expectGroups(
        outcomes,
        rows.flatMap(({ gives }) => gives),
      );
      seen.add(await gatherOutcomes(world.raw.objects, world.id));
    }
    expect(seen.size).toBe(1);
    expect([...seen][0]).toContain('\n{"key":"k');
  }, 60_000);

  it('is verified, and says how it stands', async () => {
    const { world } = await worldOf(groupedJob(), inputOf(20, 9), { chunk: 5, workers: 2 });
    const verdict = await verifyBatch(world.engine, await world.batch(), undefined);
    expect(verdict.problems).toEqual([]);
    expect(verdict.checked).toContain('4 shuffle objects');
    await damageShuffles(world);
    const damaged = await verifyBatch(world.engine, await world.batch(), undefined);
    expect(damaged.problems).toEqual([
      expect.stringMatching(/shuffle\/0\/000001-1\.gz: its SHA-256 is not the one its part says/),
      expect.stringMatching(/shuffle\/0\/000002-1\.gz: the shuffle object is missing/),
    ]);
    const state = await batchState(world.engine.store, world.id);
    const [first, second] = state?.stages ?? [];
    expect(first?.doneItems).toBe(20);
    expect(second?.totalItems).toBe(second?.doneItems);
    expect(second?.totalItems).toBe(linesOf(await world.outcomes(), 1).length);
  }, 30_000);

  it('comes behind another groupBy, and last', async () => {
    const job = defineJob(
      { name: 'twice', input: ndjson() },
      each({ name: 'read', process: (row) => ok(row as Given) }),
      groupBy({
        name: 'sum',
        key: ({ key }) => key,
        process: async (group) => ok((await group.list()).reduce((sum, { n }) => sum + n, 0)),
      }),
      groupBy({
        name: 'parity',
        key: (sum) => (sum % 2 === 0 ? 'even' : 'odd'),
        process: ({ key, size }) => ok({ key, size }),
      }),
    ) as Job;
    const rows = Array.from({ length: 30 }, (_, n) => given(`k${n % 7}`, n));
    const { world } = await worldOf(job, rows, { chunk: 4, workers: 2 });
    const sums = oracleOfGroups(rows, ({ key }) => key).map(({ rows: own }) =>
      own.reduce((sum, { n }) => sum + n, 0),
    );
    const expected = oracleOfGroups(sums, (sum) => (sum % 2 === 0 ? 'even' : 'odd'));
    expect(linesOf(await world.outcomes(), 2).map(({ value }) => value)).toEqual(
      expected.map(({ key, rows: own }) => ({ key, size: own.length })),
    );
  }, 30_000);

  it('gives rows as often as they are asked for, and a list of no more than was asked for', async () => {
    const job = defineJob(
      { name: 'asked', input: ndjson() },
      each({ name: 'read', process: (row) => ok(row as Given) }),
      groupBy({
        name: 'list',
        key: ({ key }) => key,
        async process({ rows, list, size }) {
          const first: Given[] = [];
          for await (const row of rows) {
            first.push(row);
            if (first.length === 2) break;
          }
          const again: Given[] = [];
          for await (const row of rows) again.push(row);
          expect(again.slice(0, 2)).toEqual(first.slice(0, size));
          return ok((await list(4)).length);
        },
      }),
    ) as Job;
    const rows = [...'aaaaabbbbc'].map((key, n) => given(key, n));
    const { world, report } = await worldOf(job, rows);
    expect(report).toMatchObject({ failed: 1, ok: 12 });
    const [failure] = (await world.file('failures.jsonl')).trim().split('\n');
    expect(JSON.parse(failure as string)).toMatchObject({
      key: 'a',
      record: { key: 'a', size: 5 },
      where: 'a group of 5 rows of the stage before',
      error: {
        code: 'GROUP_TOO_LARGE',
        message:
          'group.list() gives at most 4 rows, and this group has 5: go through group.rows, or give a larger maximum.',
      },
    });
  }, 30_000);
});

describe('a chunk of groups', () => {
  it('is read again by whoever still reads it when it is over: its memory is the next one\u2019s', async () => {
    interface Late {
      rest: AsyncIterator<unknown>;
      list(): Promise<unknown[]>;
      first: unknown;
      key: string;
    }
    const late: Late[] = [];
    const job = defineJob(
      { name: 'late', input: ndjson(), limits: { chunk: 10 } },
      each({ name: 'read', process: (row) => ok(row as Given) }),
      groupBy({
        name: 'keep',
        key: ({ key }) => key,
        limits: { chunk: 2 },
        async process({ key, rows, list }) {
          const rest = rows[Symbol.asyncIterator]();
          const { value: first } = await rest.next();
          late.push({ key, rest, list, first });
          return ok(key);
        },
      }),
    ) as Job;
    const rows = Array.from({ length: 60 }, (_, n) => given(`k${n % 12}`, n));
    await worldOf(job, rows);
    expect(late).toHaveLength(12);
    for (const { key, rest, list, first } of late) {
      const own = rows.filter((row) => row.key === key);
      const seen = [first];
      for (let step = await rest.next(); !step.done; step = await rest.next())
        seen.push(step.value);
      expect(seen).toEqual(own);
      expect(await list()).toEqual(own);
    }
  });

  it('works one group although its reading took the whole budget', async () => {
    const job = groupedJob();
    const { world } = await worldOf(job, inputOf(20, 9));
    const settings = settingsOf(job);
    const open = (state: ControlState) =>
      openAttempt(
        {
          ...{
            clock: world.engine.clock,
            random: () => 0,
            objects: world.raw.objects,
            job,
            settings,
          },
          ...{ usage: () => ({ cpuMs: 0, rssBytes: 0 }), options: {}, secrets: {}, now: 0 },
          ...{ worker: 'w', process: 'p', input: {} as Input },
        },
        {
          id: { batch: world.id, round: 0, stage: 1, chunk: 0 },
          range: { source: 0, start: 0, end: PREFIXES, first: 0, count: Number.POSITIVE_INFINITY },
          ...{ epoch: 1, cursor: 0, saved: undefined, careful: false },
        },
        { state: () => state },
      );
    const groups = linesOf(await world.outcomes(), 1).length;
    const drained = await (await open('drain')).work(Number.POSITIVE_INFINITY);
    expect(drained).toEqual({ cursor: 1, count: groups, state: 'drain' });
    const paused = await (await open('pause')).work(Number.POSITIVE_INFINITY);
    expect(paused).toEqual({ cursor: 0, count: groups, state: 'pause' });
  }, 30_000);

  it('reads a key that does not fit in memory again, each time it is asked for', async () => {
    const pad = 'x'.repeat(6_000);
    const job = defineJob(
      { name: 'heavy', input: ndjson() },
      each({
        name: 'read',
        process: (row) => ok({ key: 'heavy', pad, ...(row as { n: number; key?: string }) }),
      }),
      groupBy({
        name: 'sum',
        key: ({ key }) => key,
        async process({ key, size, rows }) {
          const sums = [0, 0];
          for (const at of [0, 1]) {
            let before = -1;
            for await (const row of rows) {
              if (row.n <= before || row.pad !== pad) throw new Error(`${row.n}`);
              sums[at] = (sums[at] ?? 0) + row.n;
              before = row.n;
            }
          }
          return ok({ key, size, sums });
        },
      }),
    ) as Job;
    const count = 4_000;
    const rows = Array.from({ length: count }, (_, n) =>
      n % 100 === 0 ? { n, key: `${n}` } : { n },
    );
    const { world, report } = await worldOf(job, rows, { workers: 2 });
    expect(report).toMatchObject({ failed: 0, ok: count + 41 });
    const heavy = linesOf(await world.outcomes(), 1).find(({ key }) => key === 'heavy');
    const sum = rows.reduce((all, { n, key }) => (key === undefined ? all + n : all), 0);
    expect(heavy?.value).toEqual({ key: 'heavy', size: 3_960, sums: [sum, sum] });
  }, 60_000);
});

describe('bad input of groupBy', () => {
  const keyed = (keyOf: (row: unknown) => unknown, times = 1): Job =>
    defineJob(
      { name: 'keyed', input: ndjson() },
      each({ name: 'read', process: (row) => ok.many(new Array<unknown>(times).fill(row)) }),
      groupBy({
        name: 'by-key',
        key: (row) => keyOf(row) as string,
        process: ({ size }) => ok(size),
      }),
    ) as Job;

  it('a row without a fit key fails the item that gave it', async () => {
    const keys = [
      ...[undefined, null, 7, '', 'x'.repeat(1_000_000), 'x'.repeat(1025), 'é'.repeat(513)],
      ...['x'.repeat(1024), 'é'.repeat(512), 'fine'],
    ];
    const rows = keys.map((_, n) => ({ n }));
    const { world, report } = await worldOf(
      keyed((row) => {
        const { n } = row as { n: number };
        if (n === 9) throw new TypeError('no name');
        return keys[n];
      }),
      rows,
    );
    expect(report).toMatchObject({ status: 'done', failed: 8, ok: 4 });
    const failures = (await world.file('failures.jsonl')).trim().split('\n');
    const told = failures.map((line) => JSON.parse(line) as { index: number; error: object });
    const must = "key(row) of groupBy 'by-key' must give a string of 1 to 1024 UTF-8 bytes; ";
    expect(told.map(({ index, error }) => [index, error])).toEqual(
      [
        [0, 'got undefined.'],
        [1, 'got null.'],
        [2, 'got number.'],
        [3, 'got an empty string.'],
        [4, 'got 1000000 bytes.'],
        [5, 'got 1025 bytes.'],
        [6, 'got 1026 bytes.'],
        [9, 'it threw: no name.'],
      ].map(([index, got]) => [
        index,
        {
          ...{ kind: 'invalid', code: 'bad-key' },
          message: `${must}${got}`,
        },
      ]),
    );
    expect(told[0]).toMatchObject({ record: { n: 0 } });
    expect(linesOf(await world.outcomes(), 1).map(({ key }) => key.length)).toContain(1024);
  }, 30_000);

  it('unpaired surrogates are keys of their own, though UTF-8 has one hash for all', async () => {
    const keys = ['\ud800', '\ud801', '\udfff', '\ufffd', '\ud83d\ude00', '\ud800'];
    const { world } = await worldOf(
      keyed((row) => (row as { key: string }).key),
      keys.map((key, n) => given(key, n)),
      { chunk: 2 },
    );
    const groups = oracleOfGroups(keys, (key) => key);
    expect(linesOf(await world.outcomes(), 1).map(({ key }) => key)).toEqual(
      groups.map(({ key }) => key),
    );
    expect(groups).toHaveLength(5);
  }, 30_000);

  it('a stage that gives nothing leaves it empty, and the batch ends', async () => {
    const rows = Array.from({ length: 12 }, () => ({ gives: [] }));
    const { report } = await worldOf(groupedJob(), rows, { chunk: 2 });
    expect(report).toMatchObject({ status: 'done', total: 12 });
    expect(report.stages?.map(({ total, chunks }) => [total, chunks])).toEqual([
      [12, 6],
      [0, 0],
      [0, 0],
    ]);
    const none = await worldOf(groupedJob(), []);
    expect(none.report).toMatchObject({ status: 'done', total: 0, chunks: 0 });
  }, 30_000);

  it('a key is looked at once where an item gives one row, whatever the job would say later', async () => {
    let looks = 0;
    const { world } = await worldOf(
      keyed(() => {
        looks += 1;
        return looks === 1 ? 'a' : '';
      }),
      [{ n: 1 }],
    );
    expect(await world.batch()).toMatchObject({ status: 'done' });
    expect(looks).toBe(1);
  }, 30_000);

  it('a key that changes between two looks ends the batch, and says what to do', async () => {
    let looks = 0;
    const { world } = await worldOf(
      keyed(() => {
        looks += 1;
        return looks <= 2 ? 'a' : '';
      }, 2),
      [{ n: 1 }],
    );
    expect(await world.batch()).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('Before, the same row had a key.') as string,
    });
  }, 30_000);

  it.each([
    [
      [groupBy({ name: 'a', key: String, process: () => ok(1) })],
      "stage 'a' is a groupBy: put an each({...}) before it that gives its rows",
    ],
    [
      [each({ name: 'a', process: ok }), groupBy({ name: 'b', process: () => ok(1) } as never)],
      "groupBy 'b' needs key(row) and process(group, ctx)",
    ],
    [
      [each({ name: 'a', process: ok }), groupBy({ name: 'b', key: String } as never)],
      "groupBy 'b' needs key(row) and process(group, ctx)",
    ],
  ])('a job with stages %# is refused', (stages, why) => {
    const define = defineJob as (definition: object) => unknown;
    expect(() => define({ name: 'bad', input: ndjson(), stages })).toThrow(why);
  });
});

const FULL = process.env['SLUICE_FULL'] !== undefined;

describe('groupBy against a sequential oracle', () => {
  it('gives the same groups at any chunk size, whenever the process dies, and whoever goes on', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'é', '\ud800', 'long '.repeat(20), '"', '\n');
    const row = fc.record({ gives: fc.array(fc.record({ key, n: fc.nat(99) }), { maxLength: 4 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 12 }),
        fc.record({
          chunk: fc.integer({ min: 1, max: 6 }),
          workers: fc.integer({ min: 1, max: 3 }),
        }),
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 2 }),
        async (rows, limits, deaths) => {
          let after: ReturnType<typeof memoryWorld>['raw'] | undefined;
          for (const at of [...deaths, Number.POSITIVE_INFINITY]) {
            const death = dyingAt(at);
            const options = { rows, limits, ...(after === undefined ? {} : { after }) };
            const world = memoryWorld(groupedJob(), { ...options, onCall: death.onCall });
            after = world.raw;
            try {
              await world.start();
              await world.takeUp();
              await world.run();
              expect((await world.batch()).status).toBe('done');
              const outcomes = await world.outcomes();
              expectGroups(
                outcomes,
                rows.flatMap(({ gives }) => gives),
              );
              const verdict = await verifyBatch(world.engine, await world.batch(), undefined);
              // Looking at the end may be what it dies of.
              if (death.moments() < at) expect(verdict.problems).toEqual([]);
            } catch (error) {
              if (!(error instanceof Crash)) throw error;
            }
          }
        },
      ),
      { numRuns: FULL ? 300 : 12 },
    );
  }, 600_000);
});

const sumsOf = (blocks: readonly BlockFacts[]) => {
  const sums = newBlockSums();
  for (const block of blocks) sums.add(block);
  return sums;
};

describe('cuts', () => {
  it('cover all hashes without a gap, whatever the blocks', () => {
    const prefix = fc.integer({ min: 0, max: PREFIXES - 1 });
    const block = fc
      .record({
        ...{ a: prefix, b: fc.oneof(prefix, fc.constant(undefined)) },
        ...{ rows: fc.integer({ min: 1, max: 1e5 }), bytes: fc.integer({ min: 1, max: 1e7 }) },
      })
      .map(({ a, b = a, ...rest }) => ({ ...rest, first: Math.min(a, b), last: Math.max(a, b) }));
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 1000 }),
        (blocks, chunk) => {
          const cuts = cutGroups(sumsOf(blocks), { parts: blocks.length, chunk });
          expect(cuts).toEqual(cutGroups(sumsOf(blocks), { parts: blocks.length, chunk }));
          expect(cuts[0]?.range.start).toBe(0);
          expect(cuts.at(-1)?.range.end).toBe(PREFIXES);
          for (const [at, { range }] of cuts.entries()) {
            expect(range.end).toBeGreaterThan(range.start);
            if (at > 0) expect(range.start).toBe(cuts[at - 1]?.range.end);
          }
        },
      ),
      { numRuns: FULL ? 200 : 5 },
    );
  });

  it('give a heavy key a chunk of its own', () => {
    const heavy = { first: 2 ** 31, last: 2 ** 31, rows: 1000, bytes: 100_000 };
    const light = { first: 0, last: PREFIXES - 1, rows: 1000, bytes: 100_000 };
    const cuts = cutGroups(sumsOf([light, heavy]), { parts: 1, chunk: 100 });
    const around = cuts.find(({ range }) => range.start <= 2 ** 31 && range.end > 2 ** 31);
    expect((around?.range.end ?? 0) - (around?.range.start ?? 0)).toBe(PREFIXES / 65_536);
    expect(cuts.length).toBeGreaterThan(10);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job, Limits } from '../../lib/core/job.ts';
import { REPORT_FILES, reportKey } from '../../lib/core/keys.ts';
import type { Report } from '../../lib/core/report.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import { listBatches } from '../../lib/engine/batch.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import { items } from '../../lib/engine/items.ts';
import { planRetry } from '../../lib/engine/plan-retry.ts';
import { batchState } from '../../lib/engine/status.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import {
  defineJob,
  each,
  ndjson,
  ok,
  PermanentError,
  StalledError,
  skip,
} from '../../lib/index.ts';
import { memoryWorld } from '../support/memory-engine.ts';

const STAGES = ['first', 'second', 'third'] as const;

/** What an item carries from stage to stage: the path of places that it came by, which names it for the oracle. */
interface Row {
  path: string;
}

/** How an item ends in a round, by its path alone: what failed is well, skipped, or fails again in later rounds. */
type Fate = { ends: 'ok'; gives: number } | { ends: 'skip' | 'fail' | 'other' | 'stall' };

function fateOf(path: string, stage: number, round: number): Fate {
  let word = 2_166_136_261 ^ (stage * 7_919);
  for (const char of path) word = Math.imul(word ^ char.charCodeAt(0), 16_777_619);
  word = (word ^ (word >>> 13)) >>> 0;
  const share = word % 100;
  const well: Fate = { ends: 'ok', gives: (word >>> 8) % 4 };
  if (share < 60) return well;
  if (share < 68) return { ends: 'skip' };
  // Ends otherwise from a round of its own on.
  if ((word >>> 12) % 4 < round) return (word >>> 16) % 5 === 0 ? { ends: 'skip' } : well;
  return { ends: share < 80 ? 'fail' : share < 92 ? 'other' : 'stall' };
}

let round = 0;
/** Called as each item starts, with its stage. */
let look: ((stage: number) => Promise<void>) | undefined;
const seen: { stage: number; index: number; path: string; draw: number }[] = [];

const stageOf = (stage: number) =>
  each<Row, Row, Record<string, unknown>>({
    name: STAGES[stage] as string,
    key: ({ path }) => path,
    retry: { tries: 1 },
    async process({ path }, ctx) {
      seen.push({ stage, index: ctx.index, path, draw: ctx.rng() });
      await look?.(stage);
      const fate = fateOf(path, stage, round);
      if (fate.ends === 'skip') return skip('nothing to do');
      if (fate.ends === 'stall') throw new StalledError('silent');
      if (fate.ends !== 'ok') throw new PermanentError(`no ${path}`, { code: fate.ends });
      return ok.many(Array.from({ length: fate.gives }, (_, at) => ({ path: `${path}.${at}` })));
    },
  });

const job = defineJob({
  name: 'staged',
  input: ndjson() as never,
  stages: STAGES.map((_, stage) => stageOf(stage)),
} as never) as Job;

const ROWS = Array.from({ length: 40 }, (_, at): Row => ({ path: `${at}` }));

const worldOf = (limits: Limits = { chunk: 4, workers: 3 }, rows = ROWS) =>
  memoryWorld(job, { rows, limits });
type World = ReturnType<typeof worldOf>;

async function begin(world: World): Promise<void> {
  round = 0;
  await world.start();
}

async function retry(world: World, filter?: RetryFilter) {
  const plan = await world.retry(filter);
  round = plan.round;
  return plan;
}

async function reportOf(world: World, of: number): Promise<Report> {
  const bytes = await world.engine.objects.get(reportKey(world.id, of, 'report.json'));
  return JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
}

/** The batch as its items are: `stage/index key status round`. */
async function itemsOf(world: World): Promise<string[]> {
  const all: string[] = [];
  for await (const { outcome, facts } of items(world.engine, await world.batch(), {})) {
    const { stage = 0, round: of = 0 } = facts;
    all.push(`${stage}/${outcome.index} ${outcome.key} ${outcome.status} ${of}`);
  }
  return all;
}

/** One item of the oracle. */
interface Known {
  index: number;
  path: string;
  ends: string;
  round: number;
}

/** What an undisturbed run leaves, one item after another: written down without the engine. */
function oracle(rounds: readonly RetryFilter[], rows = ROWS) {
  const stages: Known[][] = STAGES.map(() => []);
  for (const [of, filter] of rounds.entries()) {
    let taken = 0;
    const wanted = ({ ends }: Known, stage: number): boolean => {
      if (ends !== 'fail' && ends !== 'other' && ends !== 'stall') return false;
      if (ends === 'stall' && filter.stalled !== true) return false;
      if (filter.stage !== undefined && STAGES[stage] !== filter.stage) return false;
      if (filter.codes !== undefined && !filter.codes.includes(ends)) return false;
      taken += 1;
      return taken <= (filter.first ?? Number.POSITIVE_INFINITY);
    };
    const retried =
      of === 0 ? [] : stages.map((known, stage) => known.filter((one) => wanted(one, stage)));
    let given: string[] = of === 0 ? rows.map(({ path }) => path) : [];
    for (const [stage, known] of stages.entries()) {
      const fresh = given.map((path, at): Known => {
        return { index: known.length + at, path, ends: '', round: of };
      });
      known.push(...fresh);
      given = [];
      for (const item of [...(retried[stage] ?? []), ...fresh]) {
        const fate = fateOf(item.path, stage, of);
        [item.ends, item.round] = [fate.ends, of];
        for (let at = 0; fate.ends === 'ok' && at < fate.gives; at += 1)
          given.push(`${item.path}.${at}`);
      }
    }
  }
  const STATUS: Record<string, string> = { ok: 'ok', skip: 'skipped', stall: 'stalled' };
  return stages.flatMap((known, stage) =>
    known.map(
      ({ index, path, ends, round: of }) =>
        `${stage}/${index} ${path} ${STATUS[ends] ?? 'failed'} ${of}`,
    ),
  );
}

/** Report, status, failures and verify all say what the items say. */
async function agrees(world: World): Promise<Report> {
  const batch = await world.batch();
  const report = await reportOf(world, batch.round);
  const all = await itemsOf(world);
  const having = (status: string): number =>
    all.filter((line) => line.split(' ')[2] === status).length;
  const { total, ok: well, skipped, failed, stalled, notRun } = report;
  expect({ total, well, skipped, failed, stalled, notRun }).toEqual({
    ...{ total: all.length, well: having('ok'), skipped: having('skipped') },
    ...{ failed: having('failed'), stalled: having('stalled'), notRun: having('notRun') },
  });
  expect((await batchState(world.engine.store, world.id))?.open).toEqual({ failed, stalled });
  expect(
    report.details?.map(({ stage = 0, index, key, status, round: of = 0 }) => {
      return `${stage}/${index} ${key} ${status} ${of}`;
    }),
  ).toEqual(all);
  const bytes = await world.engine.objects.get(reportKey(world.id, batch.round, 'failures.jsonl'));
  const lines = Buffer.from(bytes ?? [])
    .toString()
    .split('\n')
    .filter(Boolean);
  expect(
    lines.map((line) => {
      const { stage = 0, index } = JSON.parse(line) as { stage?: number; index: number };
      return `${stage}/${index}`;
    }),
  ).toEqual(
    all.filter((line) => / (failed|stalled) /.test(line)).map((line) => line.split(' ')[0]),
  );
  const verdict = await verifyBatch(world.engine, batch, undefined);
  expect(verdict.problems).toEqual([]);
  return report;
}

describe('a retry over stages', () => {
  it('tries failed items of each stage, and what they give goes on; nothing else is touched', async () => {
    const world = worldOf();
    await begin(world);
    await world.run();
    expect(await itemsOf(world)).toEqual(oracle([{}]));
    const before = new Map(seen.map((one) => [`${one.stage}/${one.index}`, one]));
    const failed = (await itemsOf(world)).filter((line) => line.includes(' failed '));
    seen.length = 0;
    const plan = await retry(world);
    expect(plan.eligible).toBe(failed.length);
    await world.run();
    expect(await itemsOf(world)).toEqual(oracle([{}, {}]));
    // Retried ones see what they saw; the others that ran are new.
    const again = seen.filter(({ stage, index }) => before.has(`${stage}/${index}`));
    expect(again).toHaveLength(failed.length);
    for (const one of again) expect(one).toEqual(before.get(`${one.stage}/${one.index}`));
    expect(seen.length).toBeGreaterThan(again.length);
    const report = await agrees(world);
    expect(report.rounds?.map(({ stages }) => stages?.map(({ name }) => name))).toEqual([
      [...STAGES],
      [...STAGES],
    ]);
    expect(report.rounds?.[1]?.total).toBe(seen.length);
    seen.length = 0;
  });

  it('leaves the same bytes whatever the chunks and workers, retried again and again', async () => {
    const rounds: RetryFilter[] = [{}, { stalled: true }, { codes: ['fail'] }, {}];
    const made = new Set<string>();
    for (const [chunk, workers] of [
      [2, 1],
      [3, 4],
      [1000, 2],
    ] as const) {
      const world = worldOf({ chunk, workers });
      await begin(world);
      await world.run();
      const digests: (string | undefined)[] = [];
      for (const filter of rounds.slice(1)) {
        await retry(world, filter);
        await world.run();
        const report = await agrees(world);
        digests.push(report.digests.outcomes);
      }
      expect(await itemsOf(world)).toEqual(oracle(rounds));
      made.add(JSON.stringify([digests, await world.outcomes()]));
    }
    expect(made.size).toBe(1);
  });

  it.each<[string, RetryFilter]>([
    ['a stage', { stage: 'second' }],
    ['a code', { codes: ['other'] }],
    ['the first few', { first: 9 }],
    ['stalled ones of the last stage', { stage: 'third', stalled: true }],
  ])('can be asked for %s', async (_, filter) => {
    const world = worldOf();
    await begin(world);
    await world.run();
    await retry(world, filter);
    await world.run();
    await agrees(world);
    await retry(world);
    await world.run();
    expect(await itemsOf(world)).toEqual(oracle([{}, filter, {}]));
  });

  it('plans a long list as it is worked, and works all of it', async () => {
    // Every row fails in the second stage, and is well in round 1.
    const all = Array.from({ length: 600 }, (_, at): Row => ({ path: `${at}` }));
    const rows = all.filter(({ path }) => {
      const [first, then] = [fateOf(path, 0, 0), fateOf(`${path}.0`, 1, 0)];
      return first.ends === 'ok' && first.gives === 1 && ['fail', 'other'].includes(then.ends);
    });
    const limits = { chunk: 1, workers: 1 };
    const world = worldOf(limits, [...rows, ...rows, ...rows, ...rows]);
    await begin(world);
    await world.run();
    const { eligible } = await retry(world);
    expect(eligible).toBeGreaterThan(55);
    let most = 0;
    look = async () => {
      const state = await batchState(world.engine.store, world.id);
      most = Math.max(most, state?.stages?.[1]?.queuedChunks ?? 0);
    };
    await world.run();
    look = undefined;
    expect(await itemsOf(world)).toEqual(oracle([{}, {}], [...rows, ...rows, ...rows, ...rows]));
    const window = world.engine.windows?.[1] as number;
    expect(most).toBeGreaterThan(25);
    expect(most).toBeLessThanOrEqual(2 * window + 50);
  });

  it('says which stages there are when asked for another one', async () => {
    const world = worldOf();
    await begin(world);
    await world.run();
    await expect(
      planRetry(world.engine, await world.batch(), { stage: 'fourth' }),
    ).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining("has no stage 'fourth'") as string,
      hint: 'Its stages: first, second, third.',
    });
  });

  it('resolves the batch once nothing has failed', async () => {
    const world = worldOf();
    await begin(world);
    await world.run();
    for (let left = true; left; ) {
      await retry(world, { stalled: true });
      await world.run();
      const { failed, stalled } = await reportOf(world, round);
      left = failed + stalled > 0;
    }
    await agrees(world);
    expect((await listBatches(world.engine.store))[0]).toMatchObject({
      resolvedAt: expect.any(Number) as number,
    });
    expect(await itemsOf(world)).toEqual(
      oracle(Array.from({ length: round + 1 }, () => ({ stalled: true }))),
    );
  });

  it('ends when what it reads is gone, and leaves the items as they were', async () => {
    const world = worldOf();
    await begin(world);
    await world.run();
    const before = await itemsOf(world);
    await retry(world, { stage: 'second' });
    for await (const key of world.raw.objects.list(`batches/${world.id}/r0/parts/0/`)) {
      await world.raw.objects.delete(key);
    }
    await world.run();
    expect(await world.batch()).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('What round 0 gave is not there any more') as string,
    });
    // Without its parts the first stage is not listed either.
    const report = await reportOf(world, 1);
    const failed = before.filter((line) => line.includes(' failed ')).length;
    expect(report.failed).toBe(failed);
  });
});

describe('a round that is cut short', () => {
  /** What a round of the batch that was cut short must not have changed, and what it may. */
  async function checkCut(world: World, before: readonly string[]): Promise<void> {
    await agrees(world);
    const after = await itemsOf(world);
    const was = new Map(before.map((line) => [line.split(' ')[0], line]));
    const round1 = after.filter((line) => line.endsWith(' 1'));
    // Every item that counts came through: what it gave is there, to the last stage.
    for (const line of round1) {
      const [place = '', path = '', status] = line.split(' ');
      const stage = Number(place.split('/')[0]);
      const fate = fateOf(path, stage, 1);
      const given = fate.ends === 'ok' && stage < 2 ? fate.gives : 0;
      for (let at = 0; at < given; at += 1) {
        const there = round1.some(
          (one) => one.startsWith(`${stage + 1}/`) && one.split(' ')[1] === `${path}.${at}`,
        );
        expect([line, at, there]).toEqual([line, at, true]);
      }
      if (was.has(place)) expect(was.get(place)).not.toContain(' ok ');
      expect(status).not.toBe('notRun');
    }
    // And nobody else changed.
    for (const [place, line] of was) {
      const now = after.find((one) => one.startsWith(`${place} `));
      if (now !== line) expect(now?.endsWith(' 1')).toBe(true);
    }
    for (const line of after)
      expect(was.has(line.split(' ')[0] as string) || line.endsWith(' 1')).toBe(true);
  }

  it('counts only what came through to the last stage; the next round takes the rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 120 }),
        fc.constantFrom(1, 2, 5),
        fc.integer({ min: 1, max: 4 }),
        async (after, chunk, workers) => {
          const world = worldOf({ chunk, workers });
          await begin(world);
          await world.run();
          const before = await itemsOf(world);
          await retry(world, { stalled: true });
          let started = 0;
          look = async () => {
            started += 1;
            if (started === after)
              await stopBatch(world.engine, world.id, { stop: 'cancel', reason: 'asked to' });
          };
          await world.run();
          look = undefined;
          await checkCut(world, before);
          for (const file of REPORT_FILES) {
            const key = reportKey(world.id, 1, file);
            const first = Buffer.from((await world.raw.objects.get(key)) ?? []).toString('base64');
            await finalise(world.engine, { batch: world.id, round: 1 });
            const then = Buffer.from((await world.raw.objects.get(key)) ?? []).toString('base64');
            expect(then).toBe(first);
          }
          await retry(world, { stalled: true });
          await world.run();
          expect((await world.batch()).status).toBe('done');
          await agrees(world);
        },
      ),
      { numRuns: process.env['SLUICE_FULL'] === '1' ? 100 : 6 },
    );
  }, 300_000);
});

import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../lib/core/errors.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { partsPrefix, savedPrefix } from '../../lib/core/keys.ts';
import { ok, skip } from '../../lib/core/outcome.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { Crash, dyingAt } from '../support/dying.ts';
import { copyStores, memoryWorld } from '../support/memory-engine.ts';

const ROWS = Array.from({ length: 12 }, (_, at) => ({ at }));
const LIMITS = { chunk: 4, concurrency: 2, workers: 1 };

const job = defineJob<{ at: number }, unknown, Record<string, unknown>>({
  name: 'twelve',
  input: ndjson() as never,
  process({ at }, ctx) {
    if (at % 5 === 4) throw new PermanentError(`no ${at}`);
    return at % 5 === 3 ? skip('odd one') : ok({ at, draw: ctx.rng() });
  },
}) as Job;

async function undisturbed(): Promise<{ outcomes: string; moments: number }> {
  const count = dyingAt(Number.POSITIVE_INFINITY);
  const world = memoryWorld(job, { rows: ROWS, limits: LIMITS, onCall: count.onCall });
  await world.start();
  await world.run();
  return { outcomes: await world.outcomes(), moments: count.moments() };
}

describe('a small world of 12 items in 3 chunks', () => {
  it('ends with the same outcomes after a crash before or after every single call', async () => {
    const { outcomes, moments } = await undisturbed();
    expect(moments).toBeGreaterThan(100);
    for (let n = 1; n <= moments; n += 1) {
      let crashed = false;
      const dying = dyingAt(n);
      const world = memoryWorld(job, { rows: ROWS, limits: LIMITS, onCall: dying.onCall });
      try {
        await world.start();
        await world.run();
      } catch (error) {
        crashed = error instanceof Crash;
        if (!crashed) throw error;
      }
      const next = memoryWorld(job, { rows: ROWS, limits: LIMITS, after: world.raw });
      await next.start();
      await next.takeUp();
      await next.run();
      expect((await next.batch()).status, `crash at moment ${n}`).toBe('done');
      expect(await next.outcomes(), `crash at moment ${n}`).toBe(outcomes);
      if (!crashed) break;
    }
  }, 60_000);

  it('reads nothing of an object that is not committed: each cut at every byte, resumed', async () => {
    const { outcomes, moments } = await undisturbed();
    let cuts = 0;
    for (let n = 1; n <= moments; n += 1) {
      const dying = dyingAt(n);
      let last = '';
      const onCall = (moment: string, call: string): void => {
        dying.onCall();
        last = `${moment} ${call}`;
      };
      const world = memoryWorld(job, { rows: ROWS, limits: LIMITS, onCall });
      await world.start().then(world.run).catch(ignoreCrash);
      // Only where an object was just stored and nothing points at it yet.
      if (last !== 'after objects.put' || dying.moments() < n) continue;
      for (const key of await uncommitted(world)) {
        const { length } = (await world.raw.objects.get(key)) as Uint8Array;
        for (let bytes = 0; bytes < length; bytes += STEP) {
          const stores = await copyStores(world.raw, world.id);
          await stores.objects.put(
            key,
            ((await stores.objects.get(key)) as Uint8Array).slice(0, bytes),
          );
          const next = memoryWorld(job, { rows: ROWS, limits: LIMITS, after: stores });
          await next.takeUp();
          await next.run();
          expect(await next.outcomes(), `${key} cut to ${bytes} bytes`).toBe(outcomes);
          cuts += 1;
        }
      }
    }
    expect(cuts).toBeGreaterThan(20);
  }, 120_000);
});

/** Every byte in the long run, a sample of them else. */
const STEP = process.env['SLUICE_FULL'] ? 1 : 31;

function ignoreCrash(error: unknown): void {
  if (!(error instanceof Crash)) throw error;
}

type World = ReturnType<typeof memoryWorld>;

/** Parts without a mark and saved prefixes that no chunk names. */
async function uncommitted(world: World): Promise<string[]> {
  const records = await world.raw.store.query(world.id, 'C', 'U');
  const text = JSON.stringify(records);
  const found: string[] = [];
  const id = { batch: world.id, round: 0, stage: 0 };
  for await (const key of world.raw.objects.list(savedPrefix(id))) {
    if (!text.includes(key)) found.push(key);
  }
  const marks = records.find(({ sort }) => sort.startsWith('T'))?.record ?? {};
  for await (const key of world.raw.objects.list(partsPrefix(id))) {
    const [chunk, epoch] = (key.match(/(\d+)-(\d+)\.gz$/) ?? []).slice(1).map(Number);
    if (marks[`m${chunk}`] !== epoch) found.push(key);
  }
  return found;
}

describe('verify', () => {
  const finished = async (): Promise<World> => {
    const world = memoryWorld(job, { rows: ROWS, limits: LIMITS });
    await world.start();
    await world.run();
    return world;
  };
  const problems = async (world: World): Promise<string[]> =>
    (await verifyBatch(world.engine, await world.batch(), undefined)).problems;

  it('finds a committed part cut at any byte', async () => {
    const world = await finished();
    const { objects } = world.engine;
    expect(await problems(world)).toEqual([]);
    for await (const key of objects.list(partsPrefix({ batch: world.id, round: 0, stage: 0 }))) {
      const whole = (await objects.get(key)) as Uint8Array;
      for (let bytes = 0; bytes < whole.length; bytes += STEP) {
        await objects.put(key, whole.slice(0, bytes));
        expect((await problems(world)).join(), `${key} cut to ${bytes}`).toContain(key);
      }
      await objects.put(key, whole);
    }
    expect(await problems(world)).toEqual([]);
  });

  it('finds one flipped byte in any file of the batch folder', async () => {
    const world = await finished();
    const { objects } = world.engine;
    let flips = 0;
    for await (const key of objects.list(`batches/${world.id}/`)) {
      const whole = (await objects.get(key)) as Uint8Array;
      const step = key.includes('/parts/') ? STEP : Math.max(STEP, Math.floor(whole.length / 40));
      for (let at = 0; at < whole.length; at += step) {
        const flipped = Uint8Array.from(whole);
        flipped[at] = (flipped[at] as number) ^ 1;
        await objects.put(key, flipped);
        expect((await problems(world)).length, `${key} byte ${at}`).toBeGreaterThan(0);
        flips += 1;
      }
      await objects.put(key, whole);
    }
    expect(flips).toBeGreaterThan(100);
    expect(await problems(world)).toEqual([]);
  });
});

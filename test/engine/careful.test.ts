import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { memoryWorld } from '../support/memory-engine.ts';

const ROWS = Array.from({ length: 12 }, (_, at) => at);
const LIMITS = { chunk: 6, concurrency: 2, workers: 1 };
const PAIRS = process.env['SLUICE_FULL'] ? { first: 5, second: 7 } : { first: 23, second: 19 };
const SEEDS = process.env['SLUICE_FULL'] ? 1500 : 80;

class Death extends Error {}

/** A process that dies at its n-th call of a store or queue, or when `die` is called; then nothing of it happens any more. */
function mortal(n: number) {
  let moments = 0;
  let dead = false;
  let tell = (): void => undefined;
  const died = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const die = (): void => {
    dead = true;
    tell();
  };
  return {
    died,
    die,
    moments: () => moments,
    onCall(): void {
      moments += 1;
      if (moments >= n) die();
      if (dead) throw new Death();
    },
  };
}

type Mortal = ReturnType<typeof mortal>;

/** The item at `killer` ends its process each time it runs. */
function jobOf(current: () => Mortal, killer: number | undefined): Job {
  return defineJob<number, number, Record<string, unknown>>({
    name: 'careful',
    input: ndjson() as never,
    process(row) {
      if (row !== killer) return ok(row * 2);
      current().die();
      return new Promise(() => undefined);
    },
  }) as Job;
}

interface Lives {
  /** At which call each life ends; lives beyond the list end only by the killer. */
  deaths: number[];
  killer?: number | undefined;
  clockRate?: number;
}

/** Lets one life follow another until the batch has ended. */
async function live({
  deaths,
  killer,
  clockRate = 1,
}: Lives): Promise<{ outcomes: string; lives: number; moments: number }> {
  let life = mortal(Number.POSITIVE_INFINITY);
  const job = jobOf(() => life, killer);
  let world: ReturnType<typeof memoryWorld> | undefined;
  for (let lives = 1; lives <= 40; lives += 1) {
    life = mortal(deaths[lives - 1] ?? Number.POSITIVE_INFINITY);
    const { onCall } = life;
    world = memoryWorld(job, {
      rows: ROWS,
      limits: LIMITS,
      onCall,
      clockRate,
      ...(world ? { after: world.raw } : {}),
    });
    const run = async (one: NonNullable<typeof world>): Promise<void> => {
      await one.start();
      await one.takeUp();
      await one.run();
    };
    await Promise.race([run(world).catch(ignoreDeath), life.died]);
    const after = memoryWorld(job, { rows: ROWS, limits: LIMITS, after: world.raw });
    if ((await after.batch())?.status === 'done') {
      return { outcomes: await after.outcomes(), lives, moments: life.moments() };
    }
  }
  throw new Error('The batch did not end within 40 lives.');
}

function ignoreDeath(error: unknown): void {
  if (!(error instanceof Death)) throw error;
}

const failed = (outcomes: string): number[] =>
  outcomes
    .split('\n')
    .map((line) => JSON.parse(line) as { index: number; status: string })
    .filter(({ status }) => status !== 'ok')
    .map(({ index }) => index);

/** An item is at work for four calls, from its naming to its save: whether it may be at work at three of the deaths. */
const blamesAnItem = (deaths: readonly number[]): boolean => {
  const sorted = [...deaths].sort((a, b) => a - b);
  return sorted.some((death, at) => (sorted[at + 2] ?? Number.POSITIVE_INFINITY) - death < 8);
};

describe('careful mode', () => {
  it('ends with the same outcomes when a life dies, and the careful one after it too', async () => {
    const calm = await live({ deaths: [] });
    expect(failed(calm.outcomes)).toEqual([]);
    for (let first = 20; first < calm.moments; first += PAIRS.first) {
      for (let second = 3; second < calm.moments; second += PAIRS.second) {
        const { outcomes } = await live({ deaths: [first, second] });
        expect(outcomes, `deaths at ${first} and ${second}`).toBe(calm.outcomes);
      }
    }
  }, 120_000);

  it.each([0, 5, 6, 7, 11])(
    'fails the killer at %i alone, after one unnamed and three named deaths',
    async (killer) => {
      const { outcomes, lives } = await live({ deaths: [], killer });
      expect(failed(outcomes)).toEqual([killer]);
      expect(outcomes).toContain('CRASHED');
      expect(lives).toBe(5);
    },
  );

  it('fails no good item when other deaths come between, and always ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        // Three deaths while one item is at work are what makes a killer, whatever died in between and named nobody.
        fc
          .array(fc.integer({ min: 10, max: 140 }), { maxLength: 6 })
          .filter((deaths) => !blamesAnItem(deaths)),
        fc.option(fc.integer({ min: 0, max: 11 }), { nil: undefined }),
        // From no save at all in so small a world to one after every item.
        fc.constantFrom(1, 300, 100_000),
        async (deaths, killer, clockRate) => {
          const { outcomes } = await live({ deaths, killer, clockRate });
          expect(outcomes.split('\n')).toHaveLength(ROWS.length);
          expect(failed(outcomes)).toEqual(killer === undefined ? [] : [killer]);
        },
      ),
      { numRuns: SEEDS },
    );
  }, 240_000);
});

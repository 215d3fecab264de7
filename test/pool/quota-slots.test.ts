import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../lib/core/job.ts';
import { GRACE_MS, jobQuotas, type QuotaDefinition, type QuotaPlan } from '../../lib/core/quota.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import {
  packBuckets,
  type QuotaState,
  takeSlots,
  unpackBuckets,
} from '../../lib/pool/quota-slots.ts';
import { mostInWindow } from '../support/rolling-window.ts';

const RUNS = process.env['SLUICE_FULL'] ? 2000 : 60;
const NONE: QuotaState = { nextUs: 0, used: [] };
const START_MS = 1_700_000_000_000;
const SEND_MS = 500;

const planOf = (definition: QuotaDefinition): QuotaPlan =>
  jobQuotas({ name: 'j', quotas: { api: definition } } as unknown as Job, {})[0]?.plan as QuotaPlan;

interface World {
  seed: number;
  windows: { calls: number; ms: number }[];
  workers: number;
  skewMs: number;
  block: number;
  /** Share of slots before which a worker stands still, and for how long at most. */
  pauses: number;
  pauseMs: number;
  crashes: number;
}

/** What a simpler design does otherwise. */
interface Variant {
  plan?: (plan: QuotaPlan) => QuotaPlan;
  take?: typeof takeSlots;
  noGrace?: boolean;
  givesBack?: boolean;
}

/** Plays workers with clocks of their own on the true clock; when the remote counted each call, in ms. */
function play(world: World, variant: Variant = {}, minutes = 3): number[] {
  const { windows, workers, skewMs, block } = world;
  const random = seededRandom(`quota ${world.seed}`);
  const [first, ...also] = windows.map(({ calls, ms }) => ({ calls, per: `${ms}ms` }));
  const real = planOf({ ...(first as { calls: number; per: string }), also, skew: `${skewMs}ms` });
  const plan = variant.plan?.(real) ?? real;
  const take = variant.take ?? takeSlots;
  let state = NONE;
  const counted: number[] = [];
  const longest = Math.max(...windows.map(({ ms }) => ms));
  const end = START_MS + Math.max(minutes * 60_000, longest * 2.5);
  const all = Array.from({ length: workers }, () => ({
    at: START_MS + random() * 1000,
    skew: (random() * 2 - 1) * skewMs,
    slots: [] as number[],
  }));
  for (let steps = 0; steps < 40_000; steps += 1) {
    const worker = all.reduce((a, b) => (b.at < a.at ? b : a));
    if (worker.at >= end) break;
    const local = worker.at + worker.skew;
    const slot = worker.slots[0];
    if (slot === undefined) {
      const taken = take(state, plan, {
        nowUs: local * 1000,
        count: block,
        lastUs: (local + 5_000) * 1000,
      });
      if ('freeUs' in taken)
        worker.at += Math.min(taken.freeUs / 1000 - local, 20_000) + random() * 50;
      else {
        state = taken.state;
        worker.slots = taken.slots.map((us) => us / 1000);
      }
    } else if (local < slot) {
      worker.at += slot - local;
      if (random() < world.pauses) worker.at += random() * world.pauseMs;
      if (random() < world.crashes) {
        // It dies; what comes after it has another clock.
        worker.slots = [];
        worker.skew = (random() * 2 - 1) * skewMs;
        worker.at += 1_000 + random() * 5_000;
      }
    } else {
      worker.slots.shift();
      if (!variant.noGrace && local > slot + GRACE_MS) {
        if (variant.givesBack) state = { ...state, nextUs: state.nextUs - plan.gapUs };
      } else counted.push(worker.at + random() * SEND_MS);
      worker.at += random() * 20;
    }
  }
  return counted;
}

const excess = (world: World, times: number[]): string[] =>
  world.windows.flatMap(({ calls, ms }) => {
    const most = mostInWindow(times, ms);
    return most > calls ? [`${most} calls in ${ms} ms, ${calls} are allowed`] : [];
  });

const short = fc.record({
  calls: fc.integer({ min: 1, max: 60 }),
  ms: fc.constantFrom(1_000, 5_000, 10_000, 60_000, 600_000),
});
const long = fc.record({
  calls: fc.integer({ min: 1, max: 300 }),
  ms: fc.constantFrom(600_001, 900_000, 3_600_000, 86_400_000),
});
const worlds = (windows: fc.Arbitrary<World['windows']>): fc.Arbitrary<World> =>
  fc.record({
    seed: fc.nat(1_000_000),
    windows,
    workers: fc.integer({ min: 1, max: 8 }),
    skewMs: fc.integer({ min: 0, max: 500 }),
    block: fc.integer({ min: 1, max: 30 }),
    pauses: fc.constantFrom(0, 0.05, 0.3),
    pauseMs: fc.constantFrom(600, 5_000, 90_000),
    crashes: fc.constantFrom(0, 0.02),
  });

describe('slots are never more than the remote counts in any rolling window', () => {
  it.each([
    ['short windows', fc.array(short, { minLength: 1, maxLength: 3 })],
    ['long windows', fc.array(long, { minLength: 1, maxLength: 2 })],
    ['both', fc.tuple(short, long).map((both) => [...both])],
  ])(
    `of %s: ${RUNS} worlds with skew, pauses, crashes and blocks`,
    (_, windows) => {
      fc.assert(
        fc.property(worlds(windows), (world) => {
          expect(excess(world, play(world))).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    },
    600_000,
  );
});

/** A window that starts anew at each multiple of its length. */
const fixedWindow =
  (calls: number, ms: number): typeof takeSlots =>
  (state, _plan, { nowUs, count, lastUs }) => {
    const slots: number[] = [];
    let [index, used] = state.used[0]?.[0] ?? [0, 0];
    let at = nowUs;
    while (slots.length < count) {
      const now = Math.floor(at / (ms * 1000));
      if (now > index) [index, used] = [now, 0];
      if (used >= calls) {
        at = (index + 1) * ms * 1000;
        if (at > lastUs) break;
        continue;
      }
      used += 1;
      slots.push(at);
    }
    if (slots.length === 0) return { freeUs: at };
    return { slots, state: { nextUs: at, used: [[[index, used]]] } };
  };

const PAUSING: World = {
  seed: 0,
  windows: [{ calls: 20, ms: 10_000 }],
  workers: 4,
  skewMs: 500,
  block: 4,
  pauses: 0.3,
  pauseMs: 5_000,
  crashes: 0.02,
};
const LONG: World = { ...PAUSING, windows: [{ calls: 200, ms: 900_000 }], pauses: 0, crashes: 0 };

const PLANTED: [string, World, Variant][] = [
  ['a fixed window', { ...PAUSING, block: 20 }, { take: fixedWindow(20, 10_000) }],
  ['unused slots are given back', PAUSING, { givesBack: true }],
  ['a late slot is used all the same', PAUSING, { noGrace: true }],
  [
    'clocks are taken to be equal',
    { ...PAUSING, windows: [{ calls: 1, ms: 1_000 }], pauses: 0, crashes: 0 },
    {
      plan: (plan) => ({
        ...plan,
        gapUs: plan.gapUs - 1_000_000,
        marginUs: plan.marginUs - 1_000_000,
      }),
    },
  ],
  [
    'the time to send is forgotten',
    { ...PAUSING, windows: [{ calls: 1, ms: 1_000 }], skewMs: 0, pauseMs: 600 },
    { plan: (plan) => ({ ...plan, gapUs: plan.gapUs - SEND_MS * 1000 }) },
  ],
  [
    'a bucket leaves the window with its first slot',
    LONG,
    {
      plan: (plan) => ({
        ...plan,
        marginUs: plan.marginUs - ((plan.long[0]?.ms ?? 0) * 1000) / 160 - 2_000_000,
      }),
    },
  ],
];

describe('the same check finds what simpler designs do', () => {
  it.each(PLANTED)('%s', (_, world, variant) => {
    const seeds = Array.from({ length: 40 }, (__, seed) => seed);
    const found = seeds.findIndex((seed) => {
      const tried = { ...world, seed };
      return excess(tried, play(tried, variant, 10)).length > 0;
    });
    expect(found).toBeGreaterThanOrEqual(0);
    // The real algorithm passes in the very world that catches the other one.
    const tried = { ...world, seed: seeds[found] as number };
    expect(excess(tried, play(tried, {}, 10))).toEqual([]);
  });
});

describe('what is usable is used', () => {
  it.each([
    ['1m', 100, 0.95],
    ['10m', 600, 0.98],
  ])('of %s, %i calls, at 0.5 s of skew, in virtual time', (per, calls, atLeast) => {
    const ms = per === '1m' ? 60_000 : 600_000;
    const world = { ...PAUSING, windows: [{ calls, ms }], block: 1, pauses: 0, crashes: 0 };
    const times = play(world, {}, 60);
    expect(excess(world, times)).toEqual([]);
    expect(times.length / ((calls * 3_600_000) / ms)).toBeGreaterThan(atLeast);
  });

  it('of a day, 10,000 calls in bursts: 1 % is lost at most, in ten days', () => {
    const plan = planOf({ calls: 10_000, per: '1d' });
    let state = NONE;
    let taken = 0;
    const end = (START_MS + 10 * 86_400_000) * 1000;
    for (let now = START_MS * 1000; now < end; ) {
      const answer = takeSlots(state, plan, { nowUs: now, count: 500, lastUs: now });
      if ('freeUs' in answer) now = answer.freeUs;
      else {
        taken += answer.slots.length;
        ({ state } = answer);
      }
    }
    // The eleventh burst is not due yet: what counts is how far apart they are.
    expect(taken).toBeGreaterThanOrEqual(10_000 * 10 * 0.99);
  });
});

it('buckets survive the record', () => {
  const steps = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 99_999 })),
  );
  fc.assert(
    fc.property(steps, (given) => {
      let at = 3_000_000;
      const buckets = given.map(([step, slots]) => {
        at += step;
        return [at, slots] as const;
      });
      expect(unpackBuckets(packBuckets(buckets))).toEqual(buckets);
    }),
  );
});

it('160 full buckets of the largest quota stay below 2 KB', () => {
  const full = Array.from({ length: 162 }, (_, at) => [300_000 + at, 62_500] as const);
  expect(packBuckets(full).length).toBeLessThan(2_048);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../lib/core/backoff.ts';
import { parseDuration } from '../../lib/core/duration.ts';
import { SluiceError, toItemError } from '../../lib/core/errors.ts';
import { isoTime } from '../../lib/core/iso-time.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { checkOption, OPTIONS, settingsOf, windowOf } from '../../lib/core/options.ts';
import { ok } from '../../lib/core/outcome.ts';
import { releaseTarget } from '../../lib/core/release.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import { exceeds, toleranceOf } from '../../lib/core/tolerance.ts';
import { endOf } from '../../lib/core/transitions.ts';
import * as publicNames from '../../lib/index.ts';
import { ndjson } from '../../lib/io/ndjson.ts';

const job = defineJob({ name: 'test', input: ndjson(), process: () => ok(1) }) as Job;

describe('options', () => {
  it.each([0, -1, 1.5, 'x', '', '1e3', 1001, null])(
    'refuses concurrency %j, naming option, bounds and value',
    (value) => {
      expect(() => checkOption(OPTIONS.concurrency, value, '--concurrency')).toThrow(
        /--concurrency must be a whole number from 1 to 1000 \(items in flight per worker\); got/,
      );
    },
  );

  it('takes whole numbers, also as text', () => {
    expect(checkOption(OPTIONS.concurrency, '16')).toBe(16);
    expect(checkOption(OPTIONS.concurrency, 1000)).toBe(1000);
  });

  it('lets the person override the job, and the job the defaults', () => {
    const own = { ...job, limits: { concurrency: 7, chunk: 5 } };
    expect(settingsOf(own, { chunk: 9 })).toMatchObject({
      concurrency: 7,
      chunk: 9,
      workers: 10,
      tries: 3,
    });
    expect(settingsOf({ ...job, cpu: true })).toMatchObject({ concurrency: 1 });
    expect(windowOf({ workers: 1, prefetch: 5 })).toBe(1);
    expect(windowOf({ workers: 3, prefetch: 2 })).toBe(5);
  });

  it('refuses a duration without a unit', () => {
    expect(parseDuration('itemTimeout', '1.5s')).toBe(1500);
    expect(() => parseDuration('itemTimeout', '30')).toThrow(
      /itemTimeout must be a duration with a unit/,
    );
    expect(() => settingsOf({ ...job, limits: { itemTimeout: '2h' } })).toThrow(
      /itemTimeout must be from 10 to 870000/,
    );
  });

  it('judges tolerated failures by count at once, by share from a minimum sample on', () => {
    expect(exceeds(toleranceOf(2), 2, 2)).toBe(false);
    expect(exceeds(toleranceOf(2), 3, 3)).toBe(true);
    expect(exceeds(toleranceOf('1%'), 99, 99)).toBe(false);
    expect(exceeds(toleranceOf('1%'), 1, 100)).toBe(false);
    expect(exceeds(toleranceOf('1%'), 2, 100)).toBe(true);
    expect(exceeds(toleranceOf({ percent: 50, minSample: 2 }), 2, 3)).toBe(true);
    expect(exceeds(undefined, 5, 5)).toBe(false);
    for (const bad of ['101%', '-1', 'many', { percent: -1 }, 1.5])
      expect(() => toleranceOf(bad)).toThrow(/tolerateFailures/);
  });
});

describe('ctx.rng', () => {
  it('gives the same numbers for the same seed, others for another, all in [0, 1)', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const [one, two] = [seededRandom(a), seededRandom(a)];
        const draws = Array.from({ length: 5 }, one);
        expect(Array.from({ length: 5 }, two)).toEqual(draws);
        expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
        if (a !== b) expect(Array.from({ length: 5 }, seededRandom(b))).not.toEqual(draws);
      }),
    );
  });

  it('is close to uniform over items', () => {
    const buckets = new Array<number>(10).fill(0);
    for (let item = 0; item < 20_000; item += 1) {
      const bucket = Math.floor(seededRandom(`job\0${item}\0row`)() * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) expect(Math.abs(count - 2000)).toBeLessThan(250);
  });
});

describe('small pure rules', () => {
  it('writes times as Date does, leap years and all', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
        expect(isoTime(ms)).toBe(new Date(ms).toISOString());
      }),
    );
  });

  it('writes each day of 400 years as Date does: an era, with all its leap years and those that are none', () => {
    const wrong: string[] = [];
    for (let day = 0; day < 146_097; day += 1) {
      const date = new Date(day * 86_400_000);
      if (isoTime(date.getTime()) !== date.toISOString()) wrong.push(date.toISOString());
    }
    expect(wrong).toEqual([]);
  });

  it('backs off by a share of a bound that doubles up to its maximum', () => {
    expect(backoffMs(1, { baseMs: 100, maxMs: 1000 }, 0.5)).toBe(50);
    expect(backoffMs(3, { baseMs: 100, maxMs: 1000 }, 1)).toBe(400);
    expect(backoffMs(20, { baseMs: 100, maxMs: 1000 }, 1)).toBe(1000);
  });

  it('never releases beyond the window, whatever old reading of `done` it is given', () => {
    fc.assert(
      fc.property(
        fc.nat(5000),
        fc.nat(5000),
        fc.nat(5000),
        fc.integer({ min: 1, max: 1000 }),
        (planned, rel, done, window) => {
          const low = Math.floor(done / 100);
          const to = releaseTarget({ planned, rel, done, low, window });
          expect(to).toBeGreaterThanOrEqual(rel);
          if (to > rel) expect(to).toBeLessThanOrEqual(Math.min(planned, done + window));
        },
      ),
    );
  });

  it('waits with a release only while chunks are out that settle when they are committed', () => {
    const sizes = fc.record({
      done: fc.nat(5000),
      out: fc.nat(300),
      more: fc.integer({ min: 1, max: 5000 }),
      window: fc.integer({ min: 1, max: 200 }),
    });
    fc.assert(
      fc.property(sizes, ({ done, out, more, window }) => {
        const rel = done + Math.min(out, window);
        const low = Math.floor(done / 100);
        const to = releaseTarget({ planned: rel + more, rel, done, low, window });
        if (to > rel) return;
        // Three quarters of the window, and never none.
        expect(rel - done).toBeGreaterThan(Math.min(window - 10, (window * 3) / 4 - 1));
        expect(rel - done).toBeGreaterThan(0);
      }),
    );
    expect(releaseTarget({ planned: 99, rel: 20, done: 4, low: 0, window: 20 })).toBe(20);
    expect(releaseTarget({ planned: 99, rel: 20, done: 5, low: 0, window: 20 })).toBe(25);
    expect(releaseTarget({ planned: 21, rel: 20, done: 1, low: 0, window: 20 })).toBe(21);
  });

  it('leaves 16 tallies and twice the window open behind the lowest that is not full', () => {
    const behind = { planned: 1_000_000, rel: 0, done: 900_000, window: 201 };
    expect(releaseTarget({ ...behind, low: 0 })).toBe((16 + 2 * 3) * 100);
    expect(releaseTarget({ ...behind, low: 7 })).toBe((7 + 16 + 2 * 3) * 100);
  });

  it('names the end of a batch by its stop, then by its input', () => {
    expect(endOf('none', undefined)).toBe('done');
    expect(endOf('pause', undefined)).toBe('done');
    expect(endOf('cancel', 'cut')).toBe('cancelled');
    expect(endOf('threshold', undefined)).toBe('stopped');
    expect(endOf('broken', undefined)).toBe('failed');
    expect(endOf('none', 'cut')).toBe('failed');
  });

  it('keeps of anything thrown a kind, a code and a bounded message', () => {
    expect(toItemError('text')).toEqual({ kind: 'unexpected', code: 'THROWN', message: 'text' });
    expect(toItemError({ kind: 'retryable', code: 'A B', message: 'x' })).toEqual({
      kind: 'retryable',
      code: 'A_B',
      message: 'x',
    });
    expect(toItemError(new RangeError('r')).code).toBe('RangeError');
    expect(toItemError(new Error('y'.repeat(600))).message).toHaveLength(500);
    expect(toItemError(null)).toMatchObject({ kind: 'unexpected' });
  });

  it('refuses what is no job, with what is wrong', () => {
    const input = ndjson();
    const process = () => ok(1);
    expect(() => defineJob({ name: 'Bad Name', input, process })).toThrow(SluiceError);
    expect(() => defineJob({ name: 'x', input, process: undefined as never })).toThrow(
      /no process/,
    );
    expect(() => defineJob({ name: 'x', input: undefined as never, process })).toThrow(/no input/);
  });

  it('has at most 15 public names', () => {
    expect(Object.keys(publicNames).length).toBeLessThanOrEqual(15);
  });
});

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { ok } from '../../lib/core/outcome.ts';
import type { Reader } from '../../lib/core/reader.ts';
import { inBatches } from '../../lib/core/step.ts';
import { openAttempt } from '../../lib/engine/attempt.ts';
import type { ControlState } from '../../lib/engine/engine.ts';
import { getPart, rawSection, unzipSection } from '../../lib/engine/read-part.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { rowsInput } from '../support/memory-engine.ts';

const ROWS = Array.from({ length: 60 }, (_, at) => ({ at }));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Life {
  calls: number[][];
  /** Rows that began, of any step. */
  begun: number;
}

/** Rows that begin, wait a turn in each of three steps, and are in groups of 20 in the middle. */
function jobOf(life: Life, onBegin: () => void): Job {
  const wait = async (row: { at: number }) => {
    life.begun += 1;
    onBegin();
    await turn();
    return ok(row);
  };
  return defineJob({
    name: 'stops',
    input: ndjson() as Reader<{ at: number }>,
    steps: [
      wait,
      inBatches(20, async (rows: readonly { at: number }[], ctx) => {
        life.calls.push(rows.map(({ at }) => at));
        await turn();
        return rows.map(({ at }, place) => ok({ at, draw: ctx.items[place]?.rng() }));
      }),
      (row) => wait(row as { at: number }),
    ],
  }) as Job;
}

const objects = memoryObjectStore();

/** One attempt that is told to stop after `after` rows began; returns where the next one goes on. */
async function live(
  from: { cursor: number; saved: string | undefined; epoch: number },
  stop: { state: ControlState; after: number },
) {
  const life: Life = { calls: [], begun: 0 };
  let state: ControlState = 'go';
  const job = jobOf(life, () => {
    if (life.begun >= stop.after) state = stop.state;
  });
  const attempt = await openAttempt(
    {
      clock: systemClock(),
      random: () => 0.5,
      usage: () => ({ cpuMs: 0, rssBytes: 0 }),
      objects,
      input: rowsInput(ROWS, 60),
      job,
      settings: settingsOf(job, { concurrency: 3 }),
      options: {},
      secrets: {},
      now: 0,
      worker: 'w',
      process: 'p',
    },
    {
      id: { batch: 'b', round: 0, stage: 0, chunk: 0 },
      range: { source: 0, start: 0, end: 60, first: 0, count: 60 },
      careful: false,
      ...from,
    },
    { state: () => state },
  );
  const worked = await attempt.work(60);
  if (worked.state === 'cancel') await attempt.notRun();
  const saved = `part-${from.epoch}-${stop.after}-${stop.state}`;
  const { counts } = await attempt.write(saved);
  attempt.close();
  return { ...worked, saved, counts, life };
}

const outcomes = async (key: string): Promise<string> =>
  (await unzipSection(key, rawSection(await getPart(objects, key), 'outcomes'))).toString();

const START = { cursor: 0, saved: undefined, epoch: 1 };

describe('a stop in the middle of groups', () => {
  it.each([1, 4, 13, 25, 59])(
    'each attempt that may begin only %i rows gets further, and the end is the same',
    async (after) => {
      const whole = await live(START, { state: 'go', after: 1000 });
      expect(whole).toMatchObject({ cursor: 60, state: 'go' });
      let at = { ...START } as { cursor: number; saved: string | undefined; epoch: number };
      for (let lives = 0; at.cursor < 60; lives += 1) {
        expect(lives).toBeLessThan(61);
        const next = await live(at, { state: 'drain', after });
        expect(next.cursor).toBeGreaterThan(at.cursor);
        at = { cursor: next.cursor, saved: next.saved, epoch: at.epoch + 1 };
      }
      expect(await outcomes(at.saved as string)).toBe(await outcomes(whole.saved));
    },
  );

  it('a cancel records all that began, and only the rest as not run', async () => {
    const { life, counts } = await live(START, { state: 'cancel', after: 25 });
    expect(counts.ok).toBe(life.calls.flat().length);
    expect(counts.ok).toBeGreaterThanOrEqual(20);
    expect(counts.notRun).toBeGreaterThan(0);
    expect(counts.ok + counts.notRun).toBe(60);
  });

  it('a lost lease starts no call more', async () => {
    const { life, cursor } = await live(START, { state: 'lost', after: 5 });
    expect(life.calls).toEqual([]);
    expect(cursor).toBe(0);
  });
});

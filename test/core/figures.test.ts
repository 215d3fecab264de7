import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Amounts, figuresOf, figuresOfAll, type RunnerNote } from '../../lib/core/figures.ts';
import { etaMs, newPace } from '../../lib/core/pace.ts';

const note: RunnerNote = {
  at: 0,
  pid: 7,
  rssBytes: 90e6,
  busy: 3,
  slots: 4,
  utilisation: 0.8125,
  rate: 50,
  medianMs: 20.04,
};

const amounts: Amounts = {
  counts: { ok: 90, skipped: 5, failed: 4, stalled: 1, notRun: 0 },
  plannedChunks: 40,
  doneChunks: 10,
  doneItems: 100,
  totalItems: 400,
  itemMs: undefined,
};

describe('figures of a batch', () => {
  it('are those of its records and of what its process notes', () => {
    expect(figuresOf(amounts, note)).toEqual({
      throughput: 50,
      utilisation: 0.813,
      busy: 3,
      slots: 4,
      queueDepth: 27,
      medianMs: 20.04,
      successRate: 0.95,
      etaMs: 6000,
      rssBytes: 90e6,
    });
  });

  it('hold null for what is not known, and no ETA that a quota forbids', () => {
    expect(figuresOf(amounts, undefined)).toMatchObject({
      throughput: null,
      utilisation: null,
      queueDepth: 30,
      medianMs: null,
      etaMs: null,
    });
    expect(figuresOf({ ...amounts, itemMs: 600 }, note).etaMs).toBe(180_000);
    const none = { ...amounts, counts: { ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 9 } };
    expect(figuresOf(none, note).successRate).toBeNull();
  });

  it('of several are sums, busy slots over all slots, the latest ETA, the median that half lie below', () => {
    const one = { ...amounts, ...figuresOf(amounts, note) };
    const other = {
      ...one,
      doneItems: 1000,
      counts: { ...one.counts, ok: 0, failed: 94 },
      ...{ slots: 12, utilisation: 0.25, medianMs: 5, etaMs: 9000, throughput: 10 },
    };
    expect(figuresOfAll([one, other])).toEqual({
      throughput: 60,
      utilisation: 0.391,
      busy: 6,
      slots: 16,
      queueDepth: 54,
      medianMs: 5,
      successRate: 0.5,
      etaMs: 9000,
      rssBytes: 180e6,
    });
    // Not the one whose median is high, however it stands.
    expect(figuresOfAll([other, one])).toEqual(figuresOfAll([one, other]));
    const none = { throughput: null, utilisation: null, busy: null, slots: null, medianMs: null };
    const nothing = { ...none, queueDepth: 0, successRate: null, etaMs: null, rssBytes: null };
    expect(figuresOfAll([])).toEqual(nothing);
    // One of which nothing is known yet takes nothing from the others.
    const unknown = { ...one, ...figuresOf(amounts, undefined), doneItems: 0 };
    expect(figuresOfAll([one, unknown])).toMatchObject({
      ...{ throughput: 50, utilisation: 0.813, slots: 4, etaMs: 6000, medianMs: 20.04 },
    });
  });
});

interface Recorded {
  total: number;
  /** Milliseconds since the start, and items done. */
  samples: [number, number][];
}

describe('the ETA', () => {
  // 10,000 items of 50 ms, 8 at once, in chunks of 20, on a machine that others kept busy: as `onProgress` told of them.
  const file = new URL('../fixtures/steady-run.json', import.meta.url);
  const { total, samples } = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
  const [doneMs] = samples.find(([, done]) => done === total) as [number, number];

  it('of a recorded batch is within 10 % from a quarter of its work on', () => {
    const pace = newPace();
    const judged: number[] = [];
    for (const [ms, done] of samples) {
      pace.note(done, ms);
      // With less than 5 s to go a chunk more or less is a tenth.
      if (done < total / 4 || doneMs - ms < 5000) continue;
      const eta = etaMs({ done, total }, pace.rate()) ?? Number.NaN;
      judged.push(Math.abs(eta - (doneMs - ms)) / (doneMs - ms));
    }
    expect(judged.length).toBeGreaterThan(150);
    expect(Math.max(...judged)).toBeLessThan(0.1);
  });
});

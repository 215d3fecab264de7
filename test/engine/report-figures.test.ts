import { describe, expect, it } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { newHistogram, record, toSparse } from '../../lib/core/histogram.ts';
import { reportKey } from '../../lib/core/keys.ts';
import { noCounts, type Outcome, type Status } from '../../lib/core/outcome.ts';
import type { Detail, Report } from '../../lib/core/report.ts';
import type { Batch } from '../../lib/engine/batch.ts';
import type { JoinedRow } from '../../lib/engine/committed-parts.ts';
import {
  addExample,
  addFailures,
  type FailureGroups,
  listFailures,
} from '../../lib/engine/failure-groups.ts';
import { newRoundMerge, type RoundMergeOptions } from '../../lib/engine/merge-round.ts';
import type { Trailer } from '../../lib/engine/part.ts';
import { replacedBy, roundReport, withRounds } from '../../lib/engine/round-report.ts';
import { stageReports } from '../../lib/engine/stage-report.ts';
import { addTrailer, noSums } from '../../lib/engine/trailer-sums.ts';

const T = 1_700_000_000_000;

const durationsOf = (...ms: number[]): Trailer['durations'] => {
  const histogram = newHistogram();
  for (const one of ms) record(histogram, one);
  return toSparse(histogram);
};

const trailer = (change: Partial<Trailer> = {}): Trailer => ({
  ...{ v: 1, items: 4, retried: 1, firstAt: T + 100, lastAt: T + 2100 },
  counts: { ok: 1, skipped: 1, failed: 1, stalled: 1, notRun: 0 },
  codes: { E: { kind: 'permanent', items: 1 } },
  durations: durationsOf(100, 200, 300, 400),
  workers: { w1: { items: 4, failed: 2, busyMs: 1000 } },
  processes: { p1: { cpuMs: 500, rssBytes: 60e6 } },
  sha256: ['a', 'b', 'c'],
  ...change,
});

describe('the sums of parts', () => {
  it('add counts, codes, shares and times; CPU is what a process used between its parts', () => {
    const sums = noSums();
    addTrailer(sums, trailer());
    addTrailer(
      sums,
      trailer({
        ...{ firstAt: T + 50, lastAt: T + 900, items: 2, retried: 0 },
        codes: { E: { kind: 'permanent', items: 2 }, F: { kind: 'timeout', items: 1 } },
        workers: {
          w1: { items: 1, failed: 0, busyMs: 10 },
          w2: { items: 1, failed: 1, busyMs: 5 },
        },
        processes: { p1: { cpuMs: 1700, rssBytes: 50e6 }, p2: { cpuMs: 30, rssBytes: 90e6 } },
        durations: durationsOf(5),
      }),
    );
    const none = { firstAt: 0, lastAt: 0, items: 1, counts: { ...noCounts(), notRun: 1 } };
    addTrailer(
      sums,
      trailer({
        ...none,
        codes: {},
        workers: {},
        processes: { p1: { cpuMs: 400, rssBytes: 1 } },
        durations: durationsOf(),
      }),
    );
    expect(sums).toMatchObject({
      ...{ chunks: 3, retried: 2, firstAt: T + 50, lastAt: T + 2100, http: undefined },
      counts: { ok: 2, skipped: 2, failed: 2, stalled: 2, notRun: 1 },
      ended: [
        { at: T + 2100, items: 4 },
        { at: T + 900, items: 2 },
      ],
    });
    expect([...sums.workers.values()]).toEqual([
      { worker: 'w1', chunks: 2, items: 5, failed: 2, busyMs: 1010 },
      { worker: 'w2', chunks: 1, items: 1, failed: 1, busyMs: 5 },
    ]);
    expect([...sums.processes]).toEqual([
      ['p1', { cpuMs: 1700, fromCpuMs: 400, rssBytes: 60e6 }],
      ['p2', { cpuMs: 30, fromCpuMs: 30, rssBytes: 90e6 }],
    ]);
    expect([...sums.groups.values()].map(({ code, items }) => [code, items])).toEqual([
      ['E', 3],
      ['F', 1],
    ]);
    expect([sums.durations.count, sums.durations.min, sums.durations.max]).toEqual([5, 5, 400]);
  });
});

const stageOf = (name: string): object => ({
  ...{ name, workers: 2, concurrency: 4, itemTimeoutMs: 1, chunk: 5 },
});
const settings = { stages: ['one', 'two', 'three'].map(stageOf) };

describe('the figures of a stage', () => {
  it('are those of its own parts; a stage without any has none', () => {
    const [one, two, three] = [noSums(), noSums(), noSums()];
    addTrailer(one, trailer());
    addTrailer(one, trailer({ processes: { p1: { cpuMs: 1734.6, rssBytes: 61.4e6 } } }));
    addTrailer(
      two,
      trailer({
        ...{ firstAt: T, lastAt: T, items: 3 },
        counts: { ...noCounts(), notRun: 2, ok: 1 },
        workers: { w: { items: 1, failed: 0, busyMs: 20 } },
      }),
    );
    const none = { firstAt: 0, lastAt: 0, counts: { ...noCounts(), notRun: 4 } };
    addTrailer(three, trailer({ ...none, workers: {}, processes: {}, durations: durationsOf() }));
    const [first, second, third] = stageReports({ settings } as unknown as Batch, {
      byStage: [one, two, three],
    });
    expect(first).toEqual({
      ...{ stage: 0, name: 'one', workers: 2, concurrency: 4, total: 8, chunks: 2, retried: 2 },
      ...{ ok: 2, skipped: 2, failed: 2, stalled: 2, notRun: 0 },
      startedAt: '2023-11-14T22:13:20.100Z',
      finishedAt: '2023-11-14T22:13:22.100Z',
      ...{ throughput: 4, errorRate: 0.5, median: expect.any(Number), p95: 400 },
      // 2,000 ms of work within 2 s, on 8 slots.
      ...{ busySlots: 1, utilisation: 0.125, cpuSeconds: 1.235, peakRssMb: 61 },
    });
    expect(first?.median).toBeGreaterThan(190);
    expect(first?.median).toBeLessThan(210);
    // All within a millisecond: the shortest time that is counted. What was not run is in no rate.
    expect(second).toMatchObject({
      ...{ total: 3, notRun: 2, throughput: 1000, errorRate: 0, busySlots: 20, utilisation: 1 },
      ...{ startedAt: '2023-11-14T22:13:20.000Z', cpuSeconds: 0 },
    });
    expect(third).toEqual({
      ...{ stage: 2, name: 'three', workers: 2, concurrency: 4, total: 4, chunks: 1, retried: 1 },
      ...{ ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 4, throughput: 0, errorRate: 0 },
      ...{ median: 0, p95: 0, busySlots: 0, utilisation: 0, cpuSeconds: 0, peakRssMb: 0 },
    });
    const [bare] = stageReports({ settings } as unknown as Batch, { byStage: [] });
    expect(bare).toMatchObject({
      total: 0,
      chunks: 0,
      retried: 0,
      median: 0,
      p95: 0,
      peakRssMb: 0,
    });
    expect(stageReports({ settings: {} } as unknown as Batch, { byStage: [] })).toEqual([]);
  });
});

describe('the failures of a report', () => {
  it('are the most frequent first, equals by name, with five examples each', () => {
    const groups: FailureGroups = new Map();
    const add = (code: string, items: number) =>
      addFailures(groups, { code, kind: 'permanent', items });
    for (const [code, items] of [
      ['b', 2],
      ['c', 2],
      ['a', 2],
      ['z', 5],
    ] as const)
      add(code, items);
    add('b', 0);
    for (let index = 0; index < 7; index += 1) {
      addExample(groups, { index, key: null, error: { code: 'z', message: `m${index}` } });
    }
    addExample(groups, { index: 1, key: null, error: { code: 'unknown', message: '' } });
    const listed = listFailures(groups);
    expect(listed.map(({ code }) => code)).toEqual(['z', 'a', 'b', 'c']);
    expect(listed[0]?.examples).toEqual(
      [0, 1, 2, 3, 4].map((index) => ({ index, key: null, message: `m${index}` })),
    );
  });

  it('beyond 10,000 codes count as OTHER, beyond 1,000 are listed as such, with an example each', () => {
    const groups: FailureGroups = new Map();
    for (let at = 0; at < 10_005; at += 1) {
      addFailures(groups, {
        code: `c${String(at).padStart(5, '0')}`,
        kind: 'timeout',
        items: at < 3 ? 9 : 1,
      });
    }
    expect(groups.size).toBe(10_001);
    for (let index = 0; index < 3; index += 1) {
      addExample(groups, { index, key: null, error: { code: 'c00000', message: '' } });
      addExample(groups, { index, key: 'o', error: { code: 'new', message: '' } });
    }
    const listed = listFailures(groups);
    expect(listed).toHaveLength(1000);
    expect(listed[0]).toMatchObject({ code: 'c00000', items: 9, examples: [{ index: 0 }] });
    expect(listed.at(-1)).toMatchObject({
      code: 'OTHER',
      kind: 'timeout',
      items: 10_005 - 999,
      examples: [{ index: 0, key: 'o' }],
    });
    groups.delete('OTHER');
    expect(listFailures(groups).at(-1)).toMatchObject({
      code: 'OTHER',
      kind: 'timeout',
      items: 9_001,
      examples: [],
    });
  });
});

const error = { kind: 'permanent', code: 'E', message: 'no' } as const;

const rowOf = (index: number, status: Status, stage = 0): JoinedRow => {
  const bad = status === 'failed' || status === 'stalled';
  const outcome = { index, key: `k${index}`, status, ...(bad ? { error } : {}) };
  const facts = {
    tries: 1,
    startedAt: T,
    durationMs: 1,
    worker: 'w',
    ...(stage === 0 ? {} : { stage }),
  };
  return {
    outcome: outcome as Outcome,
    facts,
    kept: bad ? { record: `r${index}` } : {},
  } as unknown as JoinedRow;
};

const lineOf = (index: number, status: 'failed' | 'stalled' = 'failed', stage = 0): string =>
  JSON.stringify({
    sluice: 'failure/1',
    ...(stage === 0 ? {} : { stage }),
    index,
    key: `k${index}`,
    status,
    error,
    round: 0,
  });

/** Lays rows over the failures of the round before. */
async function merged(
  rows: JoinedRow[],
  lines: string[],
  change: Partial<RoundMergeOptions> & { before?: Partial<Report> } = {},
) {
  let text = '';
  const counts = { ok: 10, skipped: 1, failed: 3, stalled: 1, notRun: 0 };
  const merge = newRoundMerge({
    ...{ round: 2, counts: () => true, nextOf: () => Number.POSITIVE_INFINITY },
    earlier: { ...counts, ...change.before } as Report,
    failures: (async function* () {
      yield* lines;
    })(),
    replaced: () => ({ from: Number.POSITIVE_INFINITY, counts: noCounts() }),
    async push(piece) {
      text += piece;
    },
    ...change,
  });
  merge.begin();
  for (const row of rows) await merge.add(row);
  await merge.end();
  return {
    ...merge.after(),
    lines: text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as object),
    text,
  };
}

describe('a later round over the failures before it', () => {
  const before = [lineOf(2), lineOf(4, 'stalled'), lineOf(7), lineOf(1, 'failed', 1)];

  it('resolves what went through, keeps what failed again, and leaves the rest as it was', async () => {
    const { counts, resolved, lines, groups } = await merged(
      [rowOf(2, 'ok'), rowOf(4, 'failed')],
      before,
    );
    expect(counts).toEqual({ ok: 11, skipped: 1, failed: 3, stalled: 0, notRun: 0 });
    expect(resolved).toBe(1);
    const again = { sluice: 'failure/1', index: 4, key: 'k4', status: 'failed', error, round: 2 };
    expect(lines).toEqual([
      { ...again, tries: 1, startedAt: T, durationMs: 1, worker: 'w', record: 'r4' },
      ...before.slice(2).map((line) => JSON.parse(line) as object),
    ]);
    expect([...groups.values()]).toMatchObject([
      { code: 'E', items: 3, examples: [{ index: 4 }, { index: 7 }, { index: 1 }] },
    ]);
  });

  it('what was not run, or does not count, is as it was, line by line', async () => {
    const all = [rowOf(2, 'notRun'), rowOf(4, 'ok'), rowOf(7, 'failed'), rowOf(1, 'ok', 1)];
    const { counts, resolved, text } = await merged(all, before, { counts: () => false });
    expect(text).toBe(before.map((line) => `${line}\n`).join(''));
    expect([counts.ok, counts.failed, resolved]).toEqual([10, 3, 0]);
    const some = await merged(all.slice(0, 1), before);
    expect(some.text).toBe(text);
  });

  it('adds to what earlier rounds resolved', async () => {
    expect(
      (await merged([rowOf(7, 'skipped')], before, { before: { resolved: 5 } })).resolved,
    ).toBe(6);
    expect((await merged([], [])).text).toBe('');
  });

  it.each([
    [3, 0, 'Item 3 of round 2 had not failed before.'],
    [8, 1, 'Item 8 of stage 1 of round 2 had not failed before.'],
    [0, 0, 'Item 0 of round 2 had not failed before.'],
  ])('an item %i of stage %i that had not failed is damage', async (index, stage, message) => {
    await expect(merged([rowOf(index, 'ok', stage)], before)).rejects.toMatchObject({
      code: 'DAMAGED',
      message,
    });
  });

  it('new items of a later stage count as new ones', async () => {
    const nextOf = (stage: number): number => (stage === 1 ? 50 : Number.POSITIVE_INFINITY);
    const rows = [
      rowOf(2, 'ok'),
      rowOf(1, 'ok', 1),
      rowOf(50, 'ok', 1),
      rowOf(51, 'stalled', 1),
      rowOf(52, 'notRun', 1),
    ];
    const { counts, resolved, lines } = await merged(rows, before, { nextOf });
    expect(counts).toEqual({ ok: 13, skipped: 1, failed: 1, stalled: 2, notRun: 0 });
    expect(resolved).toBe(2);
    expect(lines).toMatchObject([
      { index: 4 },
      { index: 7 },
      { index: 51, stage: 1, status: 'stalled', round: 2 },
    ]);
  });

  it('what it replaces as a whole goes from the counts, the failures and the details', async () => {
    const counts = { ...noCounts(), ok: 4, failed: 1, stalled: 1 };
    const replaced = () => ({ from: 1, counts });
    const details = [0, 1].map((stage) => ({ index: 3, stage, status: 'ok' }) as unknown as Detail);
    const found = await merged([rowOf(0, 'ok', 1), rowOf(1, 'failed', 1)], before, {
      ...{
        replaced,
        before: { details },
        nextOf: (stage: number) => (stage === 1 ? 0 : Number.POSITIVE_INFINITY),
      },
    });
    expect(found.counts).toEqual({ ok: 7, skipped: 1, failed: 3, stalled: 0, notRun: 0 });
    // Two were open there, one is now.
    expect(found.resolved).toBe(1);
    expect(found.lines).toMatchObject([
      { index: 2 },
      { index: 4 },
      { index: 7 },
      { index: 1, stage: 1, round: 2 },
    ]);
    expect(found.details?.map(({ stage = 0, index, round }) => [stage, index, round])).toEqual([
      [0, 3, undefined],
      [1, 0, 2],
      [1, 1, 2],
    ]);
  });

  it("details are each item's newest, in order; none where they were too many", async () => {
    const details = [4, 2].map((index) => ({ index, status: 'failed' }) as unknown as Detail);
    const found = await merged([rowOf(2, 'ok')], before, { before: { details } });
    expect(found.details).toMatchObject([
      { index: 2, status: 'ok', round: 2, worker: 'w' },
      { index: 4, status: 'failed' },
    ]);
    expect((await merged([], [])).details).toBeUndefined();
    const many = (count: number) =>
      Array.from(
        { length: count },
        (_, index) => ({ index: index + 100, status: 'ok' }) as unknown as Detail,
      );
    expect(
      (await merged([rowOf(2, 'ok')], before, { before: { details: many(9_999) } })).details,
    ).toHaveLength(10_000);
    expect(
      (await merged([rowOf(2, 'ok')], before, { before: { details: many(10_000) } })).details,
    ).toBeUndefined();
  });

  it('failures go out in pieces of 64 KB', async () => {
    const pieces: number[] = [];
    const lines = Array.from({ length: 1000 }, (_, index) => lineOf(index));
    const push = async (text: string): Promise<void> => void pieces.push(text.length);
    await merged([], lines, { push });
    expect(pieces.length).toBeGreaterThan(1);
    for (const length of pieces.slice(0, -1))
      expect([length >= 65_536, length < 66_000]).toEqual([true, true]);
  });
});

describe('the report of a later round', () => {
  const own = {
    ...{ schema: 1, batch: 'b', round: 1, job: 'j', status: 'done', reason: 'why', total: 2 },
    ...{ startedAt: 's', finishedAt: 'f', ok: 2, skipped: 0, failed: 0, stalled: 0, notRun: 0 },
    ...{ failures: ['own'], details: ['own'], throughput: 7 },
    stages: [
      { name: 'n', total: 2, ok: 2, skipped: 0, failed: 0, stalled: 0, notRun: 0, chunks: 9 },
    ],
    digests: { input: 'i1', job: 'j1', outcomes: 'o1', manifest: 'm1', page: 'p1' },
  } as unknown as Report;
  const { reason: _, stages: __, ...plain } = own;
  const earlier = {
    ...plain,
    round: 0,
    total: 9,
    digests: { ...own.digests, input: 'i0' },
  } as Report;
  const counts = { ok: 8, skipped: 0, failed: 1, stalled: 0, notRun: 0 };
  const after = { counts, resolved: 3, groups: new Map(), details: undefined };
  const summary = (report: Report): object => {
    const { round, status, startedAt, finishedAt, total, ok, skipped, failed, stalled, notRun } =
      report;
    const { input, job, outcomes, manifest } = report.digests;
    const digests = { input, job, outcomes, manifest };
    return {
      round,
      status,
      startedAt,
      finishedAt,
      total,
      ok,
      skipped,
      failed,
      stalled,
      notRun,
      digests,
    };
  };

  it("has its own figures, the batch's counts and failures, and a summary of each round", () => {
    const filter = { sha256: 'x', stalled: 2, codes: ['A'], keys: 3, first: 4, stage: 's' };
    const report = withRounds({ batch: { filter } as unknown as Batch, earlier }, own, after);
    expect(report).toEqual({
      ...own,
      ...{ total: 9, ...counts, resolved: 3, failures: [], details: undefined },
      digests: { ...own.digests, input: 'i0' },
      rounds: [
        summary(earlier),
        {
          ...summary(own),
          ...{
            reason: 'why',
            choice: { codes: ['A'], keys: 3, first: 4, stage: 's', stalled: true },
          },
          stages: [{ name: 'n', total: 2, ok: 2, skipped: 0, failed: 0, stalled: 0, notRun: 0 }],
        },
      ],
    });
    expect('details' in report).toBe(false);
    const bare = { filter: { stalled: 0 } } as unknown as Batch;
    const details = [{ index: 1 }] as Detail[];
    const again = withRounds({ batch: bare, earlier: report }, own, { ...after, details });
    expect(again.rounds).toHaveLength(3);
    expect(again.rounds?.[2]?.choice).toEqual({ stalled: false });
    expect(again.details).toBe(details);
  });

  it('round 0 has its own alone', () => {
    const batch = {} as Batch;
    expect(withRounds({ batch, earlier: undefined }, own, after)).toBe(own);
    expect(withRounds({ batch, earlier }, own, undefined)).toBe(own);
  });

  it('that is gone or damaged is told', async () => {
    const objects = memoryObjectStore();
    const key = reportKey('b', 1, 'report.json');
    const told = {
      code: 'DAMAGED',
      message: `The report of round 1 of batch b is missing: ${key}`,
    };
    await expect(roundReport(objects, 'b', 1)).rejects.toMatchObject(told);
    await objects.put(key, Buffer.from('{'));
    await expect(roundReport(objects, 'b', 1)).rejects.toMatchObject({
      message: told.message.replace('missing', 'damaged'),
    });
    await objects.put(key, Buffer.from('{"total":5}'));
    expect(await roundReport(objects, 'b', 1)).toEqual({ total: 5 });
  });
});

describe('what a round with groups replaces', () => {
  const stages = [1, 2, 3].map((ok) => ({ ...noCounts(), ok }));
  const grouped = {
    stages: [{ ...stageOf('a') }, { ...stageOf('b'), groupBy: true }, { ...stageOf('c') }],
  };
  const batch = (change: object = {}): Batch =>
    ({ settings: grouped, stop: 'none', round: 2, ...change }) as unknown as Batch;
  it('is what the newest round left that was not cut short, from the groupBy on', () => {
    const summed = { ...noCounts(), ok: 5 };
    expect(
      replacedBy(batch(), { round: 0, status: 'cancelled', stages } as unknown as Report),
    ).toEqual({ from: 1, counts: summed });
    const rounds = [
      { round: 0, status: 'done', stages: stages.map((one) => ({ ...one, failed: 1 })) },
      { round: 1, status: 'cancelled', stages },
    ];
    expect(replacedBy(batch(), { rounds } as unknown as Report).counts).toEqual({
      ...summed,
      failed: 2,
    });
    const done = [
      { round: 0, status: 'done', stages: [] },
      { round: 1, status: 'done', stages },
    ];
    expect(replacedBy(batch(), { rounds: done } as unknown as Report).counts).toEqual(summed);
    expect(
      replacedBy(batch(), { rounds: [{ round: 0, status: 'done' }] } as unknown as Report).counts,
    ).toEqual(noCounts());
  });

  it('is nothing without groups, and where the round was cut short itself', () => {
    const none = { from: Number.POSITIVE_INFINITY, counts: noCounts() };
    const cut = batch({ stop: 'cancel' });
    expect(replacedBy(cut, { round: 0, status: 'done', stages } as unknown as Report)).toEqual(
      none,
    );
    expect(
      replacedBy(batch({ settings: { stages: [stageOf('a')] } }), { stages } as unknown as Report),
    ).toEqual(none);
  });
});

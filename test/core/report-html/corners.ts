import type { FailureGroup, HostCalls, Report, StageReport } from '../../../lib/core/report.ts';
import { usual } from './reports.ts';

type Round = NonNullable<Report['rounds']>[number];
type Bars = Report['durations']['histogram'];

const digests = (of: string): Report['digests'] => ({
  input: `input-${of}`,
  job: `job-${of}`,
  outcomes: `outcomes-${of}`,
  manifest: `manifest-${of}`,
});

const group = (
  code: string,
  items: number,
  { kind = 'permanent', examples = 0 }: { kind?: FailureGroup['kind']; examples?: number } = {},
): FailureGroup => ({
  ...{ code, kind, items },
  examples: Array.from({ length: examples }, (_, at) => ({
    index: 999 + at,
    key: at === 1 ? null : `key <${at}>`,
    message: `It said "${code}" & no more.`,
  })),
});

const host = (name: string, change: Partial<HostCalls> = {}): HostCalls => ({
  ...{ host: name, calls: 1200, p50: 12.34, p95: 450 },
  ...{ retries: 0, limited: 0, bad: 0, openings: 0, ...change },
});

const stage = (name: string, change: Partial<StageReport> = {}): StageReport => ({
  ...{ stage: 0, name, workers: 2, concurrency: 3, total: 10, ok: 10, skipped: 0, failed: 0 },
  ...{ stalled: 0, notRun: 0, chunks: 1, retried: 0, throughput: 2.5, errorRate: 0 },
  ...{ median: 3, p95: 4, busySlots: 1.5, utilisation: 0.25, cpuSeconds: 1, peakRssMb: 60 },
  ...change,
});

const round = (n: number, change: Partial<Round> = {}): Round => ({
  ...{ round: n, status: 'done', total: 40, ok: 30, skipped: 4, failed: 5, stalled: 1, notRun: 0 },
  startedAt: `2026-08-2${n}T06:45:47.120Z`,
  finishedAt: `2026-08-2${n}T06:46:00.000Z`,
  digests: digests(n === 2 ? 'new' : 'old'),
  ...change,
});

/** Bars of the same ratio, from `from` on. */
const bars = (from: number, ratio: number, items: readonly number[]): Bars =>
  items.map((count, at) => ({
    fromMs: from * ratio ** at,
    toMs: from * ratio ** (at + 1),
    items: count,
  }));

const worker = (name: string, items: number): Report['perWorker'][number] => ({
  ...{ worker: name, chunks: 3, items, failed: 1, busyMs: 61_000 },
});

const KINDS = [
  ...['retryable', 'permanent', 'stalled', 'timeout', 'crashed', 'invalid', 'unexpected'],
] as FailureGroup['kind'][];

/** Reports of few rows that hold what the larger ones leave out: ties, ones, rests, kinds, several rounds and stages. */
export const CORNERS: Readonly<Record<string, Report>> = {
  rounds: usual({
    ...{ status: 'cancelled', reason: 'It "took" too long.', round: 6, resolved: 1234 },
    ...{ total: 12_000, ok: 11_000, skipped: 400, failed: 360, stalled: 40, notRun: 200 },
    unreserved: true,
    input: { name: 'three files', bytes: 4_200_000, sources: 3 },
    rounds: [
      round(0, { status: 'stopped', total: 12_000, notRun: 200 }),
      round(1, { choice: { codes: ['A', 'B'], stalled: false } }),
      round(2, { choice: { keys: 1500, first: 7, stalled: true }, failed: 0, stalled: 0 }),
      round(3, { choice: { stage: 'second', stalled: false }, failed: 0 }),
      round(4, { choice: { stalled: false }, stalled: 0 }),
      round(5, {
        stages: [
          stage('first', { total: 12, ok: 5, skipped: 4, failed: 3, stalled: 2, notRun: 1 }),
          stage('second', { total: 0, ok: 0 }),
          stage('third', { total: 1500, ok: 1500 }),
        ],
      }),
      round(6, { total: 1, ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 1 }),
    ],
    stages: [
      stage('first', { failed: 2, stalled: 1, total: 4000 }),
      stage('second', { utilisation: 1, throughput: 0 }),
    ],
    http: [
      host('a.example.org', { retries: 5, limited: 4, bad: 3, openings: 2 }),
      host('b.example.org:8080', { limited: 1 }),
      host('c.example.org'),
      host('d.example.org', { calls: 70 }),
      host('e.example.org', { calls: 7 }),
    ],
    // Twenty-two: one more than is worth a row of its own.
    perWorker: [
      worker('wb', 100),
      worker('wa', 100),
      worker('wc', 100),
      worker('top', 1000),
      ...Array.from({ length: 18 }, (_, at) => worker(`w${10 + at}`, 50 - at)),
    ],
    failures: [
      group('ZED', 40, { examples: 4 }),
      group('ABE', 40, { examples: 2 }),
      group('ZZZ', 40),
      ...KINDS.map((kind, at) => group(`K_${kind}`, 30 - at, { kind, examples: 1 })),
      ...Array.from({ length: 12 }, (_, at) => group(`R${10 + at}`, 15 - at, { examples: 2 })),
    ],
    options: { text: 'a "word"', now: 'not shown', list: [1, 'b'], none: undefined, on: true },
    durations: {
      ...{ median: 0.5, p50: 0.5, p95: 40, p99: 90_000, max: 7_200_000 },
      histogram: bars(0.001, 10, [1, 0, 30, 20, 10, 5, 3, 2, 1, 1]),
    },
    timeline: { spanMs: 250, items: [0, 4, 10, 1] },
    digests: digests('new'),
  }),
  stalledOnly: usual({
    ...{ total: 7, ok: 4, skipped: 0, failed: 0, stalled: 2, notRun: 1, retried: 0 },
    ...{ chunks: 1, workers: 1, concurrency: 1, throughput: 0.5, cpuSeconds: 0 },
    perWorker: [worker('only', 6)],
    failures: [group('SILENT', 2, { kind: 'stalled', examples: 1 })],
    durations: {
      ...{ median: 2.5, p50: 2.5, p95: 3, p99: 3, max: 3 },
      histogram: [{ fromMs: 0, toMs: 2, items: 1 }, ...bars(2, 2 ** 0.5, [2, 3])],
    },
    // Twelve columns: ticks at the quarters, and wider gaps than sixty have.
    timeline: { spanMs: 1000, items: [1, 0, 0, 0, 0, 2, 0, 0, 1, 1, 0, 1] },
    digests: digests('0'),
  }),
  tiesAndTwenty: usual({
    ...{ total: 6_000, ok: 5_958, skipped: 0, failed: 21, stalled: 21, retried: 1 },
    // Twenty-one of each: no rest, as it would be one row too.
    perWorker: Array.from({ length: 21 }, (_, at) => worker(`w${30 - at}`, 280)),
    failures: Array.from({ length: 21 }, (_, at) => group(`C${30 - at}`, 2)),
    timeline: { spanMs: 0, items: [6_000] },
    durations: {
      ...{ median: 1_000, p50: 1_000, p95: 6_400, p99: 12_800, max: 12_800 },
      histogram: bars(800, 2, [3_000, 1_000, 0, 2_000]),
    },
    digests: digests('0'),
  }),
  nothingRan: usual({
    ...{ status: 'failed', total: 1, ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 1 },
    ...{ chunks: 0, throughput: 0, retried: 0, reason: '', perWorker: [], failures: [] },
    durations: { median: 0, p50: 0, p95: 0, p99: 0, max: 0, histogram: [] },
    timeline: { spanMs: 0, items: [] },
    options: Object.fromEntries(Array.from({ length: 42 }, (_, at) => [`o${at}`, at])),
    digests: digests('0'),
  }),
};

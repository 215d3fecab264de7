import { newHistogram, quantile, record, toBars } from '../../../lib/core/histogram.ts';
import type { FailureGroup, Report } from '../../../lib/core/report.ts';

/** Durations of a shape that real batches have: most near 12 ms, a tail to 2 s. No randomness. */
function durations(items: number): Report['durations'] {
  const h = newHistogram();
  for (let i = 0; i < Math.min(items, 20_000); i++) {
    const u = ((i * 7919) % 20_011) / 20_011;
    record(h, 4 + 14 * (-Math.log(1 - u * 0.9999)) ** 1.35 + (i % 97 === 0 ? 180 + (i % 900) : 0));
  }
  const p50 = quantile(h, 0.5);
  return {
    median: p50,
    p50,
    p95: quantile(h, 0.95),
    p99: quantile(h, 0.99),
    max: h.max,
    histogram: toBars(h, 24),
  };
}

const timeline = (items: number, elapsed: number): Report['timeline'] => ({
  spanMs: elapsed / 60,
  items: Array.from({ length: 60 }, (_, i) =>
    Math.round(
      (items / 60) * (i < 3 ? 0.3 * i : 1.06 + 0.12 * Math.sin(i / 3) - (i === 37 ? 0.7 : 0)),
    ),
  ),
});

const group = (code: string, items: number, kind: FailureGroup['kind']): FailureGroup => ({
  code,
  kind,
  items,
  examples: Array.from({ length: Math.min(3, items) }, (_, i) => ({
    index: 412 + i * 1337,
    key: `7328293${20 + i}`,
    message: `GET /siren/7328293${20 + i} answered 503 Service Unavailable after 5 tries`,
  })),
});

const hex = (seed: number): string =>
  Array.from({ length: 64 }, (_, i) => (((seed + i) * 2_654_435_761) >>> 28).toString(16)).join('');

/** A batch of 100,000 items as most end: nearly all ok, some failures. */
export function usual(change: Partial<Report> = {}): Report {
  return {
    schema: 1,
    batch: 'companies-01k3f6c2m9-9f2c4be1',
    round: 0,
    job: 'companies',
    status: 'done',
    startedAt: '2026-08-21T06:45:47.120Z',
    finishedAt: '2026-08-21T06:47:11.420Z',
    now: '2026-08-21T06:45:47.120Z',
    options: {
      concurrency: 4,
      workers: 10,
      chunk: 1000,
      itemTimeout: '30s',
      quota: { calls: 100, per: '1m' },
    },
    input: { name: 'data/companies.csv', bytes: 11_812_330, sources: 1 },
    total: 100_000,
    concurrency: 4,
    workers: 10,
    ok: 98_712,
    skipped: 1020,
    failed: 265,
    stalled: 3,
    notRun: 0,
    chunks: 100,
    retried: 1904,
    durations: durations(100_000),
    throughput: 1186.24,
    timeline: timeline(100_000, 84_300),
    cpuSeconds: 43.2,
    peakRssMb: 212.4,
    perWorker: workers(10, 100_000),
    failures: [
      group('SERVER_ERROR', 201, 'retryable'),
      group('INVALID_RECORD', 48, 'invalid'),
      group('TIMEOUT', 16, 'timeout'),
      group('STALLED', 3, 'stalled'),
    ],
    digests: { input: hex(1), job: hex(2), outcomes: hex(3), manifest: hex(4) },
    ...change,
  };
}

export const workers = (count: number, items: number): Report['perWorker'] =>
  Array.from({ length: count }, (_, i) => ({
    worker: `w${String(i).padStart(2, '0')}`,
    chunks: Math.ceil(100 / count),
    items: Math.round((items / count) * (1 + 0.15 * Math.sin(i * 2))),
    failed: 20 + i,
    busyMs: 80_000 - i * 911,
  }));

const nothingRan = {
  ok: 0,
  skipped: 0,
  failed: 0,
  stalled: 0,
  notRun: 0,
  retried: 0,
  throughput: 0,
  failures: [],
  perWorker: [],
  durations: { median: 0, p50: 0, p95: 0, p99: 0, max: 0, histogram: [] },
  timeline: { spanMs: 0, items: [] },
} satisfies Partial<Report>;

/** Every state a reader can meet, by name. */
export const REPORTS: Readonly<Record<string, Report>> = {
  usual: usual(),
  clean: usual({ ok: 98_980, failed: 0, stalled: 0, failures: [], retried: 0 }),
  empty: usual({
    ...nothingRan,
    total: 0,
    chunks: 0,
    cpuSeconds: 0,
    finishedAt: '2026-08-21T06:45:47.120Z',
    input: { name: 'data/empty.csv', bytes: 0, sources: 1 },
  }),
  single: usual({
    ...nothingRan,
    total: 1,
    finishedAt: '2026-08-21T06:45:47.240Z',
    cpuSeconds: 0.2,
    input: { name: 'data/one.csv', bytes: 118, sources: 1 },
    ok: 1,
    chunks: 1,
    throughput: 8.3,
    workers: 1,
    perWorker: workers(1, 1),
    durations: {
      median: 120,
      p50: 120,
      p95: 120,
      p99: 120,
      max: 120,
      histogram: [{ fromMs: 120, toMs: 124, items: 1 }],
    },
    timeline: { spanMs: 120, items: [1] },
  }),
  allFailed: usual({
    ok: 0,
    skipped: 0,
    failed: 100_000,
    stalled: 0,
    failures: [group('CONNECTION_REFUSED', 100_000, 'retryable')],
  }),
  cancelled: usual({
    status: 'cancelled',
    reason: 'Cancelled from the command line.',
    ok: 41_200,
    notRun: 57_512,
  }),
  stopped: usual({
    status: 'stopped',
    reason: '1,020 of 61,000 items failed: 1.67 % is above tolerateFailures 1 %.',
    ok: 58_960,
    skipped: 1020,
    failed: 1020,
    stalled: 0,
    notRun: 39_000,
  }),
  failed: usual({
    ...nothingRan,
    status: 'failed',
    total: 2000,
    notRun: 2000,
    reason: 'The input ends inside a quoted cell that began at byte 4,193,022.',
  }),
  crowded: usual({
    round: 2,
    failed: 5265,
    ok: 93_712,
    workers: 50,
    perWorker: workers(50, 100_000),
    failures: Array.from({ length: 60 }, (_, i) =>
      group(`REMOTE_${500 + i}`, 200 - i * 3, 'permanent'),
    ),
  }),
};

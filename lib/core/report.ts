import type { ItemError } from './errors.ts';
import type { Outcome } from './outcome.ts';
import type { RoundChoice } from './retry.ts';
import type { End } from './transitions.ts';

/** Items that report.json itself details; above that `report --details` streams them. */
export const DETAILS_LIMIT = 10_000;

/**
 * What a batch leaves, as report.json. A pure function of stored state: the finaliser has no clock.
 * After a later round the counts and failures are those of the batch, each item by its highest round; times,
 * rates, workers, chunks, and the digests of job, outcomes and manifest are those of that round.
 */
export interface Report {
  /** Version of this shape. */
  schema: 1;
  batch: string;
  round: number;
  job: string;
  status: End;
  /** Why a batch was cancelled, stopped or failed. */
  reason?: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** When the last item ended; equal to startedAt when there was none. */
  finishedAt: string;
  /** The batch's `now`, which jobs see instead of a clock. */
  now: string;
  options: Record<string, unknown>;
  input: { name: string; bytes: number; sources: number };
  total: number;
  /** Items in flight per worker, and workers at once, as allowed. */
  concurrency: number;
  workers: number;
  /** The cap was held by the event source and the window alone, without reserved concurrency. */
  unreserved?: boolean;
  ok: number;
  skipped: number;
  failed: number;
  stalled: number;
  notRun: number;
  /** Failures that a later round gave ok or skipped; absent in round 0. */
  resolved?: number;
  /** Every round so far, from 0 on; absent in round 0. */
  rounds?: RoundSummary[];
  chunks: number;
  /** Of a job of several stages: each one's own figures in this round; in round 0 those beside it are their sums. */
  stages?: StageReport[];
  /** Items tried more than once. */
  retried: number;
  /** Milliseconds an item took, with all its tries; quantiles within 5 %. */
  durations: {
    median: number;
    p50: number;
    p95: number;
    p99: number;
    max: number;
    histogram: HistogramBar[];
  };
  /** Items per second, from startedAt to finishedAt. */
  throughput: number;
  /** Items that ended in each of at most 60 equal spans of the batch's time. */
  timeline: { spanMs: number; items: number[] };
  /** CPU seconds of all processes, and the largest resident set of one, in MB. */
  cpuSeconds: number;
  peakRssMb: number;
  /** Each worker's own share. */
  perWorker: { worker: string; chunks: number; items: number; failed: number; busyMs: number }[];
  /** Calls of each host by `ctx.http`, the most called first; absent where there were none. At most 20 hosts, and `other`. */
  http?: HostCalls[];
  failures: FailureGroup[];
  digests: {
    /** SHA-256 over the SHA-256s of 8 MiB blocks of the input. */
    input: string;
    /** SHA-256 of the bundled job file. */
    job: string;
    /** SHA-256 over the SHA-256s of each 1,000 outcome lines, counted in each stage from its first, in input order. */
    outcomes: string;
    /** SHA-256 of manifest.jsonl, which lists every part with its own SHA-256. */
    manifest: string;
    /** SHA-256 of report.html as it was made: a newer Sluice may draw it differently. */
    page?: string;
  };
  /** Every item with its attempt facts, up to 10,000 items; absent above. */
  details?: Detail[];
}

/** One round by itself. */
export interface RoundSummary {
  round: number;
  status: End;
  reason?: string;
  /** What a later round was asked to run again. */
  choice?: Pick<RoundChoice, 'codes' | 'keys' | 'first' | 'stage'> & { stalled: boolean };
  startedAt: string;
  finishedAt: string;
  /** Items of the round, and how they ended in it. */
  total: number;
  ok: number;
  skipped: number;
  failed: number;
  stalled: number;
  notRun: number;
  /** Of a job of several stages: the same of each. */
  stages?: Pick<
    StageReport,
    'name' | 'total' | 'ok' | 'skipped' | 'failed' | 'stalled' | 'notRun'
  >[];
  /** Of the input (in a later round: of its list), the job file, its outcomes, and its manifest.jsonl. */
  digests: { input: string; job: string; outcomes: string; manifest: string };
}

/** One stage of a round. Times are of its items, from the first that began to the last that ended. */
export interface StageReport {
  stage: number;
  name: string;
  workers: number;
  concurrency: number;
  total: number;
  ok: number;
  skipped: number;
  failed: number;
  stalled: number;
  notRun: number;
  chunks: number;
  retried: number;
  /** Absent where no item ran. */
  startedAt?: string;
  finishedAt?: string;
  /** Items per second, and the share of them that failed or stalled. */
  throughput: number;
  errorRate: number;
  /** Milliseconds of an item with all its tries. */
  median: number;
  p95: number;
  /** Items in flight on average, and the share of workers x concurrency that they are. */
  busySlots: number;
  utilisation: number;
  /** CPU seconds of its processes while it ran, and the largest resident set: locally all stages share a process. */
  cpuSeconds: number;
  peakRssMb: number;
}

export interface HistogramBar {
  /** Milliseconds, from (inclusive) and to (exclusive). */
  fromMs: number;
  toMs: number;
  items: number;
}

/** What one host was asked, and how it answered. */
export interface HostCalls {
  /** With its port where that is not the scheme's own. */
  host: string;
  /** Requests that were sent: tries and redirects count. */
  calls: number;
  /** Milliseconds from a request to its last byte; within 5 %. */
  p50: number;
  p95: number;
  /** Of the calls: second and later tries. */
  retries: number;
  /** Answers with status 429. */
  limited: number;
  /** Statuses from 500 on, time-outs and failed connections. */
  bad: number;
  /** How often its circuit breaker opened. */
  openings: number;
}

/** Failed and stalled items of one code. */
export interface FailureGroup {
  code: string;
  kind: ItemError['kind'];
  items: number;
  /** The first few, by index. */
  examples: { index: number; key: string | null; message: string }[];
}

/** How one item was worked: one line of a part's second member, joined with its outcome in reports. */
export interface AttemptFacts {
  tries: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  durationMs: number;
  worker: string;
  /** The round in which it was worked; absent for round 0. */
  round?: number;
  /** The stage that it is an item of; absent for the first. */
  stage?: number;
}

export type Detail = Outcome & AttemptFacts;

import { fromSparse, type Histogram, merge, newHistogram } from '../core/histogram.ts';
import { type HostUse, mergeUses } from '../core/http-meter.ts';
import { type Counts, noCounts, STATUSES } from '../core/outcome.ts';
import type { Report } from '../core/report.ts';
import { addFailures, type FailureGroups } from './failure-groups.ts';
import type { Trailer } from './part.ts';

/** What the trailers of a batch's parts add up to. */
export interface TrailerSums {
  chunks: number;
  counts: Counts;
  groups: FailureGroups;
  workers: Map<string, Report['perWorker'][number]>;
  processes: Map<string, { cpuMs: number; fromCpuMs: number; rssBytes: number }>;
  durations: Histogram;
  /** Calls by host. */
  http: Record<string, HostUse> | undefined;
  retried: number;
  /** When the first item began and the last ended, ms since 1970; 0 when none ran. */
  firstAt: number;
  lastAt: number;
  /** When each part's last item ended, for the timeline. */
  ended: { at: number; items: number }[];
}

export const noSums = (): TrailerSums => ({
  chunks: 0,
  counts: noCounts(),
  groups: new Map(),
  workers: new Map(),
  processes: new Map(),
  durations: newHistogram(),
  http: undefined,
  retried: 0,
  firstAt: 0,
  lastAt: 0,
  ended: [],
});

export function addTrailer(sums: TrailerSums, trailer: Trailer): void {
  for (const status of STATUSES) sums.counts[status] += trailer.counts[status];
  for (const [code, { kind, items }] of Object.entries(trailer.codes)) {
    addFailures(sums.groups, { code, kind, items });
  }
  for (const [worker, share] of Object.entries(trailer.workers)) {
    const sum = sums.workers.get(worker) ?? { worker, chunks: 0, items: 0, failed: 0, busyMs: 0 };
    sum.chunks += 1;
    sum.items += share.items;
    sum.failed += share.failed;
    sum.busyMs += share.busyMs;
    sums.workers.set(worker, sum);
  }
  for (const [name, usage] of Object.entries(trailer.processes)) {
    const most = sums.processes.get(name) ?? { ...usage, fromCpuMs: usage.cpuMs };
    // CPU is what the process had used so far, so its last word counts.
    sums.processes.set(name, {
      cpuMs: Math.max(most.cpuMs, usage.cpuMs),
      fromCpuMs: Math.min(most.fromCpuMs, usage.cpuMs),
      rssBytes: Math.max(most.rssBytes, usage.rssBytes),
    });
  }
  sums.durations = merge(sums.durations, fromSparse(trailer.durations));
  sums.http = mergeUses(sums.http, trailer.http);
  sums.chunks += 1;
  sums.retried += trailer.retried;
  const { firstAt } = trailer;
  if (firstAt > 0) sums.firstAt = sums.firstAt === 0 ? firstAt : Math.min(sums.firstAt, firstAt);
  sums.lastAt = Math.max(sums.lastAt, trailer.lastAt);
  if (trailer.lastAt > 0) sums.ended.push({ at: trailer.lastAt, items: trailer.items });
}

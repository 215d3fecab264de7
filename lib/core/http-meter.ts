import {
  fromSparse,
  type Histogram,
  merge,
  newHistogram,
  quantile,
  record,
  type SparseHistogram,
  toSparse,
} from './histogram.ts';
import type { HostCalls } from './report.ts';

/** Calls of one host, as a part's trailer keeps them. */
export interface HostUse {
  /** Requests that were sent: tries and redirects count. */
  calls: number;
  /** Of those: second and later tries. */
  retries: number;
  /** Answers with status 429. */
  limited: number;
  /** Statuses from 500 on, time-outs and failed connections. */
  bad: number;
  /** How often its breaker opened. */
  openings: number;
  /** Milliseconds from the request to the last byte. */
  durations: SparseHistogram;
}

/** Hosts that are told apart; the rest is `other`. */
const MAX_HOSTS = 20;
const OTHER_HOSTS = 'other';

export interface CallFacts {
  ms: number;
  retry: boolean;
  limited: boolean;
  bad: boolean;
}

/** Counts calls by host: what it holds does not grow with what it is told. */
export interface HttpMeter {
  call(host: string, facts: CallFacts): void;
  opened(host: string): void;
  /** Undefined while nothing was called. */
  uses(): Record<string, HostUse> | undefined;
}

type Sums = Omit<HostUse, 'durations'> & { durations: Histogram };

export function newHttpMeter(): HttpMeter {
  const hosts = new Map<string, Sums>();
  const of = (host: string): Sums => {
    const name = hosts.has(host) || hosts.size < MAX_HOSTS ? host : OTHER_HOSTS;
    const known = hosts.get(name);
    if (known !== undefined) return known;
    const fresh = {
      calls: 0,
      retries: 0,
      limited: 0,
      bad: 0,
      openings: 0,
      durations: newHistogram(),
    };
    hosts.set(name, fresh);
    return fresh;
  };
  return {
    call(host, { ms, retry, limited, bad }) {
      const sums = of(host);
      sums.calls += 1;
      if (retry) sums.retries += 1;
      if (limited) sums.limited += 1;
      if (bad) sums.bad += 1;
      record(sums.durations, ms);
    },
    opened(host) {
      of(host).openings += 1;
    },
    uses() {
      if (hosts.size === 0) return undefined;
      const all = [...hosts].map(([host, sums]): [string, HostUse] => [
        host,
        { ...sums, durations: toSparse(sums.durations) },
      ]);
      return Object.fromEntries(all);
    },
  };
}

/** Both added up, by host. Which hosts are told apart depends on their order alone. */
export function mergeUses(
  a: Readonly<Record<string, HostUse>> | undefined,
  b: Readonly<Record<string, HostUse>> | undefined,
): Record<string, HostUse> | undefined {
  if (a === undefined && b === undefined) return undefined;
  const sums = new Map<string, HostUse>(Object.entries(a ?? {}));
  for (const [host, use] of Object.entries(b ?? {})) {
    const name = sums.has(host) || sums.size < MAX_HOSTS ? host : OTHER_HOSTS;
    const known = sums.get(name);
    sums.set(name, known === undefined ? use : addUse(known, use));
  }
  return Object.fromEntries(sums);
}

const addUse = (a: HostUse, b: HostUse): HostUse => ({
  calls: a.calls + b.calls,
  retries: a.retries + b.retries,
  limited: a.limited + b.limited,
  bad: a.bad + b.bad,
  openings: a.openings + b.openings,
  durations: toSparse(merge(fromSparse(a.durations), fromSparse(b.durations))),
});

/** Hosts as a report lists them. */
export const hostCalls = (uses: Readonly<Record<string, HostUse>>): HostCalls[] =>
  Object.entries(uses)
    .map(([host, { durations, ...counts }]) => {
      const histogram = fromSparse(durations);
      const at = (q: number): number => Math.round(quantile(histogram, q) * 1000) / 1000;
      return { host, p50: at(0.5), p95: at(0.95), ...counts };
    })
    .sort((a, b) => b.calls - a.calls || (a.host < b.host ? -1 : 1));

import type { CallResult } from './environment.ts';

/** What a function did since the emulator started. */
export interface FunctionStats {
  /** Calls that began, also those that failed; throttled ones did not. */
  invocations: number;
  cold: number;
  throttles: number;
  /** The handler threw, or could not be loaded. */
  errors: number;
  timeouts: number;
  /** Killed above its memory. */
  memoryKills: number;
  /** Killed by --chaos. */
  chaosKills: number;
  /** The process ended by itself. */
  crashes: number;
  busy: number;
  peakBusy: number;
  environments: number;
  maxRssMb: number;
  /** Sum and maximum of the calls' durations, without loading. */
  totalMs: number;
  maxMs: number;
}

type Counter = 'errors' | 'timeouts' | 'memoryKills' | 'chaosKills' | 'crashes';

const BY_TYPE: Readonly<Record<string, Counter>> = {
  'Sandbox.Timedout': 'timeouts',
  'Runtime.OutOfMemory': 'memoryKills',
  'Chaos.Killed': 'chaosKills',
};

export function newFunctionStats() {
  const stats: FunctionStats = {
    invocations: 0,
    cold: 0,
    throttles: 0,
    errors: 0,
    timeouts: 0,
    memoryKills: 0,
    chaosKills: 0,
    crashes: 0,
    busy: 0,
    peakBusy: 0,
    environments: 0,
    maxRssMb: 0,
    totalMs: 0,
    maxMs: 0,
  };
  return {
    cold() {
      stats.cold += 1;
    },
    throttled() {
      stats.throttles += 1;
    },
    busy(now: number) {
      stats.peakBusy = Math.max(stats.peakBusy, now);
    },
    note(result: CallResult, { ms, peakMb }: { ms: number; peakMb: number }) {
      stats.invocations += 1;
      stats.totalMs += ms;
      stats.maxMs = Math.max(stats.maxMs, ms);
      stats.maxRssMb = Math.max(stats.maxRssMb, peakMb);
      if (result.did === 'failed') {
        stats[BY_TYPE[result.type] ?? (result.died ? 'crashes' : 'errors')] += 1;
      }
    },
    snapshot: (now: { busy: number; environments: number }): FunctionStats => ({
      ...stats,
      ...now,
    }),
  };
}

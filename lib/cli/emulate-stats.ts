import type { EmulatorStats } from '../app/emulate/emulator.ts';
import type { CallerTraffic } from '../app/emulate/traffic.ts';
import { formatDuration } from '../core/format.ts';
import { tableLines } from './table.ts';

/** Tables of what functions and mappings did, and of what a chunk cost in requests and write units. */
export function statsLines(stats: EmulatorStats, chunks: number, width: number): string[] {
  return [...functionLines(stats, width), '', ...trafficLines(stats, chunks, width)];
}

function functionLines({ functions }: EmulatorStats, width: number): string[] {
  const titles = ['calls', 'cold', 'peak', 'mean', 'max', 'RSS MB', 'throttled'];
  const columns = [
    { title: 'function' },
    ...titles.map((title) => ({ title, right: true })),
    { title: 'failed' },
  ];
  const rows = Object.entries(functions).map(([name, stats]) => [
    name,
    String(stats.invocations),
    String(stats.cold),
    String(stats.peakBusy),
    formatDuration(stats.totalMs / Math.max(1, stats.invocations)),
    formatDuration(stats.maxMs),
    String(Math.round(stats.maxRssMb)),
    String(stats.throttles),
    failures(stats),
  ]);
  return tableLines(columns, rows, width);
}

function failures(stats: EmulatorStats['functions'][string]): string {
  const kinds = {
    error: stats.errors,
    'time-out': stats.timeouts,
    memory: stats.memoryKills,
    chaos: stats.chaosKills,
    crash: stats.crashes,
  };
  const some = Object.entries(kinds).filter(([, times]) => times > 0);
  return some.map(([kind, times]) => `${kind} ${times}`).join(', ') || '-';
}

/** Pollers are counted apart: an empty receive is billed too, and has nothing to do with a chunk. */
function trafficLines({ traffic, functions }: EmulatorStats, chunks: number, width: number) {
  const callers = Object.entries(traffic).filter(
    ([caller]) => caller === 'mappings' || functions[caller] !== undefined,
  );
  const columns = [
    { title: 'caller' },
    { title: 'request' },
    { title: 'number', right: true },
    { title: 'per chunk', right: true },
  ];
  const per = (n: number): string => (chunks === 0 ? '-' : (n / chunks).toFixed(2));
  const rows = callers.flatMap(([caller, spent]) =>
    [...Object.entries(spent.requests).sort(([a], [b]) => (a < b ? -1 : 1)), ...units(spent)].map(
      ([name, n]) => [caller, name, String(n), per(n)],
    ),
  );
  return tableLines(columns, rows, width);
}

const units = ({ writeUnits, readUnits }: CallerTraffic): [string, number][] =>
  writeUnits + readUnits === 0
    ? []
    : [
        ['write units', writeUnits],
        ['read units', readUnits],
      ];

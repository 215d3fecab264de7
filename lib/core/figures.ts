import type { Counts } from './outcome.ts';
import { etaMs } from './pace.ts';

/** What the process that runs a batch notes of it each second, for any other to read. */
export interface RunnerNote {
  /** Milliseconds since 1970. */
  at: number;
  pid: number;
  rssBytes: number;
  /** Slots that work now, and how many there are. */
  busy: number;
  slots: number;
  /** Busy slots / slots, the mean of its last 10 s. */
  utilisation: number;
  /** Items per second, of the newer half of what it has seen; null until something is done. */
  rate: number | null;
  /** Median of what items took, ms; null before the first commit. */
  medianMs: number | null;
  /** Items that ended, with those of chunks that are not committed; absent in notes of earlier versions. */
  counts?: Counts;
}

/** What is known of a batch from its records. */
export interface Amounts {
  counts: Counts;
  plannedChunks: number;
  doneChunks: number;
  doneItems: number;
  totalItems: number | undefined;
  /** Least time between two items that a quota allows, ms. */
  itemMs: number | undefined;
}

/** How a batch goes; null = not known, or nothing to tell. */
export interface Figures {
  /** Items per second. */
  throughput: number | null;
  /** Busy slots / slots, 0 to 1. */
  utilisation: number | null;
  busy: number | null;
  slots: number | null;
  /** Chunks that are cut and wait for a slot. */
  queueDepth: number;
  medianMs: number | null;
  /** (ok + skipped) / (ok + skipped + failed + stalled), 0 to 1. */
  successRate: number | null;
  etaMs: number | null;
  /** Resident set of the process that runs it. */
  rssBytes: number | null;
}

/** @param rate items per second where no note says it */
export function figuresOf(
  { counts, plannedChunks, doneChunks, doneItems, totalItems, itemMs }: Amounts,
  note: RunnerNote | undefined,
  rate?: number,
): Figures {
  const throughput = note?.rate ?? rate;
  const left = etaMs({ done: doneItems, total: totalItems, itemMs }, throughput);
  return {
    throughput: throughput === undefined ? null : rounded(throughput, 1000),
    utilisation: note === undefined ? null : rounded(note.utilisation, 1000),
    busy: note?.busy ?? null,
    slots: note?.slots ?? null,
    queueDepth: Math.max(0, plannedChunks - doneChunks - (note?.busy ?? 0)),
    medianMs: note?.medianMs == null ? null : rounded(note.medianMs, 1000),
    successRate: successRate(counts),
    etaMs: left === undefined ? null : Math.round(left),
    rssBytes: note?.rssBytes ?? null,
  };
}

function successRate({ ok, skipped, failed, stalled }: Omit<Counts, 'notRun'>): number | null {
  const judged = ok + skipped + failed + stalled;
  return judged === 0 ? null : rounded((ok + skipped) / judged, 1e6);
}

/** One batch of several, for the figures of all. */
export interface OneOfAll extends Figures {
  counts: Counts;
  doneItems: number;
}

/**
 * The figures of several batches: sums, busy slots over all slots, the latest ETA, and of the medians the one
 * that half of the items lie at or below (exact for one batch).
 */
export function figuresOfAll(all: readonly OneOfAll[]): Figures {
  const known = (name: keyof Figures): number[] =>
    all.map((one) => one[name]).filter((value) => value !== null);
  const sumOf = (values: number[]): number | null =>
    values.length === 0 ? null : rounded(sum(values), 1000);
  const slots = sumOf(known('slots'));
  const noted = all.filter(({ slots: own, utilisation }) => own !== null && utilisation !== null);
  const working = sum(noted.map((one) => (one.slots ?? 0) * (one.utilisation ?? 0)));
  const etas = known('etaMs');
  const count = (name: keyof Counts): number => sum(all.map(({ counts }) => counts[name]));
  return {
    throughput: sumOf(known('throughput')),
    utilisation: slots === null || slots === 0 ? null : rounded(working / slots, 1000),
    busy: sumOf(known('busy')),
    slots,
    queueDepth: sum(known('queueDepth')),
    medianMs: medianOfMedians(all),
    successRate: successRate({
      ok: count('ok'),
      skipped: count('skipped'),
      failed: count('failed'),
      stalled: count('stalled'),
    }),
    etaMs: etas.length === 0 ? null : Math.max(...etas),
    rssBytes: sumOf(known('rssBytes')),
  };
}

function medianOfMedians(all: readonly OneOfAll[]): number | null {
  const sorted = all
    .flatMap(({ medianMs, doneItems }) => (medianMs === null ? [] : [{ medianMs, doneItems }]))
    .sort((a, b) => a.medianMs - b.medianMs);
  const half = sum(sorted.map(({ doneItems }) => doneItems)) / 2;
  let seen = 0;
  for (const { medianMs, doneItems } of sorted) {
    seen += doneItems;
    if (seen >= half) return medianMs;
  }
  return null;
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const rounded = (value: number, parts: number): number => Math.round(value * parts) / parts;

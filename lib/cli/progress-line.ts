import type { Progress } from '../app/drive.ts';
import { type Figures, figuresOf, type RunnerNote } from '../core/figures.ts';
import { cut, formatBytes, formatCount, formatDuration, formatRate } from '../core/format.ts';
import { etaMs } from '../core/pace.ts';

export interface Shown {
  progress: Progress;
  /** Items per second; undefined while unknown. */
  rate: number | undefined;
  /** Who works, where this process does not and cannot: its own memory says nothing then. */
  elsewhere?: string | undefined;
}

const NARROWEST_BAR = 8;
const WIDEST_BAR = 40;
const TOP_CODES = 3;

/** Two lines for a terminal of `width` columns (40 or more): how far it is, and how it goes. */
export function barLines({ progress, rate, elsewhere }: Shown, width: number): string[] {
  const { doneItems: done, totalItems: total } = progress.state;
  // By importance; what does not fit is left out from the end.
  const first = fitting([amount(done, total), ...speed(progress, rate)], width);
  const room = Math.min(WIDEST_BAR, width - first.length - 3 - 6);
  const bar =
    total !== undefined && total > 0 && room >= NARROWEST_BAR
      ? `[${meter(done / total, room)}] ${percent(done, total).padStart(5)} `
      : '';
  return [cut(`${bar}${first}`, width), fitting(condition(progress, elsewhere), width)];
}

/** One line for a log file: all of it, whatever its length. */
export function plainLine({ progress, rate, elsewhere }: Shown): string {
  const { batch, doneItems: done, totalItems: total } = progress.state;
  const share = total === undefined ? [] : [percent(done, total)];
  return [
    `${batch.id}: ${amount(done, total)}`,
    ...share,
    ...speed(progress, rate),
    ...condition(progress, elsewhere),
  ].join(', ');
}

/** With all items done, only the report is missing. */
function speed({ state }: Progress, rate: number | undefined): string[] {
  const { doneItems: done, totalItems: total } = state;
  if (total !== undefined && done >= total) return ['writing the report'];
  const eta = etaMs({ done, total, itemMs: state.batch.settings.quota?.itemMs }, rate);
  return [
    ...(rate === undefined ? [] : [formatRate(rate, ' ')]),
    ...(eta === undefined ? [] : [`ETA ${formatDuration(eta)}`]),
  ];
}

const count = (n: number): string => formatCount(n, ' ');

const amount = (done: number, total: number | undefined): string =>
  total === undefined ? `${count(done)} so far` : `${count(done)}/${count(total)}`;

/** Never 100 before the end. */
const percent = (done: number, total: number): string =>
  total === 0 ? '100 %' : `${Math.floor((done / total) * 100)} %`;

const meter = (share: number, columns: number): string => {
  const full = Math.min(columns, Math.floor(share * columns));
  return `${'#'.repeat(full)}${'-'.repeat(columns - full)}`;
};

function condition(
  { busy, slots, codes, state, rssBytes, note }: Progress,
  elsewhere: string | undefined,
): string[] {
  const { failed, stalled } = state.counts;
  return [
    ...(note !== undefined
      ? noted(state, note)
      : [elsewhere ?? (slots === 0 ? 'another process works' : `workers ${busy}/${slots}`)]),
    ...(failed > 0 ? [`failed ${count(failed)}`] : []),
    ...(stalled > 0 ? [`stalled ${count(stalled)}`] : []),
    ...topCodes(codes),
    ...(elsewhere === undefined ? [formatBytes(note?.rssBytes ?? rssBytes)] : []),
  ];
}

/** What the process that runs it says of itself. */
function noted(state: Progress['state'], note: RunnerNote): string[] {
  const itemMs = state.batch.settings.quota?.itemMs;
  return figureWords(figuresOf({ ...state, itemMs }, note));
}

/** Workers, how busy they are, what waits, the median, what is good: as far as they are known. */
export function figureWords(figures: Figures): string[] {
  const { busy, slots, utilisation, queueDepth, medianMs, successRate } = figures;
  return [
    ...(slots === null ? [] : [`workers ${busy}/${slots}`]),
    ...(utilisation === null ? [] : [`busy ${Math.round(utilisation * 100)} %`]),
    `queue ${count(queueDepth)}`,
    ...(medianMs === null ? [] : [`median ${formatDuration(medianMs)}`]),
    ...(successRate === null ? [] : [`good ${goodShare(successRate)} %`]),
  ];
}

/** Never 100 while something failed. */
const goodShare = (rate: number): string =>
  rate === 1 ? '100' : (Math.floor(rate * 1000) / 10).toFixed(1);

function topCodes(codes: Readonly<Record<string, number>>): string[] {
  const sorted = Object.entries(codes).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  if (sorted.length === 0) return [];
  const rest = sorted.length - TOP_CODES;
  const shown = sorted.slice(0, TOP_CODES).map(([code, items]) => `${code} ${count(items)}`);
  return rest > 0 ? [...shown, `${rest} more codes`] : shown;
}

/** As many of the values as one line takes, in their order. */
function fitting(values: readonly string[], width: number): string {
  let line = '';
  for (const value of values) {
    const longer = line === '' ? value : `${line}  ${value}`;
    if (longer.length <= width) line = longer;
  }
  return line === '' ? cut(values[0] ?? '', width) : line;
}

import { formatCount, formatCounted, formatDuration, formatRate, formatShare } from '../format.ts';
import type { HistogramBar, Report } from '../report.ts';
import { type Html, html, nothing, pct, table } from './html.ts';

/** Geometry in px: widths are percentages, so text keeps its size from 360 px to print. */
const PLOT = { top: 58, bottom: 190, height: 216 };
/** Share of a column's slot that is filled: few columns need no wide gaps. */
const fillOf = (columns: number): number => 1 - Math.min(0.14, columns / 100);

interface Column {
  value: number;
  /** Shown on hover. */
  title: string;
}

interface Tick {
  /** 0 to 1 along the axis. */
  at: number;
  label: string;
  /** Left out on narrow screens. */
  wide?: boolean;
}

/** How long items took: columns on a logarithmic axis, quantiles as labelled lines. */
export function durationChart(report: Report): Html {
  const { durations } = report;
  const bars = durations.histogram;
  const all = bars.reduce((sum, { items }) => sum + items, 0);
  const range = ({ fromMs, toMs }: HistogramBar): string =>
    `${fromMs === 0 ? '0' : formatDuration(fromMs)} to ${formatDuration(toMs)}`;
  const marks = [
    { name: 'median', ms: durations.median },
    { name: 'p95', ms: durations.p95 },
    { name: 'p99', ms: durations.p99 },
  ].map(({ name, ms }) => ({ at: positionOf(ms, bars), label: `${name} ${formatDuration(ms)}` }));
  return figure({
    id: 'durations',
    heading: 'Time per item',
    empty: all === 0 && 'No item ran, so there are no durations.',
    lede: `With all its tries. The longest took ${formatDuration(durations.max)}; times are within 5 %.`,
    desc: `Median ${formatDuration(durations.median)}, 95 % within ${formatDuration(durations.p95)}, 99 % within ${formatDuration(durations.p99)}, longest ${formatDuration(durations.max)}.`,
    columns: bars.map((bar) => ({
      value: bar.items,
      title: `${range(bar)}: ${formatCounted(bar.items, 'item')}`,
    })),
    marks,
    ticks: durationTicks(bars),
    twin: table({
      caption: 'Items by time taken',
      head: html`<th scope="col">Time per item</th><th scope="col" class="n">Items</th><th scope="col" class="n">Share</th>`,
      rows: bars.map(
        (bar) =>
          html`<tr><th scope="row">${range(bar)}</th><td class="n">${formatCount(bar.items)}</td><td class="n">${formatShare(bar.items, all)}</td></tr>`,
      ),
    }),
  });
}

/** Items per second over the batch's time. */
export function throughputChart(report: Report): Html {
  const { spanMs, items } = report.timeline;
  const rateOf = (n: number): number => (spanMs > 0 ? n / (spanMs / 1000) : 0);
  const at = (span: number): string => formatDuration(span * spanMs);
  const peak = items.reduce((most, n) => Math.max(most, n), 0);
  return figure({
    id: 'throughput',
    heading: 'Rate over time',
    empty:
      peak === 0
        ? 'No item ran, so there is no rate to draw.'
        : !(spanMs > 0) && 'The batch took less than a millisecond, so there is no rate to draw.',
    lede: `Items ended per second. The best ${formatDuration(spanMs)} reached ${formatRate(rateOf(peak))}.`,
    desc: `Average ${formatRate(report.throughput)}, peak ${formatRate(rateOf(peak))} over ${at(items.length)}.`,
    columns: items.map((n, i) => ({
      value: n,
      title: `${at(i)} to ${at(i + 1)}: ${formatRate(rateOf(n))}`,
    })),
    level: peak > 0 && {
      at: rateOf(peak) > 0 ? report.throughput / rateOf(peak) : 0,
      label: `average ${formatRate(report.throughput)}`,
    },
    ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => ({
      at: share,
      label: share === 0 ? '0' : at(items.length * share),
      wide: share === 0.25 || share === 0.75,
    })),
    twin: table({
      caption: 'Items ended by time since the start',
      head: html`<th scope="col">Since the start</th><th scope="col" class="n">Items</th><th scope="col" class="n">Rate</th>`,
      rows: items.map(
        (n, i) =>
          html`<tr><th scope="row">${at(i)} to ${at(i + 1)}</th><td class="n">${formatCount(n)}</td><td class="n">${formatRate(rateOf(n))}</td></tr>`,
      ),
    }),
  });
}

interface FigureOptions {
  id: string;
  heading: string;
  /** What to say instead of a chart. */
  empty: string | false;
  lede: string;
  desc: string;
  columns: readonly Column[];
  marks?: readonly Tick[];
  level?: Tick | false;
  ticks: readonly Tick[];
  twin: Html;
}

function figure(options: FigureOptions): Html {
  const { id, heading, empty } = options;
  const head = html`<h2 id="${id}">${heading}</h2>`;
  if (empty !== false) {
    return html`<section aria-labelledby="${id}">${head}<p class="none">${empty}</p></section>`;
  }
  return html`<section aria-labelledby="${id}">${head}<p class="mute">${options.lede}</p>
<figure><svg class="chart" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${heading}</title><desc id="${id}-d">${options.desc}</desc>
${columns(options.columns)}${options.level === false || options.level === undefined ? nothing : level(options.level)}
${(options.marks ?? []).map(mark)}
<line class="axis" x1="0" x2="100%" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>${options.ticks.map(tick)}
</svg></figure>
<details><summary>${heading} as a table</summary>${options.twin}</details></section>`;
}

function columns(list: readonly Column[]): Html[] {
  const most = list.reduce((high, { value }) => Math.max(high, value), 0);
  const plot = PLOT.bottom - PLOT.top;
  const fill = fillOf(list.length);
  return list.map(({ value, title }, i) => {
    if (!(value > 0) || most === 0) return nothing;
    const height = Number(Math.max(1.5, (value / most) * plot).toFixed(2));
    return html`<rect class="f-accent" x="${pct(i + (1 - fill) / 2, list.length)}" y="${Number((PLOT.bottom - height).toFixed(2))}" width="${pct(fill, list.length)}" height="${height}" rx="1"><title>${title}</title></rect>`;
  });
}

/** A labelled line across; its label stands above the columns, in the space that quantiles use elsewhere. */
function level({ at, label }: Tick): Html {
  const y = Number((PLOT.bottom - Math.min(1, at) * (PLOT.bottom - PLOT.top)).toFixed(2));
  return html`<line class="mark" x1="0" x2="100%" y1="${y}" y2="${y}"/><line class="mark" x1="100%" x2="100%" y1="${PLOT.top - 12}" y2="${y}"/><text class="v" x="100%" y="${PLOT.top - 18}" text-anchor="end">${label}</text>`;
}

/** A labelled line upward. Each has a row of its own, so that close quantiles never overlap. */
function mark({ at, label }: Tick, row: number): Html {
  const y = 12 + row * 17;
  const left = at > 0.72;
  const x = pct(at, 1);
  return html`<line class="mark" x1="${x}" x2="${x}" y1="${y - 9}" y2="${PLOT.bottom}"/><text class="v" x="${x}" dx="${left ? -6 : 6}" y="${y}" text-anchor="${left ? 'end' : 'start'}">${label}</text>`;
}

function tick({ at, label, wide }: Tick): Html {
  const anchor = at < 0.04 ? 'start' : at > 0.96 ? 'end' : 'middle';
  const x = pct(at, 1);
  return html`<g class="${wide === true ? 'wide' : ''}"><line class="axis" x1="${x}" x2="${x}" y1="${PLOT.bottom}" y2="${PLOT.bottom + 5}"/><text x="${x}" y="${PLOT.bottom + 20}" text-anchor="${anchor}">${label}</text></g>`;
}

/** Where a duration lies along bars of equal width: logarithmic within its bar. */
function positionOf(ms: number, bars: readonly HistogramBar[]): number {
  const i = bars.findIndex((bar) => ms < bar.toMs);
  const bar = bars[i];
  if (bar === undefined) return bars.length === 0 || ms < (bars[0]?.fromMs ?? 0) ? 0 : 1;
  const inside =
    bar.fromMs > 0 ? Math.log(ms / bar.fromMs) / Math.log(bar.toMs / bar.fromMs) : ms / bar.toMs;
  const share = (i + Math.min(1, Math.max(0, Number.isFinite(inside) ? inside : 0))) / bars.length;
  // Math.log may differ in its last bit between engines; 3 decimals never show it.
  return Number(share.toFixed(3));
}

/** Round durations in milliseconds, powers of ten and whole minutes and hours first in each pair. */
const DECADES = [
  0.001, 0.01, 0.1, 1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000,
];
const BETWEEN = [
  2, 5, 20, 50, 200, 500, 2000, 5000, 30_000, 120_000, 300_000, 1_800_000, 7_200_000,
];

/** Round durations inside the axis: decades, with steps between when there are fewer than three. */
function durationTicks(bars: readonly HistogramBar[]): Tick[] {
  const from = bars[0]?.fromMs ?? 0;
  const to = bars.at(-1)?.toMs ?? 0;
  const inside = (list: readonly number[]): number[] => list.filter((ms) => ms >= from && ms <= to);
  const decades = inside(DECADES);
  const round =
    decades.length < 3 ? [...decades, ...inside(BETWEEN)].sort((a, b) => a - b) : decades;
  if (round.length === 0) {
    return [from, to].map((ms, at) => ({ at, label: formatDuration(ms) }));
  }
  return round.map((ms, i) => ({
    at: positionOf(ms, bars),
    label: formatDuration(ms),
    wide: round.length > 5 && i % 2 === 1,
  }));
}

import { formatCount, formatDuration, formatShare } from '../format.ts';
import type { Report } from '../report.ts';
import { type Html, html, nothing, shareBar, show, table } from './html.ts';

type Row = Report['perWorker'][number];

/** Rows of the table; the rest is one row. */
const SHOWN = 20;

/** Each worker's share, the largest first. */
export function workers(report: Report): Html {
  const sorted = [...report.perWorker].sort(
    (a, b) => b.items - a.items || (a.worker < b.worker ? -1 : 1),
  );
  if (sorted.length === 0) return nothing;
  // One row more is no longer than a row that says '1 other'.
  const shown = sorted.length <= SHOWN + 1 ? sorted : sorted.slice(0, SHOWN);
  const rest = sorted.slice(shown.length);
  const all = sum(sorted, 'items');
  const most = sorted[0]?.items ?? 0;
  const others = rest.length === 0 ? nothing : tableRow(othersOf(rest), { all, most: 0 });
  return html`<section aria-labelledby="workers"><h2 id="workers">Workers</h2>
<p class="mute">${sentence(sorted.length, shown.length)}</p>
${table({
  caption: 'Items by worker',
  head: html`<th scope="col">Worker</th><th scope="col" class="n">Items</th><th scope="col" class="n">Share</th><th scope="col" class="w wide"><span class="sr">Items as a bar</span></th><th scope="col" class="n">Failed</th><th scope="col" class="n wide">Chunks</th><th scope="col" class="n">Busy</th>`,
  rows: [...shown.map((row) => tableRow(row, { all, most })), others],
})}</section>`;
}

function sentence(count: number, shown: number): string {
  if (count === 1) return 'One worker took every item.';
  const top = shown < count ? ` The ${shown} with the most items are listed.` : '';
  return `${formatCount(count)} workers shared the items; bars compare them with the largest share.${top}`;
}

const sum = (rows: readonly Row[], field: 'chunks' | 'items' | 'failed' | 'busyMs'): number =>
  rows.reduce((total, row) => total + row[field], 0);

const othersOf = (rest: readonly Row[]): Row => ({
  worker: `${rest.length} others`,
  chunks: sum(rest, 'chunks'),
  items: sum(rest, 'items'),
  failed: sum(rest, 'failed'),
  busyMs: sum(rest, 'busyMs'),
});

/** Together the others would outgrow the largest: `most` 0 leaves their bar out. */
function tableRow(row: Row, { all, most }: { all: number; most: number }): Html {
  const bar = most > 0 && shareBar(row.items, most);
  return html`<tr><th scope="row" class="mono">${show(row.worker, 'worker')}</th><td class="n">${formatCount(row.items)}</td><td class="n">${formatShare(row.items, all)}</td><td class="w wide">${bar}</td><td class="n">${formatCount(row.failed)}</td><td class="n wide">${formatCount(row.chunks)}</td><td class="n">${formatDuration(row.busyMs)}</td></tr>`;
}

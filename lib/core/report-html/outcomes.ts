import {
  elapsedMs,
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatRate,
  formatShare,
} from '../format.ts';
import type { Report } from '../report.ts';
import { type Html, html, icon, nothing, pct, table } from './html.ts';
import { OUTCOMES } from './status.ts';

/** Six figures, each with the one that explains it. */
export function keyFigures(report: Report): Html {
  const { durations, input } = report;
  const own = report.rounds?.at(-1);
  const ran = own === undefined ? report.total > report.notRun : own.total > own.notRun;
  const figure = (name: string, value: string, beside: string): Html =>
    html`<div><dt>${name}</dt><dd>${value}<small>${beside}</small></dd></div>`;
  const inputs = input.sources > 1 ? `${formatCount(input.sources)} inputs, ` : '';
  return html`<dl class="key">
${figure('Items', formatCount(report.total), own === undefined ? `${inputs}${formatBytes(input.bytes)}` : `${formatCount(own.total)} of them in round ${report.round}`)}
${figure('Time', formatDuration(elapsedMs(report.startedAt, report.finishedAt)), formatCounted(report.chunks, 'chunk'))}
${figure('Rate', formatRate(report.throughput), `${formatCount(report.retried)} tried again`)}
${figure('Median item', ran ? formatDuration(durations.median) : '–', ran ? `95 % within ${formatDuration(durations.p95)}` : 'no item ran')}
${figure('At once, at most', formatCount(report.workers * report.concurrency), `${formatCounted(report.workers, 'worker')} × ${formatCount(report.concurrency)}${report.unreserved ? ', no reserved concurrency' : ''}`)}
${figure('CPU', formatDuration(report.cpuSeconds * 1000), `memory ${formatBytes(report.peakRssMb * 1e6)}`)}
</dl>`;
}

/** The bar of shares, with its table as legend and exact twin. */
export function outcomes(report: Report): Html {
  const rows = OUTCOMES.map(
    ({
      status,
      word,
      meaning,
    }) => html`<tr class="${report[status] === 0 ? 'zero' : ''}"><th scope="row" class="name">${icon(status)}${word}</th>
<td class="n">${formatCount(report[status])}</td><td class="n">${formatShare(report[status], report.total)}</td><td class="mute wide">${meaning}</td></tr>`,
  );
  const sum = html`<tr class="total"><th scope="row">all</th><td class="n">${formatCount(report.total)}</td><td class="n">${formatShare(report.total, report.total)}</td><td class="wide"></td></tr>`;
  return html`<section aria-labelledby="outcomes"><h2 id="outcomes">Outcomes</h2>
${statusBar(report)}
${table({
  caption: 'Items by outcome',
  head: html`<th scope="col">Outcome</th><th scope="col" class="n">Items</th><th scope="col" class="n">Share</th><th scope="col" class="wide">Meaning</th>`,
  rows: [...rows, sum],
})}</section>`;
}

/** Narrowest share drawn, in percent: 3 failures among 100,000 items must still be seen. */
const SMALLEST = 1.2;

function statusBar(report: Report): Html {
  const present = OUTCOMES.filter(({ status }) => report[status] > 0);
  const widened = present.map(({ status }) =>
    Math.max(SMALLEST, (report[status] / report.total) * 100),
  );
  const whole = widened.reduce((sum, width) => sum + width, 0);
  let x = 0;
  const segments = present.map(({ status, word }, i) => {
    const from = x;
    x += widened[i] ?? 0;
    const share = formatShare(report[status], report.total);
    // 'not run 39.00 %' takes 120 px of 13 px text: 14 % of a page, 45 % of a phone; the table names all.
    const small = x - from < 45 ? 'small' : '';
    const label =
      x - from >= 14 &&
      html`<text class="${small}" x="${pct(from, whole)}" dx="10" y="20">${word} ${share}</text>`;
    return html`<g><title>${word}: ${formatCounted(report[status], 'item')}, ${share}</title><rect class="f-${status}" x="${pct(from, whole)}" width="${pct(x - from, whole)}" height="30"/>${label}</g>${i > 0 ? html`<line class="gap" x1="${pct(from, whole)}" x2="${pct(from, whole)}" y1="0" y2="30"/>` : nothing}`;
  });
  return html`<svg class="bar" role="img" aria-labelledby="bar-t bar-d"><title id="bar-t">Shares of the outcomes</title><desc id="bar-d">${describe(report)}</desc><rect class="track" width="100%" height="30"/>${segments}</svg>`;
}

function describe(report: Report): string {
  if (report.total === 0) return 'No items.';
  return OUTCOMES.filter(({ status }) => report[status] > 0)
    .map(({ status, word }) => `${word} ${formatShare(report[status], report.total)}`)
    .join(', ');
}

import { formatCount, formatDuration } from '../format.ts';
import type { HostCalls, Report } from '../report.ts';
import { type Html, html, nothing, show, table } from './html.ts';

/** What each remote was asked, and how it answered; nothing for a job that asked none. */
export function remotes({ http = [] }: Report): Html {
  if (http.length === 0) return nothing;
  const calls = http.reduce((sum, host) => sum + host.calls, 0);
  const openings = http.reduce((sum, host) => sum + host.openings, 0);
  return html`<section aria-labelledby="remotes"><h2 id="remotes">Remotes</h2>
<p class="mute">${formatCount(calls)} calls${openings > 0 && ', slowed down by circuit breakers: see Openings'}. Tries and redirects count as calls.</p>
${table({
  caption: 'Calls by host',
  head: html`<th scope="col">Host</th><th scope="col" class="n">Calls</th><th scope="col" class="n">Median</th><th scope="col" class="n">p95</th><th scope="col" class="n wide">Retries</th><th scope="col" class="n wide">429</th><th scope="col" class="n">Bad</th><th scope="col" class="n">Openings</th>`,
  rows: http.map(tableRow),
})}</section>`;
}

const tableRow = (row: HostCalls): Html =>
  html`<tr><th scope="row" class="mono">${show(row.host, 'worker')}</th><td class="n">${formatCount(row.calls)}</td><td class="n">${formatDuration(row.p50)}</td><td class="n">${formatDuration(row.p95)}</td><td class="n wide">${formatCount(row.retries)}</td><td class="n wide">${formatCount(row.limited)}</td><td class="n">${formatCount(row.bad)}</td><td class="n">${formatCount(row.openings)}</td></tr>`;

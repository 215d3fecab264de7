import { formatCount, formatShare } from '../format.ts';
import type { FailureGroup, Report } from '../report.ts';
import { type Html, html, nothing, shareBar, show, table } from './html.ts';

/** Rows of the failure table; the rest is one row. */
const CODES_SHOWN = 20;
/** Examples of each of the ten most frequent codes, and of each other code listed. */
const EXAMPLES = { frequent: 3, rare: 1 };

const KINDS: Readonly<Record<FailureGroup['kind'], string>> = {
  retryable: 'tries used up',
  permanent: 'no other try can help',
  stalled: 'remote went silent',
  timeout: 'time ran out',
  crashed: 'ended its process',
  invalid: 'unreadable record',
  unexpected: 'unforeseen error',
};

/** Failed and stalled items by code, the most frequent first, each with its first examples. */
export function failures(report: Report): Html {
  const all = report.failed + report.stalled;
  const groups = [...report.failures].sort(
    (a, b) => b.items - a.items || (a.code < b.code ? -1 : 1),
  );
  if (all === 0 && groups.length === 0) return nothing;
  const shown = groups.length <= CODES_SHOWN + 1 ? groups : groups.slice(0, CODES_SHOWN);
  const rest = groups.slice(shown.length);
  const codes = `${formatCount(groups.length)} ${groups.length === 1 ? 'code' : 'codes'}`;
  const top = rest.length > 0 ? ` The ${shown.length} most frequent are listed.` : '';
  return html`<section aria-labelledby="failures"><h2 id="failures">Failures</h2>
<p class="mute">${formatCount(all)} failed or stalled, by ${codes}.${top} The examples are the first by place in the input, counted from 0.</p>
${table({
  caption: 'Failed and stalled items by code',
  head: html`<th scope="col">Code</th><th scope="col" class="wide">Kind</th><th scope="col" class="n">Items</th><th scope="col" class="n">Share</th><th scope="col" class="w wide"><span class="sr">Share as a bar</span></th>`,
  rows: [
    ...shown.map((group, i) => groupRows(group, { all, frequent: i < 10 })),
    othersRow(rest, all),
  ],
})}</section>`;
}

function groupRows(
  group: FailureGroup,
  { all, frequent }: { all: number; frequent: boolean },
): Html {
  const examples = group.examples.slice(0, frequent ? EXAMPLES.frequent : EXAMPLES.rare);
  const tone = group.kind === 'stalled' ? 'stalled' : 'failed';
  const row = html`<tr class="${examples.length > 0 ? 'g' : ''}"><th scope="row"><b class="mono">${show(group.code, 'code')}</b></th><td class="mute wide">${show(KINDS[group.kind] ?? group.kind, 'code')}</td>${numbers(group.items, all)}<td class="w wide">${shareBar(group.items, all, tone)}</td></tr>`;
  if (examples.length === 0) return row;
  return html`${row}
<tr class="e"><td colspan="5"><ul class="ex">${examples.map(example)}</ul></td></tr>`;
}

function example({ index, key, message }: FailureGroup['examples'][number]): Html {
  const name = key === null ? nothing : html` <b class="mono">${show(key, 'key')}</b>`;
  return html`<li><span class="who">#${formatCount(index)}${name}</span><span>${show(message, 'message')}</span></li>`;
}

function othersRow(rest: readonly FailureGroup[], all: number): Html {
  if (rest.length === 0) return nothing;
  const items = rest.reduce((sum, group) => sum + group.items, 0);
  return html`<tr><th scope="row"><i>${rest.length} other codes</i></th><td class="mute wide">all are in failures.jsonl</td>${numbers(items, all)}<td class="w wide">${shareBar(items, all, 'failed')}</td></tr>`;
}

const numbers = (items: number, all: number): Html =>
  html`<td class="n">${formatCount(items)}</td><td class="n">${formatShare(items, all)}</td>`;

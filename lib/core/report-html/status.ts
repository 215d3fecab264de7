import {
  elapsedMs,
  formatCount,
  formatCounted,
  formatDuration,
  formatInstant,
  formatRate,
} from '../format.ts';
import type { Status } from '../outcome.ts';
import type { Report } from '../report.ts';
import { type Html, html, icon, raw, show } from './html.ts';

/** The order of outcomes in the bar, the table and the text; the words people read. */
export const OUTCOMES: readonly { status: Status; word: string; meaning: string }[] = [
  { status: 'ok', word: 'ok', meaning: 'done, with a value' },
  { status: 'skipped', word: 'skipped', meaning: 'nothing to do, no failure' },
  { status: 'failed', word: 'failed', meaning: 'an error, after all its tries' },
  {
    status: 'stalled',
    word: 'stalled',
    meaning: 'the remote went silent; sent again only when asked',
  },
  { status: 'notRun', word: 'not run', meaning: 'the batch ended before its turn' },
];

/** One shape per state, so that nothing is told by colour alone. */
export const ICONS = raw(
  `<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>${[
    ['ok', '<path d="M3 8.5l3.5 3.5L13 4.5"/>'],
    ['skipped', '<path d="M3 4l4 4-4 4M9 4l4 4-4 4"/>'],
    ['failed', '<path d="M4 4l8 8M12 4l-8 8"/>'],
    ['stalled', '<path d="M5.5 3.5v9M10.5 3.5v9"/>'],
    ['notRun', '<circle cx="8" cy="8" r="4.5"/>'],
    ['alert', '<path d="M8 2.5v7M8 13.2v.1"/>'],
    ['cancel', '<circle cx="8" cy="8" r="5.5"/><path d="M4.2 11.8l7.6-7.6"/>'],
    ['stop', '<path d="M4 4h8v8H4z"/>'],
  ]
    .map(
      ([name, shape]) =>
        `<symbol id="i-${name}" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2.25" stroke-linecap="round" stroke-linejoin="round">${shape}</symbol>`,
    )
    .join('')}</defs></svg>`,
);

/** How a batch ended: a word, a shape, and the outcome whose colour it shares. */
export function verdict(report: Report): { word: string; tone: Status; shape: string } {
  if (report.status === 'failed') return { word: 'Failed', tone: 'failed', shape: 'failed' };
  if (report.status === 'stopped')
    return { word: 'Stopped by its threshold', tone: 'failed', shape: 'stop' };
  if (report.status === 'cancelled') return { word: 'Cancelled', tone: 'notRun', shape: 'cancel' };
  if (report.notRun > 0) return { word: 'Done, not all items ran', tone: 'notRun', shape: 'alert' };
  return report.failed + report.stalled > 0
    ? { word: 'Done, with failures', tone: 'stalled', shape: 'alert' }
    : { word: 'Done', tone: 'ok', shape: 'ok' };
}

export function header(report: Report): Html {
  const { word, tone, shape } = verdict(report);
  return html`<header>
<p class="over">Sluice batch report</p>
<div class="title"><h1>${show(report.job, 'name')}</h1><p class="badge c-${tone}">${icon(shape)}<span><span class="sr">Status: </span>${word}</span></p></div>
<p class="lede">${sentence(report)}</p>
${report.reason !== undefined && report.reason !== '' && html`<p class="reason c-${tone}"><span><b>Reason:</b> ${show(report.reason, 'reason')}</span></p>`}
<dl class="facts">
<div><dt>Batch</dt><dd class="mono">${show(report.batch, 'name')}</dd></div>
${report.round > 0 && html`<div><dt>Round</dt><dd>${report.round}</dd></div>`}
<div><dt>Input</dt><dd class="mono">${show(report.input.name, 'name')}</dd></div>
<div><dt>Started</dt><dd>${formatInstant(report.startedAt)}</dd></div>
<div><dt>Finished</dt><dd>${formatInstant(report.finishedAt)}</dd></div>
</dl>
</header>`;
}

/** The batch in one sentence: what a reader takes away who reads nothing else. */
function sentence(report: Report): string {
  if (report.total === 0) return 'The input held no items.';
  const all = formatCounted(report.total, 'item');
  const ran = report.total - report.notRun;
  if (ran <= 0) return `None of ${all} ran.`;
  const items = report.notRun > 0 ? `${formatCount(ran)} of ${all}` : all;
  const time = formatDuration(elapsedMs(report.startedAt, report.finishedAt));
  const rest = [
    report.failed > 0 && `${formatCount(report.failed)} failed`,
    report.stalled > 0 && `${formatCount(report.stalled)} stalled`,
    report.notRun > 0 && `${formatCount(report.notRun)} never ran`,
  ].filter((part) => part !== false);
  const list =
    rest.length < 2 ? rest.join('') : `${rest.slice(0, -1).join(', ')} and ${rest.at(-1)}`;
  const end = list === '' ? 'None failed' : list.charAt(0).toUpperCase() + list.slice(1);
  const own = report.rounds?.at(-1);
  if (own === undefined) return `${items} in ${time}, ${formatRate(report.throughput)}. ${end}.`;
  const ranAgain = formatCounted(own.total, 'item');
  const resolved = `retries resolved ${formatCount(report.resolved ?? 0)} failures so far`;
  return `Round ${report.round} ran ${ranAgain} once more in ${time}; ${resolved}. Of ${all}: ${list === '' ? 'none failed' : list}.`;
}

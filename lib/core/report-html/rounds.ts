import { formatCount, formatCounted, formatInstant } from '../format.ts';
import type { Report, RoundSummary } from '../report.ts';
import { type Html, html, nothing, show, table } from './html.ts';

/** Rounds of the table: the first, and the newest ones. */
const ROUNDS_SHOWN = 20;

/** Every round by itself: what it ran, what came of it, and the digests that prove it. */
export function rounds(report: Report): Html {
  const all = report.rounds ?? [];
  if (all.length === 0) return nothing;
  const shown =
    all.length <= ROUNDS_SHOWN ? all : [...all.slice(0, 1), ...all.slice(1 - ROUNDS_SHOWN)];
  const cut = all.length - shown.length;
  const left = cut > 0 ? ` ${formatCount(cut)} rounds between are in report.json.` : '';
  const resolved = formatCount(report.resolved ?? 0);
  const rows = shown.flatMap((round, at) => {
    const code =
      round.digests.job !== shown[at - 1]?.digests.job && at > 0 ? ', with other code' : '';
    return [figures(round, code), digests(round)];
  });
  return html`<section aria-labelledby="rounds"><h2 id="rounds">Rounds</h2>
<p class="mute">Later rounds resolved ${resolved} failures. An item counts by the highest round in which it ran; each round's own files stay as they were written.${left}</p>
${table({
  caption: 'Rounds of the batch',
  head: html`<th scope="col">Round</th><th scope="col" class="wide">Started</th><th scope="col" class="n">Items</th><th scope="col" class="n">ok</th><th scope="col" class="n">skipped</th><th scope="col" class="n">failed</th><th scope="col" class="n">stalled</th><th scope="col" class="n">not run</th>`,
  rows,
})}</section>`;
}

const figures = (round: RoundSummary, code: string): Html => {
  const n = (items: number): Html => html`<td class="n">${formatCount(items)}</td>`;
  return html`<tr class="g"><th scope="row">${round.round}, ${round.status}</th><td class="mute wide">${formatInstant(round.startedAt)}${asked(round)}${code}</td>${n(round.total)}${n(round.ok)}${n(round.skipped)}${n(round.failed)}${n(round.stalled)}${n(round.notRun)}</tr>`;
};

/** What was asked for, where it was not simply all that failed. */
function asked({ choice }: RoundSummary): string {
  if (choice === undefined) return '';
  const parts = [
    choice.codes !== undefined &&
      `codes ${choice.codes.map((code) => show(code, 'code')).join(' ')}`,
    choice.keys !== undefined && `${formatCount(choice.keys)} keys`,
    choice.first !== undefined && `the first ${formatCount(choice.first)}`,
    choice.stage !== undefined && `stage ${show(choice.stage, 'code')}`,
    choice.stalled && 'stalled items too',
  ].filter((part) => part !== false);
  return parts.length === 0 ? '' : `, ${show(parts.join(', '), 'option')}`;
}

const digests = ({ digests: { job, outcomes }, stages = [] }: RoundSummary): Html =>
  html`<tr class="e"><td colspan="8"><ul class="ex">${stages.map(stageLine)}<li><span class="who">Outcomes</span><span class="mono">${show(outcomes, 'name')}</span></li><li><span class="who">Job code</span><span class="mono">${show(job, 'name')}</span></li></ul></td></tr>`;

const stageLine = ({ name, total, ok, skipped, failed, stalled, notRun }: StageCounts): Html => {
  const counts: [number, string][] = [
    [ok, 'ok'],
    [skipped, 'skipped'],
    [failed, 'failed'],
    [stalled, 'stalled'],
    [notRun, 'not run'],
  ];
  const parts = counts.flatMap(([items, what]) =>
    items === 0 ? [] : [`${formatCount(items)} ${what}`],
  );
  const what =
    parts.length === 0 ? 'no items' : `${formatCounted(total, 'item')}: ${parts.join(', ')}`;
  return html`<li><span class="who">Stage ${show(name, 'name')}</span><span>${what}</span></li>`;
};

type StageCounts = NonNullable<RoundSummary['stages']>[number];

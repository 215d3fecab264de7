import { visible } from '../format.ts';
import type { Report } from '../report.ts';
import { type Html, html, nothing, show, table } from './html.ts';

/** Options listed; a job has a dozen. */
const OPTIONS_SHOWN = 40;

/** What can be done with the failed items, right below them. */
export function rerun(report: Report): Html {
  if (report.failed + report.stalled === 0) return nothing;
  const stalled =
    report.stalled > 0 &&
    ' Look at the stalled ones first: the remote may still finish them, so only --stalled sends them again.';
  return html`<section aria-labelledby="rerun"><h2 id="rerun">Run the failures again</h2>
<p class="mute">Once the cause is gone, as the next round of this batch.${stalled} <code>failures.jsonl</code>, beside this page, holds what is still failed, with the records: it can also be the input of a batch of its own.</p>
${command(`sluice retry ${word(report.batch)}${report.failed > 0 ? '' : ' --stalled'}`)}</section>`;
}

/** The digests, and how anyone can check them. */
export function proof(report: Report): Html {
  const { digests } = report;
  const row = (name: string, value: string): Html =>
    html`<dt>${name}</dt><dd class="mono">${show(value, 'name')}</dd>`;
  return html`<section aria-labelledby="proof"><h2 id="proof">Check this report</h2>
<p class="mute">Reads every stored part again and compares it with the manifest and with the digests below (SHA-256). The same input, job and options give the same outcomes digest on any machine.</p>
${command(`sluice verify ${word(report.batch)}`)}
<dl class="hash">
${row('Outcomes', digests.outcomes)}
${row('Input', digests.input)}
${row('Job code', digests.job)}
${row('Manifest', digests.manifest)}
</dl></section>`;
}

/** The options of the batch: with them, the job and the input it can be repeated exactly. */
export function options(report: Report): Html {
  const rows = Object.entries(report.options)
    .filter(([name]) => name !== 'now')
    .slice(0, OPTIONS_SHOWN);
  const all = [...rows, ['now', report.now] as const];
  return html`<section aria-labelledby="options"><h2 id="options">Options</h2>
<p class="mute">As this batch ran. Jobs see <code>now</code> instead of a clock.</p>
${table({
  caption: 'Options of the batch',
  head: html`<th scope="col">Option</th><th scope="col">Value</th>`,
  rows: all.map(
    ([name, value]) =>
      html`<tr><th scope="row"><code>${show(name, 'code')}</code></th><td><code>${show(asText(value), 'option')}</code></td></tr>`,
  ),
})}</section>`;
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');

const command = (line: string): Html => html`<pre><code>${show(line, 'option')}</code></pre>`;

/** A word for a POSIX shell; characters that cannot be seen cannot be typed either. */
function word(text: string): string {
  const seen = visible(text);
  return /^[\w./:@-]+$/.test(seen) ? seen : `'${seen.replaceAll("'", `'\\''`)}'`;
}

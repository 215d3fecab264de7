import type { Report } from '../report.ts';
import { durationChart, throughputChart } from './charts.ts';
import { failures } from './failures.ts';
import { type Html, html, raw, show, toText } from './html.ts';
import { keyFigures, outcomes } from './outcomes.ts';
import { options, proof, rerun } from './proof.ts';
import { remotes } from './remotes.ts';
import { rounds } from './rounds.ts';
import { header, ICONS, verdict } from './status.ts';
import { STYLE } from './style.ts';
import { workers } from './workers.ts';

export interface ReportHtmlExtras {
  /** One line above the report of a published example, so that nobody takes it for a batch of theirs. */
  example?: string;
}

/**
 * report.html: one static page without scripts, fonts or references to elsewhere, below 150 KB whatever
 * the batch (lists are cut to their top rows, texts to their limits). Everything from the report is
 * escaped. Pure: the same report gives the same bytes.
 *
 * @example await objects.put(reportKey(batch, round, 'report.html'), encode(renderReportHtml(report, {})));
 */
export function renderReportHtml(report: Report, extras: ReportHtmlExtras): string {
  const { example } = extras;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${show(report.job, 'name')}: ${verdict(report).word} · Sluice</title>
<style>${raw(STYLE)}</style>
</head>
<body>
${ICONS}
${example !== undefined && example !== '' && html`<aside class="note" aria-label="Example"><div class="wrap">${show(example, 'reason')}</div></aside>`}
<div class="wrap">
${header(report)}
<main>
${body(report)}
</main>
<footer>Made by Sluice from the stored parts of the batch. The same facts for machines: report.json (schema ${report.schema}).</footer>
</div>
</body>
</html>
`;
  return toText(page);
}

const body = (report: Report): Html => html`${keyFigures(report)}
${outcomes(report)}
${rounds(report)}
${failures(report)}
${rerun(report)}
<div class="two">
${durationChart(report)}
${throughputChart(report)}
</div>
${workers(report)}
${remotes(report)}
${proof(report)}
${options(report)}`;

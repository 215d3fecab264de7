import type { Home } from '../app/home.ts';
import { readReport } from '../app/read-report.ts';
import type { Taken } from '../app/take-batch.ts';
import { isoTime } from '../core/iso-time.ts';
import { reportKey } from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import { renderSummary } from '../core/summary.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import { batchState } from '../engine/status.ts';
import { EXIT, exitOfReport } from './exit-codes.ts';
import { type Cli, shortPath, word } from './terminal.ts';

export interface EndOptions {
  /** Under --json: with every item (up to 10,000). */
  details?: boolean;
}

/** The result of what was run: its summary, or how to go on. Returns the exit code. */
export async function showEnd(
  cli: Cli,
  home: Home,
  { batch, driven, details }: Taken & EndOptions,
): Promise<number> {
  if (driven === 'ended' && hasEnded(batch.status)) {
    const { report } = await readReport(home, batch);
    await showReport(cli, home, { batch, report, details: details === true });
    return exitOfReport(report);
  }
  const state = await batchState(home.store, batch.id);
  const done = state?.doneItems ?? 0;
  const total = state?.totalItems;
  const standing = driven === 'paused' ? 'paused' : 'interrupted';
  const resume = cli.command(`resume ${batch.id}`);
  const amount = total === undefined ? `${done} items` : `${done} of ${total} items`;
  cli.say(`Batch ${batch.id} is ${standing}: ${amount} done, all of it kept.`);
  cli.say(`Go on with: ${resume}`);
  if (cli.json) {
    await cli.out(
      `${JSON.stringify({ batch: batch.id, job: batch.job, status: standing, startedAt: isoTime(batch.startedAt), doneItems: done, totalItems: total ?? null, resume })}\n`,
    );
  }
  return driven === 'paused' ? EXIT.ok : EXIT.interrupted;
}

export interface ShownReport {
  batch: Batch;
  report: Report;
  details?: boolean;
}

/** Summary, and where everything lies; under --json the report itself. */
export async function showReport(
  cli: Cli,
  home: Home,
  { batch, report, details }: ShownReport,
): Promise<void> {
  if (cli.json) {
    const { details: all, ...rest } = report;
    await cli.out(
      `${JSON.stringify(details && all !== undefined ? { ...rest, details: all } : rest)}\n`,
    );
    return;
  }
  const next = nextSteps(cli, home, { batch, report });
  await cli.out(`${[renderSummary(report, cli.width), '', ...next].join('\n')}\n`);
}

/** Where the report is, and what to do with what failed: never cut, so that they can be copied. */
function nextSteps(cli: Cli, home: Home, { batch, report }: ShownReport): string[] {
  const path = (file: Parameters<typeof reportKey>[2]): string =>
    word(shortPath(home.objects.path(reportKey(batch.id, batch.round, file))));
  const lines = [`report    ${path('report.html')}`];
  if (report.failed + report.stalled > 0) {
    const status = report.failed > 0 ? 'failed' : 'stalled';
    const reference = word(batch.jobRef.includes('/') ? shortPath(batch.jobRef) : batch.jobRef);
    lines.push(
      `look      ${cli.command(`items ${batch.id} --status ${status}`)}`,
      `again     ${cli.command(`run ${reference} ${path('failures.jsonl')}`)}`,
    );
  } else {
    lines.push(`check     ${cli.command(`verify ${batch.id}`)}`);
  }
  return lines;
}

import { readReport } from '../app/read-report.ts';
import { isByPerson } from '../app/stop.ts';
import type { Taken } from '../app/take-batch.ts';
import { visible } from '../core/format.ts';
import { isoTime } from '../core/iso-time.ts';
import { type ReportFile, reportKey } from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import { renderSummary } from '../core/summary.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import { batchState } from '../engine/status.ts';
import { EXIT, exitOfReport } from './exit-codes.ts';
import { type Cli, shortPath, word } from './terminal.ts';
import type { AnyPlace } from './with-place.ts';

export interface EndOptions {
  /** Under --json: with every item (up to 10,000). */
  details?: boolean;
}

/** The result of what was run: its summary, or how to go on. Returns the exit code. */
export async function showEnd(
  cli: Cli,
  place: AnyPlace,
  { batch, driven, details }: Taken & EndOptions,
): Promise<number> {
  if (driven === 'ended' && hasEnded(batch.status)) {
    const { report } = await readReport(place, batch);
    await showReport(cli, place, { batch, report, details: details === true });
    return exitOfReport(report);
  }
  const state = await batchState(place.store, batch.id);
  const done = state?.doneItems ?? 0;
  const total = state?.totalItems;
  const standing = driven === 'paused' ? 'paused' : 'interrupted';
  const resume = cli.command(`resume ${batch.id}`);
  const amount = total === undefined ? `${done} items` : `${done} of ${total} items`;
  cli.say(`Batch ${batch.id} is ${standing}: ${amount} done, all of it kept.`);
  // Paused by a person: they know why. By the engine: what is to be mended first.
  const reason = driven === 'paused' && !isByPerson(batch.reason) ? batch.reason : undefined;
  if (reason !== undefined) cli.say(`Why: ${visible(reason)}`);
  cli.say(`Go on with: ${resume}`);
  if (cli.json) {
    await cli.out(
      `${JSON.stringify({ batch: batch.id, job: batch.job, status: standing, startedAt: isoTime(batch.startedAt), doneItems: done, totalItems: total ?? null, ...(reason === undefined ? {} : { reason }), resume })}\n`,
    );
  }
  if (reason !== undefined) return EXIT.error;
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
  place: AnyPlace,
  { batch, report, details }: ShownReport,
): Promise<void> {
  if (cli.json) {
    const { details: all, ...rest } = report;
    await cli.out(
      `${JSON.stringify(details && all !== undefined ? { ...rest, details: all } : rest)}\n`,
    );
    return;
  }
  const next = nextSteps(cli, place, { batch, report });
  const music = await musicLines(report);
  await cli.out(`${[renderSummary(report, cli.width), '', ...music, ...next].join('\n')}\n`);
}

/** A database client is loaded for the one job that needs it. */
async function musicLines(report: Report): Promise<string[]> {
  if (report.job !== 'music') return [];
  const { musicSummary } = await import('./music-summary.ts');
  const lines = musicSummary(report);
  return lines.length === 0 ? [] : [...lines, ''];
}

/** Where the report is, and what to do with what failed: never cut, so that they can be copied. */
function nextSteps(cli: Cli, place: AnyPlace, { batch, report }: ShownReport): string[] {
  const path = (file: ReportFile): string => {
    const where = place.where(reportKey(batch.id, batch.round, file));
    return word(place.kind === 'home' ? shortPath(where) : where);
  };
  const lines = [`report    ${path('report.html')}`];
  const save = `report ${batch.id} --save ${batch.id}`;
  if (place.kind === 'stack') lines.push(`save      ${cli.command(save)}`);
  if (report.failed + report.stalled > 0) {
    const status = report.failed > 0 ? 'failed' : 'stalled';
    const again = `retry ${batch.id}${report.failed > 0 ? '' : ' --stalled'}`;
    lines.push(
      `look      ${cli.command(`items ${batch.id} --status ${status}`)}`,
      `again     ${cli.command(again)}`,
    );
  } else {
    lines.push(`check     ${cli.command(`verify ${batch.id}`)}`);
  }
  return lines;
}

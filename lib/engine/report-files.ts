import { quantile, toBars } from '../core/histogram.ts';
import { hostCalls } from '../core/http-meter.ts';
import { isoTime } from '../core/iso-time.ts';
import type { StageId } from '../core/keys.ts';
import { addCounts, type Counts, itemsOf, noCounts } from '../core/outcome.ts';
import type { Report } from '../core/report.ts';
import { renderReportHtml } from '../core/report-html/page.ts';
import type { End } from '../core/transitions.ts';
import type { Batch, Stage } from './batch.ts';
import { listFailures } from './failure-groups.ts';
import type { Totals } from './gather.ts';
import type { BatchAfter } from './merge-round.ts';
import { withRounds } from './round-report.ts';
import { stageReports } from './stage-report.ts';
import type { Sums } from './sums.ts';

/** The state that a report is a pure function of. */
export interface ReportState {
  batch: Batch;
  end: End;
  stages: StageState[];
  /** The report of the round before, in a later round. */
  earlier: Report | undefined;
}

export interface StageState {
  id: StageId;
  stage: Stage;
  sums: Sums;
  /** Committed chunks that belong to the report. */
  chunks: number;
}

/** The round's own totals, and in a later round the batch as it leaves it. */
export interface RoundTotals extends Totals {
  after: BatchAfter | undefined;
}

/** Items by status, of all stages. */
export const countsOf = ({ stages }: Pick<ReportState, 'stages'>): Counts =>
  stages.reduce((sum, { sums }) => addCounts(sum, sums.counts), noCounts());

/** The report of a round by itself; `withRounds` makes it one of the batch. */
export function buildReport(state: ReportState, totals: RoundTotals): Report {
  return withRounds(state, ownReport(state, totals), totals.after);
}

function ownReport({ batch, end, stages }: ReportState, totals: Totals): Report {
  const { stage } = stages[0] as StageState;
  const { counts, durations } = totals;
  const finishedAt = Math.max(totals.lastAt, batch.roundAt);
  const total = itemsOf(counts);
  const seconds = Math.max(finishedAt - batch.roundAt, 1) / 1000;
  const at = (q: number): number => round(quantile(durations, q));
  const reason = batch.reason ?? stage.fault;
  return {
    schema: 1,
    batch: batch.id,
    round: batch.round,
    job: batch.job,
    status: end,
    ...(reason === undefined ? {} : { reason }),
    startedAt: isoTime(batch.roundAt),
    finishedAt: isoTime(finishedAt),
    now: isoTime(batch.now),
    options: batch.options,
    input: { name: batch.input.name, bytes: batch.input.bytes, sources: batch.input.sources },
    total,
    concurrency: batch.settings.concurrency,
    workers: batch.settings.workers,
    ...(batch.settings.unreserved === true ? { unreserved: true } : {}),
    ...counts,
    chunks: totals.chunks,
    ...(stages.length === 1 ? {} : { stages: stageReports(batch, totals) }),
    retried: totals.retried,
    durations: {
      median: at(0.5),
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      max: round(durations.max),
      histogram: toBars(durations, 24),
    },
    throughput: round(total / seconds),
    timeline: timelineOf(totals.ended, batch.roundAt, finishedAt),
    cpuSeconds: round(
      [...totals.processes.values()].reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1000,
    ),
    peakRssMb: Math.round(
      Math.max(0, ...[...totals.processes.values()].map(({ rssBytes }) => rssBytes)) / 1e6,
    ),
    perWorker: [...totals.workers.values()]
      .map((worker) => ({ ...worker, busyMs: round(worker.busyMs) }))
      .sort((a, b) => (a.worker < b.worker ? -1 : 1)),
    ...(totals.http === undefined ? {} : { http: hostCalls(totals.http) }),
    failures: listFailures(totals.groups),
    digests: {
      input: stage.inputDigest ?? '',
      job: batch.digest,
      outcomes: totals.outcomesDigest,
      manifest: totals.manifestDigest,
    },
    ...(totals.details === undefined ? {} : { details: totals.details }),
  };
}

export const reportHtml = (report: Report): Buffer => Buffer.from(renderReportHtml(report, {}));

/** report.json, which vouches for the page beside it; details are one line an item. */
export function reportJson({ details, ...report }: Report, page: string): Buffer {
  const digests = { ...report.digests, page };
  const text = JSON.stringify({ ...report, digests }, null, 1);
  if (details === undefined) return Buffer.from(`${text}\n`);
  const lines = details.map((detail) => JSON.stringify(detail)).join(',\n');
  return Buffer.from(`${text.slice(0, -2)},\n "details": [\n${lines}\n ]\n}\n`);
}

const SPANS = 60;

/** Items by the span in which their chunk ended. */
function timelineOf(
  ended: Totals['ended'],
  startedAt: number,
  finishedAt: number,
): Report['timeline'] {
  const spanMs = Math.max(1, Math.ceil((finishedAt - startedAt + 1) / SPANS));
  const items = new Array<number>(Math.ceil((finishedAt - startedAt + 1) / spanMs)).fill(0);
  for (const chunk of ended) {
    const span = Math.min(
      items.length - 1,
      Math.max(0, Math.floor((chunk.at - startedAt) / spanMs)),
    );
    items[span] = (items[span] ?? 0) + chunk.items;
  }
  return { spanMs, items };
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

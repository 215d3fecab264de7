import { gzipSync } from 'node:zlib';
import { quantile, toBars } from '../core/histogram.ts';
import { isoTime } from '../core/iso-time.ts';
import type { StageId } from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import { renderReportHtml } from '../core/report-html/page.ts';
import type { End } from '../core/transitions.ts';
import type { Batch, Stage, Sums } from './batch.ts';
import { committedParts, joinedRows, loadParts } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { newGathering, type Totals } from './gather.ts';
import { getSection } from './read-part.ts';

/** The state that a report is a pure function of. */
export interface ReportState {
  batch: Batch;
  end: End;
  id: StageId;
  stage: Stage;
  sums: Sums;
  /** Committed chunks that belong to the report. */
  chunks: number;
}

type Stores = Pick<Engine, 'store' | 'objects'>;

/** Lines go to the store in pieces of about this size: blocks, not lines (1.7x, measured). */
const PIECE_BYTES = 256 * 1024;

async function* pieces(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let held: string[] = [];
  let size = 0;
  for await (const line of lines) {
    held.push(line);
    size += line.length;
    if (size < PIECE_BYTES) continue;
    yield Buffer.from(held.join(''));
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.from(held.join(''));
}

/** manifest.jsonl; `totals` may be asked for once it was read to its end. */
export function manifestFile(
  stores: Stores,
  state: ReportState,
): { body: AsyncIterable<Buffer>; totals(): Totals } {
  const total = Object.values(state.sums.counts).reduce((sum, items) => sum + items, 0);
  const gathering = newGathering(total);
  const lines = async function* () {
    const names = committedParts(stores.store, state.id, state.chunks);
    for await (const loaded of loadParts(stores.objects, names)) yield gathering.add(loaded);
  };
  return { body: pieces(lines()), totals: () => gathering.totals() };
}

/** failures.jsonl: failed and stalled items with their records; feeds back in as input. */
export function failuresFile(stores: Stores, state: ReportState): AsyncIterable<Buffer> {
  const lines = async function* () {
    if (state.sums.counts.failed + state.sums.counts.stalled === 0) return;
    const names = committedParts(stores.store, state.id, state.chunks);
    for await (const loaded of loadParts(stores.objects, names)) {
      if (Object.keys(loaded.trailer.codes).length === 0) continue;
      for await (const { outcome, facts, kept } of joinedRows(loaded)) {
        if (!('error' in outcome)) continue;
        const { index, key, status, error } = outcome;
        yield `${JSON.stringify({ sluice: 'failure/1', index, key, status, error, ...facts, ...kept })}\n`;
      }
    }
  };
  return pieces(lines());
}

/** log.jsonl.gz: the parts' log sections as they are, since gzip members follow one another. */
export async function* logFile(stores: Stores, state: ReportState): AsyncGenerator<Buffer> {
  yield gzipSync('');
  for await (const { key } of committedParts(stores.store, state.id, state.chunks)) {
    yield Buffer.from(await getSection(stores.objects, key, 'log'));
  }
}

export function buildReport({ batch, end, stage, id }: ReportState, totals: Totals): Report {
  const { counts, durations } = totals;
  const finishedAt = Math.max(totals.lastAt, batch.startedAt);
  const total = Object.values(counts).reduce((sum, items) => sum + items, 0);
  const seconds = Math.max(finishedAt - batch.startedAt, 1) / 1000;
  const at = (q: number): number => round(quantile(durations, q));
  const reason = batch.reason ?? stage.fault;
  return {
    schema: 1,
    batch: batch.id,
    round: id.round,
    job: batch.job,
    status: end,
    ...(reason === undefined ? {} : { reason }),
    startedAt: isoTime(batch.startedAt),
    finishedAt: isoTime(finishedAt),
    now: isoTime(batch.now),
    options: batch.options,
    input: { name: batch.input.name, bytes: batch.input.bytes, sources: batch.input.sources },
    total,
    concurrency: batch.settings.concurrency,
    workers: batch.settings.workers,
    ...counts,
    chunks: totals.chunks,
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
    timeline: timelineOf(totals.ended, batch.startedAt, finishedAt),
    cpuSeconds: round(
      [...totals.processes.values()].reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1000,
    ),
    peakRssMb: Math.round(
      Math.max(0, ...[...totals.processes.values()].map(({ rssBytes }) => rssBytes)) / 1e6,
    ),
    perWorker: [...totals.workers.values()]
      .map((worker) => ({ ...worker, busyMs: round(worker.busyMs) }))
      .sort((a, b) => (a.worker < b.worker ? -1 : 1)),
    failures: [...totals.groups.values()].sort(
      (a, b) => b.items - a.items || (a.code < b.code ? -1 : 1),
    ),
    digests: {
      input: stage.inputDigest ?? '',
      job: batch.digest,
      outcomes: totals.outcomesDigest,
      manifest: totals.manifestDigest,
    },
    ...(totals.details === undefined ? {} : { details: totals.details }),
  };
}

export const reportJson = (report: Report): Buffer =>
  Buffer.from(`${JSON.stringify(report, null, 1)}\n`);
export const reportHtml = (report: Report): Buffer => Buffer.from(renderReportHtml(report, {}));

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

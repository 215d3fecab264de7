import { gzipSync } from 'node:zlib';
import { quantile, toBars } from '../core/histogram.ts';
import { hostCalls } from '../core/http-meter.ts';
import { isoTime } from '../core/iso-time.ts';
import { reportKey, type StageId } from '../core/keys.ts';
import { addCounts, type Counts, itemsOf, noCounts } from '../core/outcome.ts';
import type { Report } from '../core/report.ts';
import { renderReportHtml } from '../core/report-html/page.ts';
import type { End } from '../core/transitions.ts';
import { newChannel } from '../pool/channel.ts';
import type { Batch, Stage } from './batch.ts';
import { cameThrough, type RowCounts, wasCutShort } from './came-through.ts';
import { committedParts, loadParts } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { listFailures } from './failure-groups.ts';
import { newGathering, type Totals } from './gather.ts';
import {
  type BatchAfter,
  newRoundMerge,
  type RoundMerge,
  type RoundMergeOptions,
} from './merge-round.ts';
import { rawSection } from './read-part.ts';
import { replacedBy, withRounds } from './round-report.ts';
import { stageReports } from './stage-report.ts';
import { storedLines } from './stored-lines.ts';
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

type Stores = Pick<Engine, 'store' | 'objects'>;

/** Items by status, of all stages. */
export const countsOf = ({ stages }: Pick<ReportState, 'stages'>): Counts =>
  stages.reduce((sum, { sums }) => addCounts(sum, sums.counts), noCounts());

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

/** What one pass over all parts gives: three files, to be read side by side, and then the totals. */
export interface PartsPass {
  /** manifest.jsonl: every part with its SHA-256. Reading it drives the pass. */
  manifest: AsyncIterable<Buffer>;
  /** failures.jsonl: failed and stalled items with their records; feeds back in as input. */
  failures: AsyncIterable<Buffer>;
  /** log.jsonl.gz: the parts' log sections as they are, since gzip members follow one another. */
  log: AsyncIterable<Buffer>;
  /** To be asked for once all three were read to their end. */
  totals(): RoundTotals;
}

/** The round's own totals, and in a later round the batch as it leaves it. */
export interface RoundTotals extends Totals {
  after: BatchAfter | undefined;
}

/** Parts whose failures and log lines wait for their files. */
const WAITING_PARTS = 4;

export function passOverParts(stores: Stores, state: ReportState): PartsPass {
  const total = itemsOf(countsOf(state));
  const failures = newChannel<string>(WAITING_PARTS);
  let counts: RowCounts = () => true;
  const merge = mergeOf(stores, state, {
    push: failures.push,
    counts: ({ outcome, facts }) => counts(facts.stage ?? 0, outcome),
  });
  const gathering = newGathering(total, merge?.add);
  const log = newChannel<Buffer>(WAITING_PARTS);
  let [complete, broken]: [boolean, unknown] = [false, undefined];
  const lines = async function* () {
    try {
      await log.push(gzipSync(''));
      if (wasCutShort(state.batch)) counts = await cameThrough(stores, state.batch);
      merge?.begin();
      for (const { id, chunks } of state.stages) {
        const names = committedParts(stores.store, id, chunks);
        for await (const loaded of loadParts(stores.objects, names)) {
          const added = await gathering.add(loaded);
          if (added.failures !== '') await failures.push(added.failures);
          await log.push(Buffer.from(rawSection(loaded.part, 'log')));
          yield added.manifest;
        }
      }
      await merge?.end();
      complete = true;
    } catch (error) {
      broken = error;
      throw error;
    } finally {
      failures.end();
      log.end();
    }
  };
  /** A pass that broke off must not store files that look whole: a zombie's would replace the report's own. */
  const whole = async function* <T>(channel: AsyncIterable<T>) {
    yield* channel;
    if (!complete) throw broken ?? new Error('The pass over the parts broke off.');
  };
  return {
    manifest: pieces(lines()),
    failures: pieces(whole(failures)),
    log: whole(log),
    totals: () => ({ ...gathering.totals(), after: merge?.after() }),
  };
}

/** In a later round: what it changes of the failures that the round before it left. */
function mergeOf(
  { objects }: Stores,
  { batch, earlier }: ReportState,
  rows: Pick<RoundMergeOptions, 'push' | 'counts'>,
): RoundMerge | undefined {
  if (earlier === undefined) return undefined;
  const failures = storedLines(objects, reportKey(batch.id, batch.round - 1, 'failures.jsonl'));
  const nextOf = (stage: number): number =>
    batch.filter?.stages?.[stage]?.next ?? Number.POSITIVE_INFINITY;
  const replaced = () => replacedBy(batch, earlier);
  return newRoundMerge({ round: batch.round, earlier, failures, nextOf, replaced, ...rows });
}

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

import { type Counters, newCounters } from '../core/counters.ts';
import type { RunnerNote } from '../core/figures.ts';
import { fromSparse, type Histogram, merge, newHistogram, quantile } from '../core/histogram.ts';
import { type MetricSummary, type Metrics, newMetrics } from '../core/metrics.ts';
import type { Counts } from '../core/outcome.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import type { PartSummary } from '../engine/engine.ts';
import { finalise } from '../engine/finalise.ts';
import { planChunks } from '../engine/plan-chunks.ts';
import { ORCHESTRATOR, stageQueue } from '../engine/send.ts';
import { type BatchState, batchState } from '../engine/status.ts';
import { copyStop } from '../engine/stop-batch.ts';
import { sweepBatch } from '../engine/sweep.ts';
import { workChunk } from '../engine/work-chunk.ts';
import type { Delivery } from '../ports/work-queue.ts';
import type { LocalEngine } from './local-engine.ts';
import { letHeapGrow } from './own-process.ts';

/** What the progress display shows; sent about five times a second. */
export interface Progress {
  state: BatchState;
  /** Workers busy, and how many there may be. */
  busy: number;
  slots: number;
  threads: number;
  /** Failed and stalled items by code, as far as this process worked them. */
  codes: Record<string, number>;
  rssBytes: number;
  /** Median of what items took that this process worked, ms within 5 %; undefined before the first commit. */
  medianMs?: number | undefined;
  /** What the process that runs the batch noted last, where that is another one. */
  note?: RunnerNote | undefined;
}

/** `overtaken`: another process runs the batch now; this one lost its lease while it stood still. */
export type Driven = 'ended' | 'paused' | 'interrupted' | 'overtaken';

export interface DriveOptions {
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Aborted to stop after a checkpoint: nothing new starts, what runs ends, the rest is kept. */
  signal?: AbortSignal | undefined;
  /** The lease of the process that runs the batch ran out: caps would add up with its successor's. */
  lost?: (() => boolean) | undefined;
}

const PROGRESS_MS = 200;
/** An attempt may wait for the main thread as long as a chunk takes: with chunks of some seconds, so long would one core work alone. */
const ASK_MS = 100;
const SWEEP_MS = 60_000;
const WAIT_MS = 1_000;
/** Longer than any chunk keeps its message: a message is only a hint, and the sweep works from state. */
const VISIBILITY_MS = 3_600_000;

/**
 * Runs one batch in this process until it has ended, was paused, or was asked to stop. The first error
 * of the machinery (a full disk, a damaged object) stops it, and is thrown when all has come to rest:
 * everything committed so far is kept.
 */
export async function drive(
  engine: LocalEngine,
  batch: Batch,
  { onProgress, signal, lost }: DriveOptions = {},
): Promise<Driven> {
  const seen: Seen = { codes: newCounters(), durations: newHistogram() };
  const metrics = newMetrics((summaries) => engine.log.info('metrics', fieldsOf(summaries)));
  let outcome: Driven | undefined;
  let failure: { error: unknown } | undefined;
  const stop = (): void => {
    engine.drain();
    engine.queue.close();
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
    stop();
  };
  const handle = async ({ message }: Delivery): Promise<void> => {
    if (message.step === 'plan') await planChunks(engine, batch);
    else if (message.step === 'finalise') {
      if ((await endBatch(engine, message)) !== undefined) end('ended');
    } else {
      const { stage = 0, chunk = 0 } = message;
      const answer = await workChunk(engine, {
        batch: batch.id,
        round: message.round,
        stage,
        chunk,
      });
      if (answer.did === 'committed') measure(answer.part, seen, metrics);
      logAnswer(engine, chunk, answer);
    }
  };
  const consume = async (queue: string): Promise<void> => {
    while (outcome === undefined && !engine.draining()) {
      const received = await engine.queue.receive(queue, {
        max: 1,
        waitMs: WAIT_MS,
        visibilityMs: VISIBILITY_MS,
      });
      for (const delivery of received) {
        await handle(delivery);
        await engine.queue.ack(queue, delivery.receipt);
      }
    }
  };
  const end = (how: Driven): void => {
    outcome ??= how;
    engine.queue.close();
  };
  const look = async (): Promise<void> => {
    if (lost?.() === true) return leave('overtaken');
    const state = await batchState(engine.store, batch.id);
    if (state === undefined) return end('ended');
    onProgress?.(progressOf(engine, engine.attempts.seen(state), seen));
    if (hasEnded(state.batch.status)) end('ended');
    else if (state.batch.stop === 'pause' && engine.attempts.busy === 0) end('paused');
  };
  const leave = (how: Driven): void => {
    outcome ??= how;
    stop();
  };
  const onAbort = (): void => leave('interrupted');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const timers = [
    repeat(PROGRESS_MS, look, fail),
    repeat(ASK_MS, engine.attempts.ask, fail),
    repeat(SWEEP_MS, () => sweepBatch(engine, batch, { graceMs: 30_000 }), fail),
  ];
  await Promise.all(queuesOf(engine).map((queue) => consume(queue).catch(fail)));
  await Promise.all(timers.map((timer) => timer.end()));
  metrics.flush();
  signal?.removeEventListener('abort', onAbort);
  if (failure !== undefined) throw failure.error;
  await look();
  return outcome ?? 'interrupted';
}

/** One consumer each. A second for the orchestrator's, so that a long plan does not hold up the finaliser. */
const queuesOf = ({ window, windows = [window] }: LocalEngine): string[] => [
  ORCHESTRATOR,
  ORCHESTRATOR,
  ...windows.flatMap((size, stage) => new Array<string>(size).fill(stageQueue(stage))),
];

/** The finaliser's memory is not to come on top of that of the threads. */
function endBatch(
  engine: LocalEngine,
  message: { batch: string; round: number },
): ReturnType<typeof finalise> {
  engine.attempts.rest();
  letHeapGrow();
  return finalise(engine, message);
}

/** Copies the stop of the batch record, then sends what is open: how a process takes a batch up. */
export async function takeUp(engine: LocalEngine, batch: Batch): Promise<void> {
  const current = await copyStop(engine, batch.id);
  await sweepBatch(engine, current, { graceMs: 0 });
}

function repeat(
  ms: number,
  action: () => Promise<unknown>,
  onError: (error: unknown) => void,
): { end(): Promise<unknown> } {
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = action()
      .catch(onError)
      .finally(() => {
        busy = false;
      });
  }, ms);
  return {
    end() {
      clearInterval(timer);
      return running;
    },
  };
}

const progressOf = (
  engine: LocalEngine,
  state: BatchState,
  { codes, durations }: Seen,
): Progress => ({
  state,
  busy: engine.attempts.busy,
  slots: engine.attempts.slots,
  threads: engine.attempts.threads,
  codes: codes.snapshot(),
  rssBytes: process.memoryUsage.rss(),
  medianMs: durations.count === 0 ? undefined : quantile(durations, 0.5),
});

/** What this process saw of the items it worked. */
interface Seen {
  codes: Counters;
  durations: Histogram;
}

/** The figures that functions send to CloudWatch: here a line of the log for each thousand, and one at the end. */
function measure(part: PartSummary, seen: Seen, metrics: Metrics): void {
  const { bytes, counts, codes, durations } = part;
  for (const [code, { items }] of Object.entries(codes)) seen.codes.add(code, items);
  seen.durations = merge(seen.durations, fromSparse(durations));
  metrics.add('ChunksCommitted', 1);
  metrics.add('ItemsFailed', counts.failed + counts.stalled);
  metrics.add('PartBytes', bytes);
}

/** `ItemsFailed.sum`: a log line's fields are flat. */
const fieldsOf = (summaries: Record<string, MetricSummary>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(summaries).flatMap(([name, { count, sum, max }]) => [
      [`${name}.count`, count],
      [`${name}.sum`, sum],
      [`${name}.max`, max],
    ]),
  );

/** One line a chunk, never one an item. */
function logAnswer(
  engine: LocalEngine,
  chunk: number,
  answer: Awaited<ReturnType<typeof workChunk>>,
): void {
  if (answer.did !== 'committed') {
    engine.log.info('chunk not worked', { chunk, did: answer.did, why: answer.why });
    return;
  }
  const { counts, bytes } = answer.part;
  const { ok, skipped, failed, stalled, notRun }: Counts = counts;
  engine.log.info('chunk committed', {
    chunk,
    epoch: answer.epoch,
    bytes,
    ok,
    skipped,
    failed,
    stalled,
    notRun,
  });
}

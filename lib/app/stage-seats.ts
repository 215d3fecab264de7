import { availableParallelism } from 'node:os';
import type { Job } from '../core/job.ts';
import { stageCountOf, stageJob } from '../core/stage.ts';
import { stageSettings } from '../core/stage-settings.ts';
import type { Batch } from '../engine/batch.ts';
import { newSemaphore } from '../pool/semaphore.ts';
import { LANES } from './thread-wire.ts';

/** Where a stage's attempts sit, and how many of them are under way. */
export interface StageSeats {
  /** Number of the stage. */
  at: number;
  cpu: boolean;
  inlineSlots: number;
  inline: ReturnType<typeof newSemaphore>;
  /** How many of its attempts may be at work in threads. */
  threadSlots: number;
  inThreads: ReturnType<typeof newSemaphore>;
  /** Places of those that an attempt on the main thread has, so that one attempt less is at work in threads. */
  ofMain: number;
  busy: number;
}

/** The seats of each stage: what is CPU-bound has one on the main thread, and as many threads as it has workers. */
export function stageSeats(job: Job, { settings }: Batch): StageSeats[] {
  const stages = Array.from({ length: stageCountOf(job) }, (_, at) => ({
    cpu: stageJob(job, at).cpu === true,
    workers: stageSettings(settings, at).workers,
  }));
  const threads = Math.min(
    Math.max(1, ...stages.filter(({ cpu }) => cpu).map(({ workers }) => workers)),
    availableParallelism(),
  );
  return stages.map(({ cpu, workers }, at) => {
    const inlineSlots = cpu ? 1 : workers;
    const threadSlots = Math.min(workers, threads);
    // Of a stage that may use every thread one attempt more waits in each: a thread works one at a time. Else it might wait beside the first.
    const places = threadSlots < threads ? threadSlots : threads * LANES;
    const inThreads = newSemaphore(places);
    const ofMain = cpu ? places - (threadSlots - 1) : 0;
    const inline = newSemaphore(inlineSlots);
    return { at, cpu, inlineSlots, inline, threadSlots, inThreads, ofMain, busy: 0 };
  });
}

/** Threads that the batch may have. */
export const threadsOf = (stages: readonly StageSeats[]): number =>
  Math.max(1, ...stages.filter(({ cpu }) => cpu).map(({ threadSlots }) => threadSlots));

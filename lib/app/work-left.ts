import type { Job } from '../core/job.ts';
import { stageJob } from '../core/stage.ts';
import type { Attempt } from '../engine/engine.ts';
import type { BatchState } from '../engine/status.ts';

/** How much work of the stages that are CPU-bound is left. */
export interface WorkLeft {
  /** Measures an attempt at a chunk of a stage. */
  timed(stage: number, attempt: Attempt): Attempt;
  /** Milliseconds that one thread would take; undefined while too little was measured since the last answer. */
  leftMs(): Promise<number | undefined>;
}

export interface WorkLeftOptions {
  job: Job;
  /** Milliseconds by a clock that never jumps. */
  monotonic(): number;
  state(): Promise<BatchState | undefined>;
}

/** Work that must be measured before it is judged: the first chunks, with cold code, take up to three times as long. */
const WARM_MS = 150;
/** Then asked again each so many: a stage that streams has few chunks planned at first. An answer is a query of the store for each stage. */
const AGAIN_MS = 100;

/**
 * By what the last chunk of each stage took. Waiting for the disk is not work. Of what nobody has planned yet, it is expected to be as
 * much as was done so far: so a stage that streams, whose plan is never far ahead, is found to be long as well.
 */
export function newWorkLeft({ job, monotonic, state }: WorkLeftOptions): WorkLeft {
  const chunkMs = new Map<number, number>();
  let measured = 0;
  let askAt = WARM_MS;
  return {
    timed(stage, attempt) {
      if (stageJob(job, stage).cpu !== true) return attempt;
      return {
        ...attempt,
        async work(until) {
          const from = monotonic();
          const result = await attempt.work(until);
          const ms = monotonic() - from;
          chunkMs.set(stage, ms);
          measured += ms;
          return result;
        },
      };
    },
    async leftMs() {
      if (measured < askAt) return undefined;
      askAt = measured + AGAIN_MS;
      const now = await state();
      if (now === undefined) return undefined;
      const stages = now.stages ?? [now];
      const open = stages.some(
        ({ totalChunks }, at) => totalChunks === undefined && stageJob(job, at).cpu === true,
      );
      const planned = stages.reduce(
        (sum, { plannedChunks, doneChunks }, at) =>
          sum + (plannedChunks - doneChunks) * (chunkMs.get(at) ?? 0),
        0,
      );
      return planned + (open ? measured : 0);
    },
  };
}

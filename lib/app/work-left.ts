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

/** Work that must be measured before it is judged. */
const WARM_MS = 150;
/** Then asked again each so many: a stage that streams has few chunks planned at first. An answer is a query of the store for each stage. */
const AGAIN_MS = 100;
/**
 * What began before that counts by so much less for the chunks behind it: its code was cold. Of odds rows the first 1,000 took 97 to 125 ms, the
 * next 60 to 87, then 40 to 76. And one under way counts by what it took so far, which is the least that it will.
 */
const COLD = 2;

/**
 * By what the last chunk of each stage took, and what those under way have taken so far. Waiting for the disk is not work. Of what nobody has
 * planned yet, it is expected to be as much as was done so far: so a stage that streams, whose plan is never far ahead, is found to be long as well.
 */
export function newWorkLeft({ job, monotonic, state }: WorkLeftOptions): WorkLeft {
  const chunkMs = new Map<number, number>();
  const underway = new Set<{ stage: number; from: number; part: number }>();
  let ended = 0;
  let askAt = WARM_MS;
  /** What the chunks of a stage behind those under way will take. */
  const behindMs = (chunks: number, stage: number, now: number): number => {
    const here = [...underway].filter((one) => one.stage === stage);
    const soFar = here.map(({ from, part }) => (now - from) * part);
    // One that began while the state was read is in no count of it.
    return Math.max(0, chunks - here.length) * Math.max(chunkMs.get(stage) ?? 0, ...soFar);
  };
  return {
    timed(stage, attempt) {
      if (stageJob(job, stage).cpu !== true) return attempt;
      return {
        ...attempt,
        async work(until) {
          const one = { stage, from: monotonic(), part: ended < WARM_MS ? 1 / COLD : 1 };
          underway.add(one);
          try {
            return await attempt.work(until);
          } finally {
            underway.delete(one);
            const ms = monotonic() - one.from;
            chunkMs.set(stage, ms * one.part);
            ended += ms;
          }
        },
      };
    },
    async leftMs() {
      const at = monotonic();
      const measured = [...underway].reduce((sum, { from }) => sum + at - from, ended);
      if (measured < askAt) return undefined;
      askAt = measured + AGAIN_MS;
      const now = await state();
      if (now === undefined) return undefined;
      const stages = now.stages ?? [now];
      const open = stages.some(
        ({ totalChunks }, stage) => totalChunks === undefined && stageJob(job, stage).cpu === true,
      );
      const planned = stages.reduce(
        (sum, { plannedChunks, doneChunks }, stage) =>
          sum + behindMs(plannedChunks - doneChunks, stage, at),
        0,
      );
      return planned + (open ? measured : 0);
    },
  };
}

import type { Job } from '../core/job.ts';
import type { Settings } from '../core/options.ts';
import type { EachStep } from '../core/step.ts';
import type { Deadlines } from '../pool/deadlines.ts';

/** What running one item needs beside the item. */
export interface ItemRunner {
  job: Pick<Job, 'input' | 'key' | 'retry'>;
  /** What one row is given to. */
  process: EachStep;
  settings: Settings;
  clock: {
    monotonic(): number;
    sleep(ms: number, signal?: AbortSignal): Promise<void>;
    after(ms: number, call: () => void): () => void;
  };
  random(): number;
  /** Of the items that run in it. */
  deadlines: Deadlines;
}

/** Of one shape for all that run rows, or what V8 made for one of them would not do for the next. */
export const runnerOf = (
  { job, settings, clock, random, deadlines }: Omit<ItemRunner, 'process'>,
  process: EachStep,
): ItemRunner => ({ job, process, settings, clock, random, deadlines });

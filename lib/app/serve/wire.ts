import type { SluiceErrorCode } from '../../core/errors.ts';
import type { Limits } from '../../core/job.ts';
import type { RetryFilter } from '../../core/retry.ts';
import type { BeginRequest } from '../run-batch.ts';
import type { Parallel } from '../seating.ts';

/** What changes while a batch runs, and no outcome: kept with a batch that waits. */
export interface RunHow {
  concurrency?: number | undefined;
  workers?: number | undefined;
  parallel?: Parallel | undefined;
  /** Go on with the job's code as it is now; else with the code that the batch was submitted with. */
  currentCode?: boolean | undefined;
  acceptCode?: boolean | undefined;
}

export interface RetryAsk {
  batch: string;
  filter: RetryFilter;
  tolerateFailures?: Limits['tolerateFailures'];
  acceptCode?: boolean | undefined;
}

/** What a server asks of one of its processes, as one message. */
export type ChildAsk =
  /** Make a batch, work nothing of it. `full`: only say whether it is there. */
  | { op: 'begin'; home: string; request: BeginRequest; full: boolean }
  | { op: 'retry'; home: string; request: RetryAsk }
  | { op: 'run'; home: string; batch: string; how: RunHow };

/** Drain, save, end: as Ctrl-C asks of `run`. */
export interface ChildStop {
  stop: true;
}

export type ChildAnswer =
  | { did: 'new' | 'there'; batch: string; status: string }
  | { did: 'full' }
  | { did: 'round'; batch: string; round: number; items: number }
  | { did: 'ended' | 'paused' | 'interrupted' }
  | { did: 'fault'; fault: Fault };

/** An error as it goes from process to process, and to a client. */
export interface Fault {
  code: SluiceErrorCode | 'INTERNAL';
  message: string;
  hint?: string | undefined;
}

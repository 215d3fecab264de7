import { SluiceError } from './errors.ts';
import type { Http } from './http.ts';
import type { ItemLogger, JobContext, Quota } from './job.ts';
import type { Result } from './outcome.ts';

/** A step that takes rows one by one. */
export type EachStep<A = unknown, B = unknown, O = Record<string, unknown>> = (
  row: A,
  context: JobContext<O>,
) => Result<B> | Promise<Result<B>>;

/** What a group's function says of one row: a result, or the error that this row alone fails with. */
export type GroupResult<B = unknown> = Result<B> | Error;

/** A row of a group, beside its value. */
export interface GroupItem {
  /** Index of the item in the input, from 0. */
  readonly index: number;
  /** Its key; null for none. */
  readonly key: string | null;
  readonly log: ItemLogger;
  /** As in `JobContext`: each item's own numbers, whoever is in its group. */
  rng(): number;
}

/** What the function of a group gets beside the rows. */
export interface GroupContext<O = Record<string, unknown>> {
  /** One entry a row, in the same order. */
  readonly items: readonly GroupItem[];
  /**
   * Which batch and round, and the number of the chunk's attempt, which only grows: what a store needs to
   * know a repeat from new rows, and a stale writer from the newest one. They must not be in a result:
   * outcomes are the same in every batch of the same input.
   */
  readonly batch: string;
  readonly round: number;
  readonly epoch: number;
  /**
   * A later round works all items of this stage anew, with other numbers: so it is from the first `groupBy` on. What an
   * earlier round of the batch wrote is then replaced, whichever item wrote it.
   */
  readonly anew: boolean;
  /** 1 for the first try at these very rows. */
  readonly attempt: number;
  /** Aborted when the call has had its time. */
  readonly signal: AbortSignal;
  readonly now: number;
  readonly options: O;
  secret(name: string): string;
  /** As in `JobContext`; without a slot in time all rows of the call run again later. */
  quota(name?: string, key?: string): Quota;
  /** As in `JobContext`, for the whole call; 409 skips the rows that are in it. */
  readonly http: Http;
  /**
   * What is opened once per worker (a thread, a process, a Lambda environment) and closed when the worker
   * ends: a pool of connections, a file. What `open` throws is thrown, and the next call opens again.
   */
  shared<T>(name: string, open: () => T, close?: (opened: T) => unknown): T;
  /** An SQLite file on this machine, opened once per worker. Throws on AWS Lambda, which has no lasting disk. */
  sqlite(path: string): SqliteFile;
}

/** A database file with write-ahead log and full syncs: what is committed survives a power cut. It never waits for a lock. */
export interface SqliteFile {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  /** Runs `work` in one transaction, which is rolled back when it throws. */
  transaction(work: () => void): void;
}

export interface SqliteStatement {
  run(...values: unknown[]): void;
  /** Rows as arrays of column values. */
  all(...values: unknown[]): unknown[][];
}

export interface GroupRetry {
  /** Tries of one call, 1 to 1000; default: the job's. The item time-out bounds them all. */
  tries?: number;
  /** Milliseconds of back-off before the second try at most, doubling up to `maxMs`. Full jitter. */
  baseMs?: number;
  maxMs?: number;
}

export interface GroupStep<A = unknown, B = unknown, O = Record<string, unknown>> {
  readonly sluice: 'inBatches/1';
  /** Rows of one call at most; a function where the batch's options say how many, and 0 leaves the step out. */
  readonly size: number | ((options: O) => number);
  readonly retry: GroupRetry | undefined;
  run(
    rows: readonly A[],
    context: GroupContext<O>,
  ): readonly GroupResult<B>[] | Promise<readonly GroupResult<B>[]>;
}

export type Step<A = unknown, B = unknown, O = Record<string, unknown>> =
  | EachStep<A, B, O>
  | GroupStep<A, B, O>;

/** Rows of a group, where a job says nothing: between the 100 and 200 from which larger ones gain little. */
const DEFAULT_GROUP = 200;
const MAX_GROUP = 10_000;

/**
 * A step that takes up to `size` rows a call and answers one result a row, in order. Groups are cut inside
 * a chunk where the position in the input is a multiple of `size`; a chunk border, a resume or a careful
 * attempt cuts them shorter. So a result may depend on its own row alone.
 *
 * A call that throws is tried again as the retry policy says; then its rows are split in halves, down to
 * one, so that a bad row fails alone. Half of the item time-out is for the whole group, the rest for that.
 *
 * Where a person chooses, `size` is a function of the job's options, and 0 leaves the step out of the batch.
 *
 * @example
 * steps: [inBatches(100, async (rows, ctx) => {
 *   await insertAll(rows, ctx.batch, ctx.items);
 *   return rows.map(() => ok(null));
 * })]
 */
export function inBatches<A, B, O = Record<string, unknown>>(
  size: GroupStep<A, B, O>['size'],
  run: GroupStep<A, B, O>['run'],
  retry?: GroupRetry,
): GroupStep<A, B, O> {
  if (typeof size !== 'function') checkSize(size, 1);
  return { sluice: 'inBatches/1', size, run, retry };
}

function checkSize(size: number, least: 0 | 1): void {
  if (Number.isInteger(size) && size >= least && size <= MAX_GROUP) return;
  throw new SluiceError(
    'BAD_JOB',
    `inBatches takes a whole number of rows from ${least} to ${MAX_GROUP}; got ${String(size)}.`,
    { hint: `${DEFAULT_GROUP} is a good size for a database.` },
  );
}

/** A group whose size is known. */
export type SizedGroup = GroupStep & { readonly size: number };

/**
 * The steps as a batch with these options takes them. Throws a SluiceError `BAD_JOB` for a size that is none, and
 * where no step is left.
 */
export function sizedSteps(
  steps: readonly Step[],
  options: Record<string, unknown>,
): (EachStep | SizedGroup)[] {
  const sized = steps.flatMap((step): (EachStep | SizedGroup)[] => {
    if (!isGroup(step)) return [step];
    if (typeof step.size === 'number') return [step as SizedGroup];
    const size = step.size(options);
    checkSize(size, 0);
    return size === 0 ? [] : [{ ...step, size }];
  });
  if (sized.length > 0) return sized;
  throw new SluiceError('BAD_JOB', 'With these options no step of the job is left.');
}

export const isGroup = <A, B, O>(step: Step<A, B, O>): step is GroupStep<A, B, O> =>
  typeof step === 'object' && step?.sluice === 'inBatches/1';

const MAX_STEPS = 10;

/** Throws `BAD_JOB` that says what is wrong with a job's steps. */
export function checkSteps(
  name: string,
  { process, steps }: { process: unknown; steps: unknown },
): void {
  if (process !== undefined) {
    throw new SluiceError('BAD_JOB', `Job ${name} has both process and steps: keep one of them.`);
  }
  if (!Array.isArray(steps) || steps.length < 1 || steps.length > MAX_STEPS) {
    throw new SluiceError(
      'BAD_JOB',
      `Job ${name} needs a list of 1 to ${MAX_STEPS} steps; got ${Array.isArray(steps) ? steps.length : typeof steps}.`,
    );
  }
  const wrong = steps.findIndex((step: Step) => typeof step !== 'function' && !isGroup(step));
  if (wrong < 0) return;
  throw new SluiceError(
    'BAD_JOB',
    `Step ${wrong + 1} of job ${name} is neither a function (row, ctx) nor inBatches(...).`,
  );
}

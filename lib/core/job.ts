import { discoveringJob } from './discovery.ts';
import { SluiceError } from './errors.ts';
import type { Http, HttpSettings } from './http.ts';
import type { Result } from './outcome.ts';
import type { PollAnswer, PollOptions } from './poll.ts';
import type { Quotas } from './quota.ts';
import type { Reader } from './reader.ts';
import { checkStages, type Stage } from './stage.ts';
import type { StandardSchema } from './standard-schema.ts';
import { checkSteps, type EachStep, type Step } from './step.ts';

/** Logger of one item: its lines go to the part's log member, never to the console. */
export interface ItemLogger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** What `process` gets beside the row. */
export interface JobContext<O = Record<string, unknown>> {
  /** Index of the item in the input, from 0. */
  readonly index: number;
  /** 1 for the first try at this item. */
  readonly attempt: number;
  /** Aborted at the item's time-out or when the worker must stop. */
  readonly signal: AbortSignal;
  readonly log: ItemLogger;
  /** Milliseconds since 1970, fixed for the whole batch: never read the clock in `process`. */
  readonly now: number;
  /** Next number in [0, 1), seeded by job name, item index and the record's own bytes. */
  rng(): number;
  /** The job's options, as its schema gave them; one object for all items of a batch that a thread, process or function works. */
  readonly options: O;
  /** The value of a secret that the job names in `secrets`. */
  secret(name: string): string;
  /**
   * A quota that the job declares; without a name all of them at once. Every call of the remote goes through its
   * `call`. `key` is the item's own where it is left out.
   *
   * @example
   * const answer = await ctx.quota('api').call(() => fetch(url, { signal: ctx.signal }));
   */
  quota(name?: string, key?: string): Quota;
  /**
   * Submits work to a slow remote once, then asks for it until it is done, however long that takes: what is open is
   * saved before the first check, and between checks the worker is free. `submit` gives the remote's id for the work;
   * it may run twice after a crash, with the same `idempotencyKey`. What stands before it in `process` runs again with
   * each check. Not with `cpu: true`.
   *
   * @example
   * const recipe = await ctx.poll(
   *   ({ idempotencyKey }) => api.submit(row.url, idempotencyKey),
   *   async (id) => {
   *     const job = await api.status(id);
   *     return job.state === 'done' ? { done: job.recipe } : { progress: job.percent };
   *   },
   * );
   */
  poll<T>(
    submit: (call: { idempotencyKey: string }) => string | Promise<string>,
    check: (remoteId: string) => PollAnswer<T> | Promise<PollAnswer<T>>,
    options?: PollOptions,
  ): Promise<T>;
  /** The client of a job that has `http`: pooled, under the job's quotas, with tries of its own. */
  readonly http: Http;
}

/** A remote's quota, as one item uses it. */
export interface Quota {
  /**
   * Waits for a slot, then makes the call at once. Where none comes within the item's time-out, the item is put
   * back and runs again later: what is thrown then is for the engine.
   */
  call<T>(make: () => T | Promise<T>): Promise<T>;
  /** The remote asks to be left alone for `waitMs` from now on: every worker stops within one call each. */
  blocked(waitMs: number): Promise<void>;
}

export interface Limits {
  /** Items in flight per worker. 1 to 1000, default 4 (1 for `cpu: true`). */
  concurrency?: number;
  /** Workers at once. 1 to 1000, default 10; locally a `cpu: true` job uses at most one per core. */
  workers?: number;
  /** Calls of an item for which slots of each quota are leased before it starts; default 1, and 0 with `inBatches`. By quota, where they differ. */
  callsPerItem?: number | Readonly<Record<string, number>>;
  /** Items per chunk, 1 to 100,000; default 1000 (or 4 MiB of input, whichever comes first). */
  chunk?: number;
  /** Bounds one item with all its tries and back-off: '30s' by default. */
  itemTimeout?: string;
  /** Largest record that is read, in bytes; default 1 MiB. A larger one is one failed outcome. */
  maxRecordBytes?: number;
  /** MB of a worker function in the cloud, 128 to 10240; default 1769 (one whole vCPU) for `cpu: true`, else 512. */
  memory?: number;
  /**
   * Failed items that are tolerated: a count (50) or a share ('1%') of the items done so far, judged
   * from `minSample` items on. Default: all.
   */
  tolerateFailures?: number | string | { count?: number; percent?: number; minSample?: number };
}

export interface Retry {
  /** Tries in all, 1 to 20; default 3. */
  tries?: number;
  /** First back-off bound ('200ms'); doubles each try, up to `max` ('20s'). Full jitter. */
  base?: string;
  max?: string;
  /** Which errors are worth another try; default: those of kind `retryable`. */
  when?(error: unknown): boolean;
}

interface JobParts<R, O> {
  /** Lower-case letters, digits and dashes; at most 40 characters. */
  name: string;
  input: Reader<R>;
  /** Names the item in its outcome; default: its index. At most 512 characters. */
  key?(row: R): string;
  /** Schema of the job's own options (`--option name=value`); values arrive as strings. */
  options?: StandardSchema<unknown, O>;
  /**
   * Names of secrets that `ctx.secret` gives: environment variables, or entries of AWS Secrets Manager. Their
   * values are taken out of everything that an item leaves (outcomes, errors, log lines).
   */
  secrets?: readonly string[];
  limits?: Limits;
  /** What remotes allow, by a name that all jobs of a home or stack share; calls go through `ctx.quota`. */
  quotas?: Quotas<R, O>;
  /** Gives the job `ctx.http`; `{}` for the defaults. A function where settings depend on the job's options. */
  http?: HttpSettings | ((options: O) => HttpSettings);
  retry?: Retry;
  /** CPU-bound: may run in worker threads that read their own byte ranges. */
  cpu?: boolean;
}

export interface JobDefinition<R, V, O> extends JobParts<R, O> {
  process(row: R, context: JobContext<O>): Result<V> | Promise<Result<V>>;
}

/**
 * A job of several steps: functions of one row, and groups (`inBatches`). What a step gives as ok is the
 * next one's row; what it skips or fails is done. The last one's value is the outcome's.
 */
export interface SteppedDefinition<R, S extends readonly unknown[], O> extends JobParts<R, O> {
  steps: S;
}

/**
 * A job of several stages, each with its own queue and limits. What a stage gives as ok
 * are the next one's items. In a list the rows of a stage have to be typed by hand; given to `defineJob` as
 * arguments behind the definition, they are typed by the stage before.
 */
export interface StagedDefinition<R, S extends readonly unknown[], O> extends JobParts<R, O> {
  stages: S;
}

/** A job as `defineJob` returns it: recognised by `sluice`, since bundles do not share classes. */
export interface Job<R = unknown, V = unknown, O = Record<string, unknown>> extends JobParts<R, O> {
  readonly sluice: 'job/1';
  /** One of the three is there. */
  process?(row: R, context: JobContext<O>): Result<V> | Promise<Result<V>>;
  readonly steps?: readonly Step[];
  readonly stages?: readonly Stage[];
}

type AnyDefinition = Pick<Job, 'name' | 'input' | 'process' | 'steps' | 'stages'>;

/** A job of one step. */
export type ProcessJob<R, V, O> = Job<R, V, O> & Pick<JobDefinition<R, V, O>, 'process'>;

const JOB_NAME = /^[a-z][a-z0-9-]{0,39}$/;

/**
 * Defines a job: how to read, process and limit one kind of work.
 *
 * @example
 * export default defineJob({
 *   name: 'double',
 *   input: ndjson(z.object({ id: z.string(), n: z.number() })),
 *   key: (row) => row.id,
 *   process: (row) => ok(row.n * 2),
 * });
 *
 * @example Several stages, behind the definition: each one's rows are typed by what the one before it gives.
 * export default defineJob(
 *   { name: 'words', input: ndjson(z.object({ text: z.string() })) },
 *   each({ name: 'split', process: ({ text }) => ok.many(text.split(' ')) }),
 *   each({ name: 'measure', process: (word) => ok(word.length) }),
 * );
 */
export function defineJob<R, V, O = Record<string, unknown>>(
  definition: JobDefinition<R, V, O>,
): ProcessJob<R, V, O>;
export function defineJob<R, V, O = Record<string, unknown>>(
  definition: JobParts<R, O>,
  ...stages: readonly [Stage<NoInfer<R>, V, NoInfer<O>>]
): Job<R, V, O>;
export function defineJob<R, A, V, O = Record<string, unknown>>(
  definition: JobParts<R, O>,
  ...stages: readonly [Stage<NoInfer<R>, A, NoInfer<O>>, Stage<A, V, NoInfer<O>>]
): Job<R, V, O>;
export function defineJob<R, A, B, V, O = Record<string, unknown>>(
  definition: JobParts<R, O>,
  ...stages: readonly [
    Stage<NoInfer<R>, A, NoInfer<O>>,
    Stage<A, B, NoInfer<O>>,
    Stage<B, V, NoInfer<O>>,
  ]
): Job<R, V, O>;
export function defineJob<R, A, B, C, V, O = Record<string, unknown>>(
  definition: JobParts<R, O>,
  ...stages: readonly [
    Stage<NoInfer<R>, A, NoInfer<O>>,
    Stage<A, B, NoInfer<O>>,
    Stage<B, C, NoInfer<O>>,
    Stage<C, V, NoInfer<O>>,
  ]
): Job<R, V, O>;
export function defineJob<R, A, B, C, D, V, O = Record<string, unknown>>(
  definition: JobParts<R, O>,
  ...stages: readonly [
    Stage<NoInfer<R>, A, NoInfer<O>>,
    Stage<A, B, NoInfer<O>>,
    Stage<B, C, NoInfer<O>>,
    Stage<C, D, NoInfer<O>>,
    Stage<D, V, NoInfer<O>>,
  ]
): Job<R, V, O>;
export function defineJob<R, V, O = Record<string, unknown>>(
  definition: StagedDefinition<R, readonly [Stage<NoInfer<R>, V, NoInfer<O>>], O>,
): Job<R, V, O>;
export function defineJob<R, A, V, O = Record<string, unknown>>(
  definition: StagedDefinition<
    R,
    readonly [Stage<NoInfer<R>, A, NoInfer<O>>, Stage<NoInfer<A>, V, NoInfer<O>>],
    O
  >,
): Job<R, V, O>;
export function defineJob<R, V, O = Record<string, unknown>>(
  definition: SteppedDefinition<R, readonly [Step<NoInfer<R>, V, NoInfer<O>>], O>,
): Job<R, V, O>;
export function defineJob<R, A, V, O = Record<string, unknown>>(
  definition: SteppedDefinition<
    R,
    readonly [Step<NoInfer<R>, A, NoInfer<O>>, Step<NoInfer<A>, V, NoInfer<O>>],
    O
  >,
): Job<R, V, O>;
export function defineJob<R, A, B, V, O = Record<string, unknown>>(
  definition: SteppedDefinition<
    R,
    readonly [
      Step<NoInfer<R>, A, NoInfer<O>>,
      Step<NoInfer<A>, B, NoInfer<O>>,
      Step<NoInfer<B>, V, NoInfer<O>>,
    ],
    O
  >,
): Job<R, V, O>;
export function defineJob<R, A, B, C, V, O = Record<string, unknown>>(
  definition: SteppedDefinition<
    R,
    readonly [
      Step<NoInfer<R>, A, NoInfer<O>>,
      Step<NoInfer<A>, B, NoInfer<O>>,
      Step<NoInfer<B>, C, NoInfer<O>>,
      Step<NoInfer<C>, V, NoInfer<O>>,
    ],
    O
  >,
): Job<R, V, O>;
export function defineJob(definition: AnyDefinition, ...own: readonly Stage[]): unknown {
  const { name, input, process, steps, stages = own.length > 0 ? own : undefined } = definition;
  if (typeof name !== 'string' || !JOB_NAME.test(name)) {
    throw new SluiceError(
      'BAD_JOB',
      `A job's name must be lower-case letters, digits and dashes, at most 40 characters; got ${JSON.stringify(name)}.`,
    );
  }
  if (stages !== undefined) {
    if (process !== undefined || steps !== undefined)
      throw new SluiceError('BAD_JOB', `Job ${name} has stages beside process or steps: keep one.`);
    checkStages(name, stages);
  } else if (steps !== undefined) checkSteps(name, { process, steps });
  else if (typeof process !== 'function') {
    throw new SluiceError('BAD_JOB', `Job ${name} has no process(row, ctx) function.`);
  }
  if (typeof input !== 'object' || input === null || typeof input.format !== 'string') {
    throw new SluiceError(
      'BAD_JOB',
      `Job ${name} has no input: give it a reader such as csv(schema) or ndjson().`,
    );
  }
  if (input.discover !== undefined) return discoveringJob(definition, stages);
  return { ...definition, ...(stages === undefined ? {} : { stages }), sluice: 'job/1' };
}

/** A job's steps: `process` is a single one. */
export const stepsOf = (job: Pick<Job, 'process' | 'steps'>): readonly Step[] =>
  job.steps ?? [job.process?.bind(job) as EachStep];

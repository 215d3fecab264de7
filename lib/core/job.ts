import { SluiceError } from './errors.ts';
import type { Result } from './outcome.ts';
import type { Reader } from './reader.ts';
import type { StandardSchema } from './standard-schema.ts';

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
  /** The job's options, as its schema gave them; the same object for all items of a chunk. */
  readonly options: O;
  /** The value of a secret that the job names in `secrets`. */
  secret(name: string): string;
}

export interface Limits {
  /** Items in flight per worker. 1 to 1000, default 4 (1 for `cpu: true`). */
  concurrency?: number;
  /** Workers at once. 1 to 1000, default 10; locally a `cpu: true` job uses at most one per core. */
  workers?: number;
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

export interface JobDefinition<R, V, O> {
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
  retry?: Retry;
  /** CPU-bound: may run in worker threads that read their own byte ranges. */
  cpu?: boolean;
  process(row: R, context: JobContext<O>): Result<V> | Promise<Result<V>>;
}

/** A job as `defineJob` returns it: recognised by `sluice`, since bundles do not share classes. */
export interface Job<R = unknown, V = unknown, O = Record<string, unknown>>
  extends JobDefinition<R, V, O> {
  readonly sluice: 'job/1';
}

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
 */
export function defineJob<R, V, O = Record<string, unknown>>(
  definition: JobDefinition<R, V, O>,
): Job<R, V, O> {
  const { name, input, process } = definition;
  if (typeof name !== 'string' || !JOB_NAME.test(name)) {
    throw new SluiceError(
      'BAD_JOB',
      `A job's name must be lower-case letters, digits and dashes, at most 40 characters; got ${JSON.stringify(name)}.`,
    );
  }
  if (typeof process !== 'function') {
    throw new SluiceError('BAD_JOB', `Job ${name} has no process(row, ctx) function.`);
  }
  if (typeof input !== 'object' || input === null || typeof input.format !== 'string') {
    throw new SluiceError(
      'BAD_JOB',
      `Job ${name} has no input: give it a reader such as csv(schema) or ndjson().`,
    );
  }
  return { ...definition, sluice: 'job/1' };
}

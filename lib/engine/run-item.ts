import { backoffMs } from '../core/backoff.ts';
import {
  type ItemError,
  isDuplicate,
  isSpent,
  isUnavailable,
  retryAfterOf,
  toItemError,
} from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import type { Settings } from '../core/options.ts';
import { MAX_VALUES, type Result } from '../core/outcome.ts';
import type { SchemaIssue, SchemaResult } from '../core/standard-schema.ts';
import type { EachStep } from '../core/step.ts';
import type { ItemContext } from './item-context.ts';

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
}

/** How an item ended, before it is written. */
export type Ended =
  | { status: 'ok'; value: unknown; values?: readonly unknown[] }
  | { status: 'skipped'; reason: string }
  | { status: 'failed' | 'stalled'; error: ItemError; thrown: unknown };

const KEY_LIMIT = 512;

/**
 * Validates one row, names it, and processes it with its tries. Answers at once (not with a promise)
 * when schema and job do: awaiting every quick item would halve the engine's speed.
 */
export function runItem(
  runner: ItemRunner,
  row: unknown,
  context: ItemContext,
): Finished | Promise<Finished> {
  const { schema } = runner.job.input;
  if (schema === undefined) return processRow(runner, row, context);
  let checked: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
  try {
    checked = schema['~standard'].validate(row);
  } catch (error) {
    return { key: null, ended: failed(error) };
  }
  if (checked instanceof Promise) {
    return checked.then(
      (result) => validated(runner, result, { row, context }),
      (error: unknown) => ({ key: null, ended: failed(error) }),
    );
  }
  return validated(runner, checked, { row, context });
}

export interface Finished {
  key: string | null;
  ended: Ended;
}

function validated(
  runner: ItemRunner,
  result: SchemaResult<unknown>,
  { row, context }: { row: unknown; context: ItemContext },
): Finished | Promise<Finished> {
  if (result.issues === undefined) return processRow(runner, result.value, context);
  const error: ItemError = {
    kind: 'invalid',
    code: 'SCHEMA',
    message: issueText(result.issues, row),
  };
  return { key: null, ended: { status: 'failed', error, thrown: undefined } };
}

/** `column "siren": Too small: expected string to have >=9 characters; got "12"`, and how many more. */
function issueText(issues: readonly SchemaIssue[], row: unknown): string {
  const issue = issues[0];
  const path = (issue?.path ?? []).map((step) =>
    String(typeof step === 'object' ? step.key : step),
  );
  let value: unknown = row;
  for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step];
  const place = path.length > 0 ? `column "${path.join('.')}": ` : '';
  const got =
    path.length > 0 && typeof value !== 'object'
      ? `; got ${JSON.stringify(value) ?? 'nothing'}`
      : '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return `${place}${issue?.message ?? 'does not fit the schema'}${got.slice(0, 120)}${more}`;
}

function processRow(
  runner: ItemRunner,
  row: unknown,
  context: ItemContext,
): Finished | Promise<Finished> {
  let key: string;
  try {
    key = runner.job.key === undefined ? String(context.index) : runner.job.key(row);
    if (typeof key !== 'string' || key.length > KEY_LIMIT) {
      const error: ItemError = {
        kind: 'invalid',
        code: 'BAD_KEY',
        message: `key(row) must give a string of at most ${KEY_LIMIT} characters; got ${typeof key === 'string' ? `${String(key).length} characters` : typeof key}`,
      };
      return { key: null, ended: { status: 'failed', error, thrown: undefined } };
    }
  } catch (error) {
    return { key: null, ended: failed(error) };
  }
  context.named(key);
  const ended = runStep(runner, row, context);
  return ended instanceof Promise ? ended.then((late) => ({ key, ended: late })) : { key, ended };
}

/** Gives a row that is valid and named to the runner's function, with its tries. */
export function runStep(
  runner: ItemRunner,
  row: unknown,
  context: ItemContext,
): Ended | Promise<Ended> {
  let pending: Promise<Result>;
  try {
    const result = runner.process(row, context);
    if (!isPromise(result)) return checkedResult(result);
    pending = Promise.resolve(result);
  } catch (error) {
    if (!isRetryable(runner, error) || runner.settings.tries === 1) return failed(error);
    pending = Promise.reject(error);
  }
  return finishAsync(runner, { row, context }, pending);
}

/** The asynchronous rest: time-out over all tries, and full-jitter back-off between them. */
async function finishAsync(
  runner: ItemRunner,
  { row, context }: { row: unknown; context: ItemContext },
  first: Promise<Result>,
): Promise<Ended> {
  const { clock, settings } = runner;
  // Waiting for a remote moves it: each stretch of the item's own work has the whole time.
  context.restartTimeout();
  const leftMs = (): number => context.startedAt + settings.itemTimeoutMs - clock.monotonic();
  let cancel = (): void => undefined;
  const timedOut = new Promise<Ended>((resolve) => {
    const arm = (ms: number): void => {
      cancel = clock.after(ms, () => {
        if (leftMs() > 0) return arm(leftMs());
        const error = timeoutError(settings.itemTimeoutMs);
        context.abort(Object.assign(new Error(error.message), error));
        resolve({ status: 'failed', error, thrown: undefined });
      });
    };
    arm(settings.itemTimeoutMs);
  });
  const tries = async (): Promise<Ended> => {
    for (let result = first; ; result = again(runner, row, context)) {
      try {
        return checkedResult(await result);
      } catch (error) {
        const backoff = { baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs };
        // On top of what the remote asks for: items that it sent away together do not come back together.
        const waitMs = retryAfterOf(error) + backoffMs(context.attempt, backoff, runner.random());
        const over = context.attempt >= settings.tries || !isRetryable(runner, error);
        if (over || waitMs >= leftMs() || context.signal.aborted) return failed(error);
        await clock.sleep(waitMs, context.signal);
        if (context.signal.aborted) return failed(error);
        context.nextTry();
      }
    }
  };
  try {
    return await Promise.race([tries(), timedOut]);
  } finally {
    cancel();
  }
}

const again = async (runner: ItemRunner, row: unknown, context: ItemContext): Promise<Result> =>
  runner.process(row, context);

export const timeoutError = (ms: number): ItemError => ({
  kind: 'timeout',
  code: 'ITEM_TIMEOUT',
  message: `The item did not end within its itemTimeout of ${ms} ms.`,
});

export function isRetryable({ job }: Pick<ItemRunner, 'job'>, error: unknown): boolean {
  if (isUnavailable(error)) return error.retry;
  if (isDuplicate(error) || isSpent(error)) return false;
  const { kind } = toItemError(error);
  if (kind === 'stalled' || kind === 'permanent') return false;
  if (job.retry?.when === undefined) return kind === 'retryable';
  try {
    return job.retry.when(error);
  } catch {
    return false;
  }
}

/** A job written in plain JavaScript may return anything. */
export function checkedResult(result: Result): Ended {
  if (result?.status === 'ok') return result.values === undefined ? result : checkedValues(result);
  if (result?.status === 'skipped') return { status: 'skipped', reason: String(result.reason) };
  const error: ItemError = {
    kind: 'unexpected',
    code: 'BAD_RESULT',
    message: `process must return ok(value) or skip(reason); it returned ${result === null ? 'null' : typeof result}.`,
  };
  return { status: 'failed', error, thrown: undefined };
}

/** `ok.many` of what is no array, or of too many values, would break whoever reads them. */
function checkedValues(result: Extract<Ended, { status: 'ok' }>): Ended {
  const { values } = result;
  if (Array.isArray(values) && values.length <= MAX_VALUES) return result;
  const got = Array.isArray(values) ? `${values.length} values` : typeof values;
  const error: ItemError = {
    kind: 'permanent',
    code: 'BAD_RESULT',
    message: `ok.many(values) takes an array of at most ${MAX_VALUES} values; got ${got}. Let a stage before this one give smaller items.`,
  };
  return { status: 'failed', error, thrown: undefined };
}

export function failed(thrown: unknown): Ended {
  if (isDuplicate(thrown)) return { status: 'skipped', reason: 'duplicate' };
  const error = toItemError(thrown);
  return { status: error.kind === 'stalled' ? 'stalled' : 'failed', error, thrown };
}

const isPromise = (value: Result | Promise<Result>): value is Promise<Result> =>
  typeof (value as { then?: unknown } | undefined)?.then === 'function';

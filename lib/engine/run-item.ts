import { backoffMs } from '../core/backoff.ts';
import { type ItemError, retryAfterOf } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import type { Settings } from '../core/options.ts';
import type { Result } from '../core/outcome.ts';
import type { SchemaIssue, SchemaResult } from '../core/standard-schema.ts';
import type { EachStep } from '../core/step.ts';
import type { ItemContext } from './item-context.ts';
import { checkedResult, type Ended, failed, isRetryable, timeoutError } from './item-end.ts';

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

/** A group's own key may have as many; it was checked before. */
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
    if (typeof key !== 'string' || (key.length > KEY_LIMIT && context.number !== undefined)) {
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

/**
 * The asynchronous rest: time-out over all tries, and full-jitter back-off between them. One promise beside the
 * item's own while nothing goes wrong: what an item in flight holds is copied by each collection of the young heap.
 */
function finishAsync(
  runner: ItemRunner,
  { row, context }: { row: unknown; context: ItemContext },
  first: Promise<Result>,
): Promise<Ended> {
  const { clock, settings } = runner;
  // Waiting for a remote moves it: each stretch of the item's own work has the whole time.
  context.restartTimeout();
  return new Promise((resolve, reject) => {
    let cancel = (): void => undefined;
    const end = (ended: Ended): void => {
      cancel();
      resolve(ended);
    };
    const late = (): void => {
      const leftMs = leftOf(runner, context);
      if (leftMs > 0) {
        cancel = clock.after(leftMs, late);
        return;
      }
      const error = timeoutError(settings.itemTimeoutMs);
      context.abort(Object.assign(new Error(error.message), error));
      resolve({ status: 'failed', error, thrown: undefined });
    };
    const broken = (error: unknown): void => {
      cancel();
      reject(error);
    };
    const failing = (error: unknown): void =>
      void triesAfter(runner, { row, context }, error).then(end, broken);
    const answered = (result: Result): void => {
      try {
        end(checkedResult(result));
      } catch (error) {
        failing(error);
      }
    };
    cancel = clock.after(settings.itemTimeoutMs, late);
    first.then(answered, failing).catch(broken);
  });
}

const leftOf = ({ clock, settings }: ItemRunner, { startedAt }: ItemContext): number =>
  startedAt + settings.itemTimeoutMs - clock.monotonic();

/** The tries behind one that threw. */
async function triesAfter(
  runner: ItemRunner,
  { row, context }: { row: unknown; context: ItemContext },
  thrown: unknown,
): Promise<Ended> {
  const { clock, settings } = runner;
  for (let error = thrown; ; ) {
    const backoff = { baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs };
    // On top of what the remote asks for: items that it sent away together do not come back together.
    const waitMs = retryAfterOf(error) + backoffMs(context.attempt, backoff, runner.random());
    const over = context.attempt >= settings.tries || !isRetryable(runner, error);
    if (over || waitMs >= leftOf(runner, context) || context.signal.aborted) return failed(error);
    await clock.sleep(waitMs, context.signal);
    if (context.signal.aborted) return failed(error);
    context.nextTry();
    try {
      return checkedResult(await again(runner, row, context));
    } catch (next) {
      error = next;
    }
  }
}

const again = async (runner: ItemRunner, row: unknown, context: ItemContext): Promise<Result> =>
  runner.process(row, context);

const isPromise = (value: Result | Promise<Result>): value is Promise<Result> =>
  typeof (value as { then?: unknown } | undefined)?.then === 'function';

import { backoffMs } from '../core/backoff.ts';
import { type ItemError, retryAfterOf } from '../core/errors.ts';
import type { Result } from '../core/outcome.ts';
import type { SchemaResult } from '../core/standard-schema.ts';
import type { Deadline } from '../pool/deadlines.ts';
import { issueText } from './issue-text.ts';
import type { ItemContext } from './item-context.ts';
import { checkedResult, type Ended, failed, isRetryable, timeoutError } from './item-end.ts';
import type { ItemRunner } from './item-runner.ts';

/** A group's own key may have as many; it was checked before. */
const KEY_LIMIT = 512;

/** One row that runs. */
export interface Running<T> {
  row: unknown;
  context: ItemContext;
  /** Told once how it ended; what it answers is what the caller gets. So there is one promise for both. */
  done(finished: Finished): T | Promise<T>;
}

/**
 * Validates one row, names it, and processes it with its tries. Answers at once (not with a promise)
 * when schema and job do: awaiting every quick item would halve the engine's speed.
 */
export function runItem<T>(runner: ItemRunner, one: Running<T>): T | Promise<T> {
  const { schema } = runner.job.input;
  if (schema === undefined) return processRow(runner, one);
  let checked: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
  try {
    checked = schema['~standard'].validate(one.row);
  } catch (error) {
    return one.done({ key: null, ended: failed(error) });
  }
  if (checked instanceof Promise) {
    return checked.then(
      (result) => validated(runner, result, one),
      (error: unknown) => one.done({ key: null, ended: failed(error) }),
    );
  }
  return validated(runner, checked, one);
}

export interface Finished {
  key: string | null;
  ended: Ended;
}

function validated<T>(
  runner: ItemRunner,
  result: SchemaResult<unknown>,
  one: Running<T>,
): T | Promise<T> {
  if (result.issues === undefined)
    return processRow(runner, Object.assign(one, { row: result.value }));
  const error: ItemError = {
    kind: 'invalid',
    code: 'SCHEMA',
    message: issueText(result.issues, one.row),
  };
  return one.done({ key: null, ended: { status: 'failed', error, thrown: undefined } });
}

function processRow<T>(runner: ItemRunner, one: Running<T>): T | Promise<T> {
  const bad = named(runner, one);
  return bad === undefined ? runStep(runner, one) : one.done({ key: null, ended: bad });
}

/** Notes the row's key; how the item ends where it has none. */
function named({ job }: ItemRunner, { row, context }: Running<unknown>): Ended | undefined {
  try {
    const key = job.key === undefined ? String(context.index) : job.key(row);
    if (typeof key === 'string' && (key.length <= KEY_LIMIT || context.number === undefined)) {
      context.named(key);
      return undefined;
    }
    const error: ItemError = {
      kind: 'invalid',
      code: 'BAD_KEY',
      message: `key(row) must give a string of at most ${KEY_LIMIT} characters; got ${typeof key === 'string' ? `${String(key).length} characters` : typeof key}`,
    };
    return { status: 'failed', error, thrown: undefined };
  } catch (error) {
    return failed(error);
  }
}

/** Gives a row that is valid and named to the runner's function, with its tries. */
export function runStep<T>(runner: ItemRunner, one: Running<T>): T | Promise<T> {
  const { row, context } = one;
  let ended: Ended;
  try {
    const result = runner.process(row, context);
    if (isPromise(result)) return runLate(runner, one, Promise.resolve(result));
    ended = checkedResult(result);
  } catch (error) {
    if (isRetryable(runner, error) && runner.settings.tries > 1) {
      return runLate(runner, one, Promise.reject(error));
    }
    ended = failed(error);
  }
  return one.done({ key: context.key, ended });
}

/** The asynchronous rest: time-out over all tries, and full-jitter back-off between them. */
const runLate = <T>(runner: ItemRunner, one: Running<T>, first: Promise<Result>): Promise<T> =>
  new Promise((resolve, reject) => {
    const late = new Late(runner, one, { resolve, reject });
    first.then(
      (result) => late.answered(result),
      (error) => late.failing(error),
    );
  });

/**
 * An item whose function waits. A class, and one promise beside the item's own while nothing goes wrong: what an item
 * in flight holds is copied by each collection of the young heap.
 */
class Late<T> implements Deadline {
  readonly due: number;
  before: Deadline | undefined;
  behind: Deadline | undefined;
  open = false;
  readonly #runner: ItemRunner;
  readonly #one: Running<T>;
  readonly #settle: Settle<T>;
  #over = false;
  #cancel: (() => void) | undefined;

  constructor(runner: ItemRunner, one: Running<T>, settle: Settle<T>) {
    this.#runner = runner;
    this.#one = one;
    this.#settle = settle;
    // Waiting for a remote moves it: each stretch of the item's own work has the whole time.
    one.context.restartTimeout();
    this.due = one.context.startedAt + runner.settings.itemTimeoutMs;
    runner.deadlines.add(this);
  }

  late(): void {
    const { clock, settings } = this.#runner;
    const { context } = this.#one;
    const leftMs = leftOf(this.#runner, context);
    if (leftMs > 0) {
      this.#cancel = clock.after(leftMs, () => this.late());
      return;
    }
    this.#over = true;
    const error = timeoutError(settings.itemTimeoutMs);
    context.abort(Object.assign(new Error(error.message), error));
    void this.#told({ status: 'failed', error, thrown: undefined });
  }

  answered(result: Result): void {
    let ended: Ended;
    try {
      ended = checkedResult(result);
    } catch (error) {
      this.failing(error);
      return;
    }
    this.#end(ended);
  }

  failing(error: unknown): void {
    triesAfter(this.#runner, this.#one, error).then(
      (ended) => this.#end(ended),
      (broken) => this.#isFirst() && this.#settle.reject(broken),
    );
  }

  #end(ended: Ended): void {
    if (this.#isFirst()) this.#done(ended);
  }

  /** Nothing has ended it yet: from now on nothing else does. */
  #isFirst(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#runner.deadlines.drop(this);
    this.#cancel?.();
    return true;
  }

  /** Behind what the abort woke: an item that was waiting for a slot asks to be put back. */
  async #told(ended: Ended): Promise<void> {
    await undefined;
    await undefined;
    this.#done(ended);
  }

  #done(ended: Ended): void {
    const one = this.#one;
    try {
      this.#settle.resolve(one.done({ key: one.context.key, ended }));
    } catch (error) {
      this.#settle.reject(error);
    }
  }
}

interface Settle<T> {
  resolve(value: T | Promise<T>): void;
  reject(error: unknown): void;
}

const leftOf = ({ clock, settings }: ItemRunner, { startedAt }: ItemContext): number =>
  startedAt + settings.itemTimeoutMs - clock.monotonic();

/** The tries behind one that threw. */
async function triesAfter(
  runner: ItemRunner,
  { row, context }: Pick<Running<unknown>, 'row' | 'context'>,
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

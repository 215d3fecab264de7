import {
  type ItemError,
  isDuplicate,
  isSpent,
  isUnavailable,
  toItemError,
} from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { MAX_VALUES, type Result } from '../core/outcome.ts';

/** How an item ended, before it is written. */
export type Ended =
  | { status: 'ok'; value: unknown; values?: readonly unknown[]; json?: string }
  | { status: 'skipped'; reason: string }
  | { status: 'failed' | 'stalled'; error: ItemError; thrown: unknown };

export const timeoutError = (ms: number): ItemError => ({
  kind: 'timeout',
  code: 'ITEM_TIMEOUT',
  message: `The item did not end within its itemTimeout of ${ms} ms.`,
});

export function isRetryable({ job }: { job: Pick<Job, 'retry'> }, error: unknown): boolean {
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

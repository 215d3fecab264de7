import {
  type ItemError,
  isDuplicate,
  isSpent,
  isUnavailable,
  toItemError,
} from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import type { Result } from '../core/outcome.ts';

/** How an item ended, before it is written. */
export type Ended =
  | { status: 'ok'; value: unknown }
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
  if (result?.status === 'ok') return result;
  if (result?.status === 'skipped') return { status: 'skipped', reason: String(result.reason) };
  const error: ItemError = {
    kind: 'unexpected',
    code: 'BAD_RESULT',
    message: `process must return ok(value) or skip(reason); it returned ${result === null ? 'null' : typeof result}.`,
  };
  return { status: 'failed', error, thrown: undefined };
}

export function failed(thrown: unknown): Ended {
  if (isDuplicate(thrown)) return { status: 'skipped', reason: 'duplicate' };
  const error = toItemError(thrown);
  return { status: error.kind === 'stalled' ? 'stalled' : 'failed', error, thrown };
}

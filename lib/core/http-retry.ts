import { backoffMs } from './backoff.ts';

/** Statuses that another try may change (RFC 9110: 408 Request Timeout; RFC 6585: 429 Too Many Requests). */
export const isPassing = (status: number): boolean =>
  status >= 500 || status === 408 || status === 429;

/** A repeat of these changes nothing that the first one did not (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

export const mayRepeat = (
  method: string,
  { retry, idempotencyKey }: { retry?: boolean; idempotencyKey?: string },
): boolean => retry ?? (idempotencyKey !== undefined || IDEMPOTENT.has(method));

export interface FailedTry {
  /** The try that just failed, from 1, and how many there may be. */
  attempt: number;
  tries: number;
  /** What the remote asks to be left alone for; undefined when it asked for nothing. */
  askedMs: number | undefined;
  backoff: { baseMs: number; maxMs: number };
  /** What is left of the call's time. */
  leftMs: number;
  random: number;
}

/** What to do after a try that failed in a way that may pass. */
export type NextTry =
  | { do: 'again'; waitMs: number }
  /** What the remote asks for is longer than what is left. */
  | { do: 'later'; waitMs: number }
  | { do: 'stop' };

/**
 * Full jitter, on top of what the remote asks for: calls that it sent away together do not come back together.
 * Nothing is waited for that leaves no time for another try.
 */
export function nextTry({ attempt, tries, askedMs, backoff, leftMs, random }: FailedTry): NextTry {
  if (attempt >= tries) return { do: 'stop' };
  const waitMs = (askedMs ?? 0) + backoffMs(attempt, backoff, random);
  if (waitMs < leftMs) return { do: 'again', waitMs };
  return (askedMs ?? 0) >= leftMs ? { do: 'later', waitMs } : { do: 'stop' };
}

import { retryAfterMs } from './retry-after.ts';
/**
 * Errors are recognised by `kind`, never by `instanceof`: a bundled job file carries its own copy of
 * every class, so the two sides of the bundle never share one.
 */
export type ErrorKind =
  | 'retryable' // worth another try; failed once the tries are used up
  | 'permanent' // no other try can help
  | 'stalled' // the remote may still work on it: reported, never sent again
  | 'timeout' // the item did not end within its itemTimeout
  | 'crashed' // the item ended its process or its thread three times
  | 'invalid' // the record cannot be read or does not fit its schema
  | 'unexpected'; // the job threw something that names no kind

/** What an outcome keeps of an error. The message is cut at 500 characters. */
export interface ItemError {
  kind: ErrorKind;
  code: string;
  message: string;
}

export interface ItemErrorOptions {
  /** Short upper-case name to group by, such as `SERVER_ERROR`. At most 32 characters. */
  code?: string;
  cause?: unknown;
}

class KindError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  constructor(kind: ErrorKind, message: string, options: ItemErrorOptions & { code: string }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = `${kind[0]?.toUpperCase()}${kind.slice(1)}Error`;
    this.kind = kind;
    this.code = options.code;
  }
}

export interface RetryableErrorOptions extends ItemErrorOptions {
  /** Milliseconds that the remote asks to be left alone, its Retry-After: no try begins before. */
  retryAfterMs?: number | undefined;
}

/**
 * Throw it for a passing fault: the item is tried again with full-jitter back-off. It fails at once when
 * `retryAfterMs` is longer than what is left of its itemTimeout.
 */
export class RetryableError extends KindError {
  /** What a server's answer asks for, milliseconds: see `retryAfterMs`. For clients of a job's own; `ctx.http` reads it itself. */
  static readonly waitMs = retryAfterMs;
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: RetryableErrorOptions = {}) {
    super('retryable', message, { code: 'RETRYABLE', ...options });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Throw it when no other try can help: the item fails at once. */
export class PermanentError extends KindError {
  constructor(message: string, options: ItemErrorOptions = {}) {
    super('permanent', message, { code: 'PERMANENT', ...options });
  }
}

/** Throw it when a remote took the work and says nothing more: reported as stalled, never sent again. */
export class StalledError extends KindError {
  constructor(message: string, options: ItemErrorOptions = {}) {
    super('stalled', message, { code: 'STALLED', ...options });
  }
}

export interface UnavailableErrorOptions extends ItemErrorOptions {
  /** False where only a person can mend it (a missing right, a full disk): no other try. Default true. */
  retry?: boolean;
}

/**
 * Throw it when what a step works with is there for no row at all: a database that is away, a key that expired. The
 * call is tried again as the retry policy says; then the batch is paused with this message as its reason, and no
 * row is blamed. A resume goes on with the same rows.
 */
export class UnavailableError extends Error {
  readonly kind = 'unavailable';
  readonly code: string;
  readonly retry: boolean;
  constructor(message: string, options: UnavailableErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UnavailableError';
    this.code = options.code ?? 'UNAVAILABLE';
    this.retry = options.retry ?? true;
  }
}

/** Recognised by kind, as all errors that may come from another bundle. Never throws. */
export function isUnavailable(thrown: unknown): thrown is UnavailableError {
  try {
    return (thrown as { kind?: unknown } | undefined)?.kind === 'unavailable';
  } catch {
    return false;
  }
}

/** The remote has it already: the item is skipped. For `ctx.http`, which throws it for 409. */
export const duplicateError = (message: string): Error =>
  Object.assign(new Error(message), { kind: 'duplicate', code: 'HTTP_409' });

export function isDuplicate(thrown: unknown): boolean {
  try {
    return (thrown as { kind?: unknown } | undefined)?.kind === 'duplicate';
  } catch {
    return false;
  }
}

/** Marks an error whose tries were made already, or must not be made: the item is not tried again for it. */
export const spent = <E extends Error>(error: E): E => Object.assign(error, { spent: true });

export function isSpent(thrown: unknown): boolean {
  try {
    return (thrown as { spent?: unknown } | undefined)?.spent === true;
  } catch {
    return false;
  }
}

const MESSAGE_LIMIT = 500;
const CODE_LIMIT = 32;
const KINDS = new Set<unknown>([
  'retryable',
  'permanent',
  'stalled',
  'timeout',
  'crashed',
  'invalid',
  'unexpected',
]);

/** Anything thrown, as the error an outcome can keep: nothing volatile, no stack, bounded. Never throws. */
export function toItemError(thrown: unknown): ItemError {
  try {
    return readError(thrown);
  } catch {
    // A getter that throws, a revoked proxy, an object without toString: no fault of the batch.
    return { kind: 'unexpected', code: 'ERROR', message: 'What was thrown cannot be read.' };
  }
}

/** The wait that an error asks for, in milliseconds; 0 for none, and for what is no number. Never throws. */
export function retryAfterOf(thrown: unknown): number {
  try {
    const ms = (thrown as { retryAfterMs?: unknown }).retryAfterMs;
    return typeof ms === 'number' && ms > 0 ? ms : 0;
  } catch {
    return 0;
  }
}

function readError(thrown: unknown): ItemError {
  if (typeof thrown !== 'object' || thrown === null) {
    return { kind: 'unexpected', code: 'THROWN', message: cutMessage(String(thrown)) };
  }
  const { kind, code, message, name } = thrown as Record<string, unknown>;
  return {
    kind: KINDS.has(kind) ? (kind as ErrorKind) : 'unexpected',
    code: cleanCode(code ?? name),
    message: cutMessage(
      typeof message === 'string' ? message : String(message ?? name ?? 'no message'),
    ),
  };
}

export function cutMessage(message: string): string {
  return message.length <= MESSAGE_LIMIT ? message : `${message.slice(0, MESSAGE_LIMIT - 1)}…`;
}

function cleanCode(code: unknown): string {
  const text = typeof code === 'string' || typeof code === 'number' ? String(code) : 'ERROR';
  return text.replace(/[^\w.-]/g, '_').slice(0, CODE_LIMIT) || 'ERROR';
}

/**
 * An error for the person at the door: what is wrong, and what to do next.
 * `code` decides the exit status of the CLI.
 */
export class SluiceError extends Error {
  readonly code: SluiceErrorCode;
  readonly hint: string | undefined;
  constructor(
    code: SluiceErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.hint = options.hint;
  }
}

export type SluiceErrorCode =
  | 'USAGE' // a wrong option, flag or argument (exit 64)
  | 'NOT_FOUND' // no such batch, job, file (exit 4)
  | 'BAD_INPUT' // the input as a whole cannot be read
  | 'INPUT_CHANGED' // the input is not the one that was planned
  | 'BAD_JOB' // the job file cannot be loaded or is no job
  | 'CODE_CHANGED' // the job's digest differs from the batch's
  | 'STATE' // the batch is not in a state that allows this
  | 'STORE' // the store or the disk refused
  | 'NEWER' // a record or message of a newer version of Sluice: not guessed at
  | 'DAMAGED'; // stored bytes are not the ones that were written

/** What no other try mends: the batch ends failed, with this reason. */
export function isBroken(error: unknown): error is Error {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === 'INPUT_CHANGED' || code === 'BAD_INPUT' || code === 'BAD_JOB';
}

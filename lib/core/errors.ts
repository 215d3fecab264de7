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

/** Throw it for a passing fault: the item is tried again with full-jitter back-off. */
export class RetryableError extends KindError {
  constructor(message: string, options: ItemErrorOptions = {}) {
    super('retryable', message, { code: 'RETRYABLE', ...options });
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

import type { Change, RecordKey } from '../../core/change.ts';
import type { SluiceErrorCode } from '../../core/errors.ts';

/** Waiting 30 s for another process is no longer a passing thing. */
export const BUSY_LIMIT_MS = 30_000;

/** A lease that is not renewed ends after this; a batch of a killed process on another host waits so long. */
export const LEASE_MS = 30_000;
/** Five renewals may fail before a lease ends. */
export const RENEW_MS = 5_000;

/** Whose lease to renew: a chunk's by epoch and owner, the runner's by owner. */
export type Lease =
  | { kind: 'chunk'; epoch: number; owner: string }
  | { kind: 'runner'; owner: string };

/** The asks that touch records; `id` names the answer. */
export type StoreAsk =
  | { kind: 'change'; id: number; key: RecordKey; change: Change }
  | { kind: 'read'; id: number; key: RecordKey }
  | { kind: 'query'; id: number; batch: string; from: string; to: string }
  | { kind: 'forget'; id: number; batch: string };

/** What main asks of the store thread. Handled in the order sent. */
export type Ask =
  | StoreAsk
  | { kind: 'hold'; key: RecordKey; lease: Lease; state: BigInt64Array }
  | { kind: 'drop'; key: RecordKey }
  | { kind: 'watch'; maxSilenceMs: number }
  | { kind: 'close'; id: number };

export interface Fault {
  code: SluiceErrorCode;
  message: string;
  hint: string | undefined;
}

/**
 * `value`: a record as its JSON text, or undefined (read; change: undefined = refused); rows as
 * [sort, JSON text] (query). A text crosses as it is: an object would be parsed, taken apart and put together.
 */
export type Answer =
  | { id: number; value: string | [string, string][] | undefined }
  | { id: number; fault: Fault };

export interface ThreadData {
  file: string;
  busyLimitMs: number;
  /** Main counts up once a second; what the watchdog looks at. */
  beats: Int32Array;
}

/** Shared with main, so that a blocked main loop finds the truth at once: no message has to be read first. */
export const HOLD_UNTIL = 0;
export const HOLD_RENEWED = 1;
export const HOLD_REFUSED = 2;
export const HOLD_FIELDS = 3;

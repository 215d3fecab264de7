import type { SluiceErrorCode } from '../../core/errors.ts';
import type { Fault } from './wire.ts';

/** What an answer holds under `error`. */
export interface HttpFault extends Fault {
  /** The field of the body that is wrong. */
  field?: string | undefined;
  /** The batch that is there already. */
  batch?: string;
}

export class HttpError extends Error {
  readonly status: number;
  readonly fault: HttpFault;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, fault: HttpFault, headers: Readonly<Record<string, string>> = {}) {
    super(fault.message);
    this.name = 'HttpError';
    this.status = status;
    this.fault = fault;
    this.headers = headers;
  }
}

/** What a client gave wrong, in a field of its body or of its URL; undefined = the body as a whole. */
export const badField = (field: string | undefined, message: string): HttpError =>
  new HttpError(400, { code: 'USAGE', message, field });

/** Of errors about a batch that is there; a body's own faults are all 400. */
const STATUS: Readonly<Record<SluiceErrorCode, number>> = {
  USAGE: 400,
  NOT_FOUND: 404,
  BAD_INPUT: 400,
  INPUT_CHANGED: 409,
  BAD_JOB: 400,
  CODE_CHANGED: 409,
  STATE: 409,
  STORE: 503,
  NEWER: 409,
  DAMAGED: 500,
};

export const statusOf = (code: Fault['code']): number => (code === 'INTERNAL' ? 500 : STATUS[code]);

/** Anything thrown, as an answer. An error of ours says what to do; any other is a fault of this program. */
export function toHttpError(thrown: unknown): HttpError {
  if (thrown instanceof HttpError) return thrown;
  const { code, message, hint } = thrown as { code?: string; message?: string; hint?: string };
  if (code !== undefined && Object.hasOwn(STATUS, code)) {
    const own = code as SluiceErrorCode;
    return new HttpError(STATUS[own], { code: own, message: message ?? own, hint });
  }
  return new HttpError(500, { code: 'INTERNAL', message: message ?? String(thrown) });
}

import { PermanentError } from '../../core/errors.ts';
import type { WireFault } from '../../ports/http.ts';

/** An error that says which fault it is. */
export const wireFault = (
  fault: WireFault['fault'],
  message: string,
  cause?: unknown,
): Error & WireFault =>
  Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { fault });

const isWireFault = (error: unknown): error is Error & WireFault =>
  typeof (error as Partial<WireFault> | undefined)?.fault === 'string';

/** What undici threw, or we did. */
export function faultOf(error: Error): Error {
  if (isWireFault(error)) return error;
  const code = codeOf(error);
  // undici names the header, never its value. Trying again would change nothing.
  return NEVER_SENT.has(code)
    ? new PermanentError(`ctx.http cannot send this request: ${error.message}.`, {
        code: 'BAD_REQUEST',
      })
    : wireFault('network', code, error);
}

const NEVER_SENT = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** Such as ECONNREFUSED. Of several addresses that were tried, the first one's. */
function codeOf(error: Error): string {
  const { code, errors, message } = error as Error & { code?: unknown; errors?: Error[] };
  if (typeof code === 'string') return code;
  const [first] = errors ?? [];
  return first === undefined ? message : codeOf(first);
}

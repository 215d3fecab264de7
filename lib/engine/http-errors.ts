import { PermanentError, RetryableError } from '../core/errors.ts';
import { isPassing } from '../core/http-retry.ts';
import { retryAfterMs } from '../core/retry-after.ts';
import type { WireAnswer, WireFault } from '../ports/http.ts';

/** An address as messages show it: a query may hold what is nobody's business. */
export const placeOf = (url: URL): string => `${url.origin}${url.pathname}`;

/** The start of a text, in quotes, for messages. */
export const said = (text: string): string => JSON.stringify(text.slice(0, 100));

export interface FaultFacts {
  url: URL;
  /** The bound of the try that met the fault. */
  timeoutMs: number;
  maxBytes: number;
}

/** What the item's error is for what the wire met; anything else is thrown as it is. */
export function faultError(error: unknown, { url, timeoutMs, maxBytes }: FaultFacts): unknown {
  const { fault, message } = error as Partial<WireFault>;
  const place = placeOf(url);
  const with_ = (code: string) => ({ code, cause: error });
  switch (fault) {
    case 'network':
      return new RetryableError(`${place} did not answer: ${message}.`, with_('NETWORK'));
    case 'timeout': {
      const text = `${place} did not answer within ${timeoutMs} ms.`;
      return new RetryableError(text, with_('TIMEOUT'));
    }
    case 'too large': {
      const text = `${place} answered with more than ${maxBytes} bytes: raise maxBytes if that is right.`;
      return new PermanentError(text, with_('RESPONSE_TOO_LARGE'));
    }
    case 'encoding': {
      const text = `${place} answered in a form that cannot be read: ${message}.`;
      return new PermanentError(text, with_('BAD_ENCODING'));
    }
    case 'address': {
      const text = `${placeOf(url)} leads to a ${message}, which a URL of the input may not: add ${url.host} to allowHosts if it may.`;
      return new PermanentError(text, with_('BLOCKED_ADDRESS'));
    }
    default:
      return error;
  }
}

/** What the item's error is for a status that is no answer. */
export function statusError(
  { status, headers }: { status: number; headers: Readonly<Record<string, string>> },
  url: URL,
  askedMs: number | undefined,
): Error {
  const place = placeOf(url);
  if (status === 429 || status === 408 || status >= 500) {
    const when = askedMs === undefined ? '' : `, and to come back in ${askedMs / 1000} s`;
    return new RetryableError(`${place} answered ${status}${when}.`, {
      code: status === 429 ? 'TOO_MANY_REQUESTS' : 'SERVER_ERROR',
      retryAfterMs: askedMs,
    });
  }
  const location = headers['location'];
  if (status >= 300 && status < 400 && location !== undefined) {
    const message = `${place} answered ${status}, a redirect to ${said(location)}; give the final address.`;
    return new PermanentError(message, { code: 'REDIRECT' });
  }
  return new PermanentError(`${place} answered ${status}.`, { code: `HTTP_${status}` });
}

export const badUrl = (text: string): Error => new PermanentError(text, { code: 'BAD_URL' });

/** The body says it only where the headers do not, and only short ones are read. */
const MAX_BODY = 10_000;

/** What a refused call's answer asks to be left alone for, ms. */
export function askedBy({ status, headers, bytes }: WireAnswer, now: number): number | undefined {
  if (!isPassing(status)) return undefined;
  const body = bytes.length > MAX_BODY ? '' : new TextDecoder().decode(bytes);
  const asked = retryAfterMs({ status, headers, body }, now);
  return Number.isNaN(asked) ? undefined : asked;
}

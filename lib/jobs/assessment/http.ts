import { PermanentError, RetryableError } from '../../index.ts';
import { said } from './json.ts';

export interface HttpRequest {
  /** http or https, without a user name or password. */
  url: URL;
  /** Bounds the whole call: connection, headers and body. */
  timeoutMs: number;
  /** Largest body, after decompression. */
  maxBytes: number;
  /** Ends the call early, as `ctx.signal` does at the item's time-out. */
  signal?: AbortSignal | undefined;
  /** Bearer token. Redirects are not followed, so it goes to no other origin. */
  token?: string | undefined;
}

/**
 * One GET.
 * @returns the body; undefined for 404, and only for that
 * @throws RetryableError (`NETWORK`, `TIMEOUT`, `TOO_MANY_REQUESTS`, `SERVER_ERROR`; with the server's
 * Retry-After) or PermanentError (`REDIRECT`, `RESPONSE_TOO_LARGE`, `HTTP_<status>`) that names the address
 */
export async function getBytes(request: HttpRequest): Promise<Uint8Array | undefined> {
  const { url, timeoutMs, signal, token } = request;
  const controller = new AbortController();
  const end = (): void => controller.abort(signal?.reason);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    const response = await fetch(url, {
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      redirect: 'manual',
      signal: controller.signal,
    });
    return await bodyOf(response, request);
  } catch (error) {
    if (isOurs(error)) throw error;
    if (signal?.aborted) throw signal.reason;
    if (late) {
      const code = { code: 'TIMEOUT', cause: error };
      throw new RetryableError(`${placeOf(url)} did not answer within ${timeoutMs} ms.`, code);
    }
    const why = networkCode(error);
    throw new RetryableError(`${placeOf(url)} did not answer: ${why}.`, {
      code: 'NETWORK',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/** One GET of a JSON document; see `getBytes`. Also throws PermanentError `BAD_RESPONSE` for what is no JSON. */
export async function getJson(request: HttpRequest): Promise<unknown> {
  const bytes = await getBytes(request);
  if (bytes === undefined) return undefined;
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    // Without the parser's own words, which differ from one version of Node to the next.
    throw new PermanentError(`${placeOf(request.url)} answered with no JSON: ${said(text)}.`, {
      code: 'BAD_RESPONSE',
      cause: error,
    });
  }
}

/** An address as messages show it: a query may hold what is nobody's business. */
const placeOf = (url: URL): string => `${url.origin}${url.pathname}`;

/**
 * Checks an address that a person gave.
 * @throws Error that says what it must be; a password is not repeated
 */
export function httpUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error(`must be ${what}, beginning with http:// or https://; got ${said(text)}.`);
  }
  if (url.username === '' && url.password === '') return url;
  throw new Error(
    `must be ${what} without a user name or password, since a batch's options are in its report; ` +
      `got one for ${url.host}.`,
  );
}

async function bodyOf(
  response: Response,
  { url, maxBytes }: HttpRequest,
): Promise<Uint8Array | undefined> {
  const { status, body } = response;
  if (status !== 200) {
    await body?.cancel();
    if (status === 404) return undefined;
    throw statusError(response, url);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the rest of the body.
    if (bytes > maxBytes) {
      throw new PermanentError(`${placeOf(url)} answered with more than ${maxBytes} bytes.`, {
        code: 'RESPONSE_TOO_LARGE',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function statusError({ status, headers }: Response, url: URL): Error {
  const place = placeOf(url);
  if (status === 429 || status === 408 || status >= 500) {
    // A date without the answer's own Date says nothing: two clocks differ, and outcomes hold no clock of ours.
    const asked = RetryableError.waitMs({ status, headers }, Number.NaN);
    const waitMs = Number.isNaN(asked) ? undefined : asked;
    const when = waitMs === undefined ? '' : `, and to come back in ${waitMs / 1000} s`;
    return new RetryableError(`${place} answered ${status}${when}.`, {
      code: status === 429 ? 'TOO_MANY_REQUESTS' : 'SERVER_ERROR',
      retryAfterMs: waitMs,
    });
  }
  if (status >= 300 && status < 400) {
    const to = said(headers.get('location') ?? 'nowhere');
    const message = `${place} answered ${status}, a redirect to ${to}; give the final address.`;
    return new PermanentError(message, { code: 'REDIRECT' });
  }
  return new PermanentError(`${place} answered ${status}.`, { code: `HTTP_${status}` });
}

const isOurs = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'kind' in error;

/** Such as ECONNREFUSED: fetch says only that it failed, and its cause says why. */
function networkCode(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: unknown }; message: string };
  return typeof cause?.code === 'string' ? cause.code : message;
}

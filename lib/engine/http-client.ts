import { duplicateError, PermanentError, spent } from '../core/errors.ts';
import type { Http, HttpAnswer, RequestOptions, RequestOptionsWithBody } from '../core/http.ts';
import { isPassing } from '../core/http-retry.ts';
import { type Called, callRemote } from './http-call.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { placeOf, said, statusError } from './http-errors.ts';

/** The client of one item. */
export function httpClient(env: HttpEnv, item: HttpItem): Http {
  const call = (url: string | URL, options: RequestOptionsWithBody = {}) =>
    callRemote(env, item, { url, options });
  const asJson = (options: RequestOptions = {}) => ({
    ...options,
    headers: { accept: 'application/json', ...options.headers },
  });
  return {
    async getJson<T>(url: string | URL, options?: RequestOptions) {
      const answer = goodAnswer(await call(url, asJson(options)));
      return answer?.json<T>();
    },
    async getText(url, options) {
      return goodAnswer(await call(url, options))?.text();
    },
    async postJson<T>(url: string | URL, body: unknown, options?: RequestOptions) {
      const { headers, ...rest } = asJson(options);
      const called = await call(url, {
        ...rest,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body) ?? 'null',
      });
      const answer = goodAnswer(called);
      return answer?.bytes.length === 0 ? (null as T) : answer?.json<T>();
    },
    async request(url, options) {
      return answerOf(await call(url, options));
    },
  };
}

/** Undefined for 404; every other status that is no success is thrown. */
function goodAnswer(called: Called): HttpAnswer | undefined {
  const { answer, url } = called;
  const { status } = answer;
  if (status >= 200 && status < 300) return answerOf(called);
  if (status === 404) return undefined;
  if (status === 409) throw duplicateError(`${placeOf(url)} answered 409.`);
  const error = statusError(answer, url, called.askedMs);
  throw called.spent && isPassing(status) ? spent(error) : error;
}

function answerOf({ answer, url }: Called): HttpAnswer {
  const { status, headers, bytes } = answer;
  const text = (): string => textOf(bytes, headers['content-type']);
  return {
    status,
    headers,
    url: url.href,
    bytes,
    text,
    json: <T>() => jsonOf(text(), { url, status, type: headers['content-type'] }) as T,
  };
}

/** A charset that nobody knows is read as UTF-8; a byte order mark is taken off. */
function textOf(bytes: Uint8Array, type: string | undefined): string {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

interface JsonFacts {
  url: URL;
  status: number;
  type: string | undefined;
}

function jsonOf(text: string, { url, status, type = '' }: JsonFacts): unknown {
  // Without the parser's own words, which differ from one version of Node to the next.
  try {
    return JSON.parse(text);
  } catch (error) {
    const isHtml = /html/i.test(type) || /^\s*<(!doctype|html|head|body)/i.test(text);
    const what = isHtml ? 'HTML instead of JSON' : text.trim() === '' ? 'no body' : 'no JSON';
    const start = text.trim() === '' ? '' : `: ${said(text.trim())}`;
    throw new PermanentError(`${placeOf(url)} answered ${status} with ${what}${start}.`, {
      code: 'BAD_RESPONSE',
      cause: error,
    });
  }
}

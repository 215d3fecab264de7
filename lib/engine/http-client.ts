import { duplicateError, PermanentError, spent } from '../core/errors.ts';
import type { Http, HttpAnswer, RequestOptions, RequestOptionsWithBody } from '../core/http.ts';
import { isPassing } from '../core/http-retry.ts';
import type { WireAnswer } from '../ports/http.ts';
import { type Called, callRemote } from './http-call.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { placeOf, said, statusError } from './http-errors.ts';
import { refusedItem } from './http-refusals.ts';

const NO_OPTIONS: RequestOptions = {};

/** The client of one item. */
export function httpClient(env: HttpEnv, item: HttpItem): Http {
  const call = (url: string | URL, options: RequestOptionsWithBody, json: boolean) =>
    callRemote(env, item, { url, options, json });
  const good = (called: Called): boolean => isGood(called, env, item);
  return {
    async getJson<T>(url: string | URL, options: RequestOptions = NO_OPTIONS) {
      const called = await call(url, options, true);
      return good(called) ? (jsonOf(called) as T) : undefined;
    },
    async getText(url, options = NO_OPTIONS) {
      const called = await call(url, options, false);
      return good(called) ? textOf(called.answer) : undefined;
    },
    async postJson<T>(url: string | URL, body: unknown, options: RequestOptions = NO_OPTIONS) {
      const sent = {
        ...options,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...options.headers },
        body: JSON.stringify(body) ?? 'null',
      };
      const called = await call(url, sent, true);
      if (!good(called)) return undefined;
      return called.answer.bytes.length === 0 ? (null as T) : (jsonOf(called) as T);
    },
    async request(url, options = NO_OPTIONS) {
      return answerOf(await call(url, options, false));
    },
  };
}

/** False for 404; every other status that is no success is thrown. */
function isGood(called: Called, env: HttpEnv, item: HttpItem): boolean {
  const { answer, url } = called;
  const { status } = answer;
  if (status >= 200 && status < 300) return true;
  if (status === 404) return false;
  if (status === 409) throw duplicateError(`${placeOf(url)} answered 409.`);
  const { askedMs } = called;
  if (status === 429 && called.later) {
    const error = refusedItem(env, item, { host: url.host, askedMs });
    if (error !== undefined) throw error;
  }
  const error = statusError(answer, url, askedMs);
  throw called.spent && isPassing(status) ? spent(error) : error;
}

function answerOf(called: Called): HttpAnswer {
  const { status, headers, bytes } = called.answer;
  return {
    status,
    headers,
    url: called.url.href,
    bytes,
    text: () => textOf(called.answer),
    json: <T>() => jsonOf(called) as T,
  };
}

const UTF8 = new TextDecoder();

/** A charset that nobody knows is read as UTF-8; a byte order mark is taken off. */
function textOf({ bytes, headers }: WireAnswer): string {
  const type = headers['content-type'];
  // Most answers name none.
  if (type === undefined || !/charset/i.test(type)) return UTF8.decode(bytes);
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return UTF8.decode(bytes);
  }
}

function jsonOf({ answer, url }: Called): unknown {
  const text = textOf(answer);
  // Without the parser's own words, which differ from one version of Node to the next.
  try {
    return JSON.parse(text);
  } catch (error) {
    const { status, headers } = answer;
    const isHtml =
      /html/i.test(headers['content-type'] ?? '') || /^\s*<(!doctype|html|head|body)/i.test(text);
    const what = isHtml ? 'HTML instead of JSON' : text.trim() === '' ? 'no body' : 'no JSON';
    const start = text.trim() === '' ? '' : `: ${said(text.trim())}`;
    throw new PermanentError(`${placeOf(url)} answered ${status} with ${what}${start}.`, {
      code: 'BAD_RESPONSE',
      cause: error,
    });
  }
}

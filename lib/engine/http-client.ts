import { duplicateError, PermanentError, spent } from '../core/errors.ts';
import type { Http, HttpAnswer, RequestOptions } from '../core/http.ts';
import { isPassing } from '../core/http-retry.ts';
import { utf8Text } from '../core/utf8-text.ts';
import type { WireAnswer } from '../ports/http.ts';
import { type Asking, type Called, callRemote } from './http-call.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { placeOf, said, statusError } from './http-errors.ts';
import { refusedItem } from './http-refusals.ts';

const NO_OPTIONS: RequestOptions = {};

/** The client of one item. A class whose calls are made when they are asked for: most items make one call. */
export class ItemClient implements Http {
  readonly #env: HttpEnv;
  readonly #item: HttpItem;

  constructor(env: HttpEnv, item: HttpItem) {
    this.#env = env;
    this.#item = item;
  }

  // Getters: a job may take a call out of the client, `const { getJson } = ctx.http`.
  get getJson(): Http['getJson'] {
    return <T>(url: string | URL, options: RequestOptions = NO_OPTIONS) =>
      this.#call({ url, options, json: true, read: jsonIfGood<T> });
  }

  get getText(): Http['getText'] {
    return (url, options = NO_OPTIONS) =>
      this.#call({ url, options, json: false, read: textIfGood });
  }

  get postJson(): Http['postJson'] {
    return async <T>(url: string | URL, body: unknown, options: RequestOptions = NO_OPTIONS) => {
      const sent = {
        ...options,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...options.headers },
        body: JSON.stringify(body) ?? 'null',
      };
      return this.#call({ url, options: sent, json: true, read: jsonOrNull<T> });
    };
  }

  get request(): Http['request'] {
    return (url, options = NO_OPTIONS) => this.#call({ url, options, json: false, read: answerOf });
  }

  #call<T>(asking: Asking<T>): Promise<T> {
    return callRemote(this.#env, this.#item, asking);
  }
}

export const httpClient = (env: HttpEnv, item: HttpItem): Http => new ItemClient(env, item);

const jsonIfGood = <T>(called: Called, env: HttpEnv, item: HttpItem): T | undefined =>
  isGood(called, env, item) ? (jsonOf(called) as T) : undefined;

const textIfGood = (called: Called, env: HttpEnv, item: HttpItem): string | undefined =>
  isGood(called, env, item) ? textOf(called.answer) : undefined;

function jsonOrNull<T>(called: Called, env: HttpEnv, item: HttpItem): T | undefined {
  if (!isGood(called, env, item)) return undefined;
  return called.answer.bytes.length === 0 ? (null as T) : (jsonOf(called) as T);
}

/** False for 404; every other status that is no success is thrown. */
function isGood(called: Called, env: HttpEnv, item: HttpItem): boolean {
  const { answer, to } = called;
  const { status } = answer;
  if (status >= 200 && status < 300) return true;
  if (status === 404) return false;
  if (status === 409) throw duplicateError(`${placeOf(to.url)} answered 409.`);
  const { askedMs } = called;
  if (status === 429 && called.later) {
    const error = refusedItem(env, item, { host: to.host, askedMs });
    if (error !== undefined) throw error;
  }
  const error = statusError(answer, to.url, askedMs);
  throw called.spent && isPassing(status) ? spent(error) : error;
}

function answerOf(called: Called): HttpAnswer {
  const { status, headers, bytes } = called.answer;
  return {
    status,
    headers,
    url: called.to.url.href,
    bytes,
    text: () => textOf(called.answer),
    json: <T>() => jsonOf(called) as T,
  };
}

/** A charset that nobody knows is read as UTF-8; a byte order mark is taken off. */
function textOf({ bytes, headers }: WireAnswer): string {
  const type = headers['content-type'];
  // Most answers name none.
  if (type === undefined || !/charset/i.test(type)) return utf8Text(bytes);
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return utf8Text(bytes);
  }
}

function jsonOf({ answer, to }: Called): unknown {
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
    throw new PermanentError(`${placeOf(to.url)} answered ${status} with ${what}${start}.`, {
      code: 'BAD_RESPONSE',
      cause: error,
    });
  }
}

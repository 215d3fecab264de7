import type { HttpPlan } from '../core/http-plan.ts';
import { badUrl, said } from './http-errors.ts';

/**
 * Where a request goes: http or https, without user name and password. A class, as its URL is made for those few who
 * ask: to parse it and to ask it for its parts is more than a microsecond of each call.
 */
export class Address {
  readonly origin: string;
  readonly host: string;
  /** Behind the origin, with the query. */
  readonly path: string;
  #url: URL | undefined;

  constructor(parts: { origin: string; host: string; path: string }, url?: URL) {
    this.origin = parts.origin;
    this.host = parts.host;
    this.path = parts.path;
    this.#url = url;
  }

  get url(): URL {
    this.#url ??= new URL(this.origin + this.path);
    return this.#url;
  }
}

export const addressOf = (url: URL): Address =>
  new Address({ origin: url.origin, host: url.host, path: url.pathname + url.search }, url);

/** A path that a URL leaves as it is: nothing to escape, no segment that may stand for another folder. */
const PLAIN = /^\/(?![.%])(?:[\w\-.~%!$&()*+,;=:@]|\?(?!$)|\/(?![.%]))*$/;

/** What a job gave as the address of a call, below the baseUrl where it is no whole URL. */
export function givenAddress(
  { baseUrl, origin, host }: Pick<HttpPlan, 'baseUrl' | 'origin' | 'host'>,
  given: string | URL,
): Address {
  const text = String(given).trim();
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return addressOf(checkedUrl(parsedUrl(text), text));
  if (baseUrl === undefined || origin === undefined || host === undefined) {
    throw badUrl(`${said(text)} is no whole URL, and the job's http has no baseUrl.`);
  }
  // Behind the slash after the host nothing changes the host any more.
  const path = text.startsWith('/') ? text.replace(/^\/+/, '/') : `/${text}`;
  return PLAIN.test(path)
    ? new Address({ origin, host, path: baseUrl.slice(origin.length) + path })
    : addressOf(checkedUrl(parsedUrl(baseUrl + path), text));
}

/** Parsed once: to ask first whether it can be parsed costs as much again. */
export function parsedUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

export function checkedUrl(url: URL | undefined, text: string): URL {
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw badUrl(`${said(text)} is no http or https URL.`);
  }
  if (url.username === '' && url.password === '') return url;
  throw badUrl(`A URL of ${url.host} holds a user name or password: send them as a header.`);
}

import type { HttpPlan } from '../core/http-plan.ts';
import { badUrl, said } from './http-errors.ts';

/** Where a request goes. A URL makes `origin` and `host` anew each time that it is asked. */
export interface HopAddress {
  /** http or https, without user name and password. */
  url: URL;
  origin: string;
  host: string;
}

/** What a job gave as the address of a call, below the baseUrl where it is no whole URL. */
export function addressOf(
  { baseUrl, origin, host }: Pick<HttpPlan, 'baseUrl' | 'origin' | 'host'>,
  given: string | URL,
): HopAddress {
  const text = String(given).trim();
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) {
    const url = checkedUrl(parsedUrl(text), text);
    return { url, origin: url.origin, host: url.host };
  }
  if (baseUrl === undefined || origin === undefined || host === undefined) {
    throw badUrl(`${said(text)} is no whole URL, and the job's http has no baseUrl.`);
  }
  // Behind the slash after the host nothing changes the host any more.
  const path = text.startsWith('/') ? text.replace(/^\/+/, '/') : `/${text}`;
  return { url: checkedUrl(parsedUrl(baseUrl + path), text), origin, host };
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

import type { RequestOptionsWithBody } from '../core/http.ts';
import type { WireAnswer } from '../ports/http.ts';
import { type Address, addressOf, checkedUrl, givenAddress, parsedUrl } from './http-address.ts';
import { type HttpEnv, lowerNames } from './http-env.ts';

/** A request as it is now: a redirect changes it. */
export interface Hop {
  to: Address;
  method: string;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array | undefined;
}

export function firstHop(
  env: HttpEnv,
  {
    url: given,
    options,
    json,
  }: { url: string | URL; options: RequestOptionsWithBody; json: boolean },
): Hop {
  const { origin: home } = env.plan;
  const { body, idempotencyKey, query } = options;
  const asked = givenAddress(env.plan, given);
  const to = query === undefined ? asked : withQuery(asked, query);
  const method = (options.method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase();
  // A header of the settings may be a credential: with a baseUrl it goes to that origin alone.
  let headers = env.headers(home === undefined || home === to.origin, json);
  if (options.headers !== undefined) headers = { ...headers, ...lowerNames(options.headers) };
  if (idempotencyKey !== undefined) headers = { ...headers, 'idempotency-key': idempotencyKey };
  return { to, method, headers, body };
}

function withQuery({ url }: Address, query: NonNullable<RequestOptionsWithBody['query']>): Address {
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.append(name, String(value));
  }
  return addressOf(url);
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What may go to another origin: everything else could be a credential. */
const HARMLESS = new Set(['accept', 'accept-language', 'user-agent', 'content-type']);

/** Where the answer sends the request, as browsers do it; undefined when it sends it nowhere. */
export function redirectOf(hop: Hop, { status, headers }: WireAnswer): Hop | undefined {
  const location = headers['location'];
  if (location === undefined || !REDIRECTS.has(status)) return undefined;
  const { url: from } = hop.to;
  const url = checkedUrl(parsedUrl(location, from), location);
  const post = hop.method !== 'GET' && hop.method !== 'HEAD';
  const becomesGet = post && (status === 303 || (hop.method === 'POST' && status < 303));
  const kept = Object.entries(hop.headers).filter(
    ([name]) =>
      (url.origin === from.origin || HARMLESS.has(name)) &&
      !(becomesGet && name.startsWith('content-')),
  );
  const next = becomesGet
    ? { method: 'GET', body: undefined }
    : { method: hop.method, body: hop.body };
  return { to: addressOf(url), ...next, headers: Object.fromEntries(kept) };
}

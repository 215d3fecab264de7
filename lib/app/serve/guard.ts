import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpError } from './http-error.ts';

export interface Asked {
  method: string;
  /** The path with its query, as it was sent. */
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface GuardOptions {
  port: number;
  token: string;
}

/** Names under which this server may be asked for. Any other is a page that had its own name resolved to this machine. */
const hostsOf = (port: number): string[] =>
  ['127.0.0.1', 'localhost', '[::1]'].map((host) => `${host}:${port}`);

/** Cookies know no port: two servers on one machine need two names. */
export const cookieName = (port: number): string => `sluice-${port}`;

/**
 * Lets through who knows the token: `Authorization: Bearer`, or the cookie that a page got for `?token=`. Throws
 * 403 for a foreign Host (DNS rebinding) or Origin, 401 without the token. A page's URL with the token is
 * answered with where to go instead, so that it stays in no history: `to` and the cookie.
 */
export function guard(asked: Asked, { port, token }: GuardOptions): { to: string } | undefined {
  const { method, url, headers } = asked;
  const host = headers['host'];
  if (typeof host !== 'string' || !hostsOf(port).includes(host.toLowerCase())) {
    throw refuse(
      `The Host header must be one of ${hostsOf(port).join(', ')}; got ${quoted(host)}.`,
    );
  }
  const origin = headers['origin'];
  if (origin !== undefined && !hostsOf(port).some((own) => origin === `http://${own}`)) {
    throw refuse(`Requests of other origins are not answered; got ${quoted(origin)}.`);
  }
  // Another port of this machine is the same site to a browser, so SameSite alone would let its pages post.
  const site = headers['sec-fetch-site'];
  if (method !== 'GET' && site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw refuse(`Requests of other sites are not answered; got ${quoted(site)}.`);
  }
  const bearer = /^Bearer (\S+)$/i.exec(String(headers['authorization'] ?? ''))?.[1];
  if (bearer !== undefined && same(bearer, token)) return undefined;
  const page = pageWithToken(asked);
  if (page !== undefined && same(page.token, token)) return { to: page.to };
  const cookie = cookieOf(String(headers['cookie'] ?? ''), cookieName(port));
  if (cookie !== undefined && same(cookie, token)) return undefined;
  const wrong = bearer !== undefined || page !== undefined;
  throw new HttpError(
    401,
    {
      code: 'USAGE',
      message: wrong ? 'The token is not the one of this server.' : 'A token is needed.',
      hint: 'It is in the URL that sluice serve printed: Authorization: Bearer <token>, or open that URL. Each start has a new one.',
    },
    { 'www-authenticate': `Bearer realm="sluice ${url.startsWith('/api') ? 'api' : 'page'}"` },
  );
}

/** Pages take the token in their URL; the API does not, since URLs are logged. */
function pageWithToken({ method, url }: Asked): { token: string; to: string } | undefined {
  const at = url.indexOf('?');
  if (method !== 'GET' || at < 0 || url.startsWith('/api')) return undefined;
  const query = new URLSearchParams(url.slice(at + 1));
  const token = query.get('token');
  if (token === null) return undefined;
  query.delete('token');
  const rest = query.size === 0 ? '' : `?${query}`;
  // A path of two slashes would be another host's.
  return { token, to: `${url.slice(0, at).replace(/^[/\\]+/, '/')}${rest}` };
}

function cookieOf(header: string, name: string): string | undefined {
  for (const part of header.split(';')) {
    const [key, value] = part.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}

/** Digests have one length, and comparing them tells nothing of where two texts differ. */
const same = (a: string, b: string): boolean => timingSafeEqual(sha256(a), sha256(b));
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const refuse = (message: string): HttpError => new HttpError(403, { code: 'USAGE', message });

const quoted = (value: unknown): string =>
  value === undefined ? 'none' : JSON.stringify(String(value).slice(0, 100));

import { createHash } from 'node:crypto';

/** Parameters that say where a reader came from, never what is shown. */
const TRACKING =
  /^(?:utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|igshid|mc_[ce]id|_ga|_gl|_hs(?:enc|mi)|ref_src)$/i;

const UNRESERVED = /%(?:2D|2E|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/g;

/** An address as a text or relative to another; undefined for what is none, and for what is not http or https. */
export function webAddress(text: string, base?: URL | undefined): URL | undefined {
  // Longer than any server takes, and than any browser shows.
  if (text.length > 8192) return undefined;
  try {
    const url = new URL(text.trim(), base);
    return /^https?:$/.test(url.protocol) && url.host !== '' ? url : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One form of all addresses that show the same page, as far as their text says so: lower case host without a dot at
 * its end, no default port, no dot segments, no fragment, no user name, escapes only where they are needed and in
 * capitals, no parameters of trackers, parameters sorted by name. What only the server knows stays: http and https,
 * `www.`, a slash at the end, and the case of a path differ.
 */
export function normaliseUrl(given: URL): string {
  const url = new URL(given);
  url.hash = '';
  url.username = '';
  url.password = '';
  url.hostname = url.hostname.replace(/\.+$/, '') || url.hostname;
  url.pathname = escapes(url.pathname);
  const parts = url.search.slice(1).split('&').filter(Boolean).map(escapes);
  const kept = parts.filter((part) => !TRACKING.test(nameOf(part)));
  // By name only: several values of one name keep their order. Sorting is stable.
  kept.sort((a, b) => compare(nameOf(a), nameOf(b)));
  // With its mark: without one, a parameter that begins with ? would lose it.
  url.search = kept.length === 0 ? '' : `?${kept.join('&')}`;
  return url.href;
}

const nameOf = (part: string): string => part.split('=', 1)[0] as string;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986, 6.2.2: hexadecimal digits in capitals, and characters that need no escape without one. */
const escapes = (text: string): string =>
  text
    .replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase())
    .replace(UNRESERVED, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));

/** What an outcome's key may have. */
const MAX_KEY = 512;

/** A normalised address as a key: a longer one ends with its SHA-256. */
export function keyOfUrl(url: string): string {
  if (url.length <= MAX_KEY) return url;
  return `${url.slice(0, MAX_KEY - 65)}~${createHash('sha256').update(url).digest('hex')}`;
}

/** Host without `www.`. */
export const hostOf = ({ hostname }: URL): string =>
  hostname.replace(/\.+$/, '').replace(/^www\./, '');

/**
 * The address of a page by its own word, where that can be: on the same host (with or without `www.`), and not the
 * site's front page unless it was asked for, as some sites name it on every page. Else the address asked for.
 */
export function canonicalOf(asked: URL, said: string | undefined, base: URL): string {
  const own = said === undefined ? undefined : webAddress(said, base);
  const isFront = (url: URL): boolean => url.pathname === '/' && url.search === '';
  const fits =
    own !== undefined && hostOf(own) === hostOf(asked) && (!isFront(own) || isFront(asked));
  return normaliseUrl(fits ? own : asked);
}

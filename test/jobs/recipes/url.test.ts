import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOfUrl, normaliseUrl, webAddress } from '../../../lib/jobs/recipes/url.ts';

const normal = (text: string): string | undefined => {
  const url = webAddress(text);
  return url === undefined ? undefined : normaliseUrl(url);
};

describe('one form of addresses that show the same page', () => {
  it.each([
    ['HTTP://Example.ORG:80/a', 'http://example.org/a'],
    ['https://example.org:443', 'https://example.org/'],
    ['https://example.org./a', 'https://example.org/a'],
    ['https://user:pw@example.org/a#top', 'https://example.org/a'],
    ['https://example.org/a/./b/../c', 'https://example.org/a/c'],
    ['https://example.org/%7ea%2db%c3%a9', 'https://example.org/~a-b%C3%A9'],
    ['https://example.org/é', 'https://example.org/%C3%A9'],
    ['https://example.org/a?utm_source=x&b=2&fbclid=y&a=1', 'https://example.org/a?a=1&b=2'],
    ['https://example.org/a?utm_source=x', 'https://example.org/a'],
    ['https://example.org/a?b=2&b=1&a', 'https://example.org/a?a&b=2&b=1'],
    ['https://example.org/a?', 'https://example.org/a'],
    ['https://bücher.example/a', 'https://xn--bcher-kva.example/a'],
    ['  https://example.org/a\n', 'https://example.org/a'],
    ['https:\\\\example.org\\a', 'https://example.org/a'],
  ])('%s', (text, wanted) => expect(normal(text)).toBe(wanted));

  it.each([
    ['http://example.org/a', 'https://example.org/a'],
    ['https://www.example.org/a', 'https://example.org/a'],
    ['https://example.org/a/', 'https://example.org/a'],
    ['https://example.org/A', 'https://example.org/a'],
    ['https://example.org/a%2Fb', 'https://example.org/a/b'],
    ['https://example.org/?id=1', 'https://example.org/?id=2'],
    ['https://example.org/?q=a%26b', 'https://example.org/?q=a&b'],
  ])('%s and %s may differ', (a, b) => expect(normal(a)).not.toBe(normal(b)));

  it.each([
    '',
    'x',
    '/a',
    'ftp://example.org/a',
    'javascript:x',
    'https://',
    'data:,x',
    `https://x.org/${'a'.repeat(9000)}`,
  ])('no address: %j', (text) => expect(normal(text)).toBeUndefined());

  it('is its own normal form, and leads to the same host', () => {
    const any = fc.string({ unit: 'binary', maxLength: 12 });
    const ascii = fc.stringMatching(/^[ -~]{0,12}$/);
    const part = fc.oneof(
      any,
      ascii,
      fc.constantFrom('utm_source=a', '%7e', '%2f', '..', 'a=1', '?'),
    );
    const text = fc
      .tuple(
        fc.constantFrom('http://a.org', 'https://B.Org:8080', 'https://c.org.'),
        part,
        part,
        part,
      )
      .map(([origin, path, query, hash]) => `${origin}/${path}?${query}&${path}#${hash}`);
    fc.assert(
      fc.property(text, (given) => {
        const once = normal(given) as string;
        expect(normal(once)).toBe(once);
        expect(new URL(once).host).toBe(new URL(given).host.replace(/\.$/, ''));
      }),
      { numRuns: process.env['SLUICE_FULL'] === undefined ? 100 : 10_000 },
    );
  });
});

it('a key has at most 512 characters, and long addresses keep theirs apart', () => {
  const long = (end: string): string => `https://example.org/${'a'.repeat(600)}${end}`;
  expect(keyOfUrl('https://example.org/a')).toBe('https://example.org/a');
  expect(keyOfUrl(long('x'))).toHaveLength(512);
  expect(keyOfUrl(long('x'))).not.toBe(keyOfUrl(long('y')));
});

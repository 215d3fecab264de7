import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { givenAddress } from '../../lib/engine/http-address.ts';

const BASES = ['https://api.example.org', 'http://127.0.0.1:8080/v1', 'https://a.example/x/y'];
/** What URLs change, and what they leave. */
const PIECES = ['/', '.', '..', '%2e', '%', '%41', 'a', 'B9', '?', '&', '=', '#', '\\', ' '];
const MORE = [
  'é',
  '"',
  "'",
  '<',
  '`',
  '{',
  '|',
  '^',
  '~',
  '-',
  '_',
  ',',
  ';',
  '@',
  ':',
  '\t',
  '\n',
];

describe('a path below the baseUrl', () => {
  it('is where a URL of both would lead, be it made or not', () => {
    const path = fc.array(fc.constantFrom(...PIECES, ...MORE), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...BASES), path, (baseUrl, pieces) => {
        const { origin, host } = new URL(baseUrl);
        const text = `/${pieces.join('')}`.trim().replace(/^\/+/, '/');
        const url = new URL(baseUrl + text);
        const address = givenAddress({ baseUrl, origin, host }, text);
        const { path: sent } = address;
        expect({ ...address, sent, href: address.url.href }).toMatchObject({
          ...{ origin: url.origin, host: url.host, href: url.href },
          sent: url.pathname + url.search,
        });
      }),
      { numRuns: 2000 },
    );
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoTime } from '../../lib/core/iso-time.ts';
import { remoteDateMs } from '../../lib/core/remote-date.ts';
import { retryAfterMs } from '../../lib/core/retry-after.ts';

const NOW = Date.UTC(2026, 9, 4, 11, 0, 0);
const at = (text: string): string => JSON.stringify({ code: '900804', nextAccessTime: text });

it.each([
  ['seconds', 429, { 'retry-after': '30' }, undefined, 30_000],
  ['fractions', 429, { 'Retry-After': '1.5' }, undefined, 1_500],
  ['zero', 429, { 'retry-after': '0' }, undefined, 0],
  ['an HTTP date', 503, { 'retry-after': 'Sun, 04 Oct 2026 11:01:00 GMT' }, undefined, 60_000],
  ['its RFC 850 form', 503, { 'retry-after': 'Sunday, 04-Oct-26 11:01:00 GMT' }, undefined, 60_000],
  ['its oldest form', 503, { 'retry-after': 'Sun Oct  4 11:01:00 2026' }, undefined, 60_000],
  ['a date that is over', 503, { 'retry-after': 'Sun, 04 Oct 2026 10:00:00 GMT' }, undefined, 0],
  [
    'a date by the clock of the remote',
    429,
    { date: 'Sun, 04 Oct 2026 13:00:00 GMT', 'retry-after': 'Sun, 04 Oct 2026 13:00:10 GMT' },
    undefined,
    10_000,
  ],
  ['nonsense', 429, { 'retry-after': 'soon' }, undefined, undefined],
  ['a huge number', 429, { 'retry-after': '99999999999999999999' }, undefined, undefined],
  ['of an answer that is fine', 200, { 'retry-after': '30' }, undefined, undefined],
  ['a reset in seconds', 429, { 'X-RateLimit-Reset': '42' }, undefined, 42_000],
  [
    'a reset as a time in seconds',
    429,
    { 'x-ratelimit-reset': String(NOW / 1000 + 9) },
    undefined,
    9_000,
  ],
  ['a reset as a time in ms', 429, { 'x-ratelimit-reset': String(NOW + 9_000) }, undefined, 9_000],
  ['a reset as a date', 429, { 'x-ratelimit-reset': '2026-10-04T11:00:20Z' }, undefined, 20_000],
  [
    'a limit that is used up',
    200,
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5' },
    undefined,
    5_000,
  ],
  [
    'a limit that is not',
    200,
    { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '5' },
    undefined,
    undefined,
  ],
  ['the older draft', 429, { ratelimit: 'limit=10, remaining=0, reset=7' }, undefined, 7_000],
  ['the newer draft', 429, { ratelimit: '"default";r=0;t=8' }, undefined, 8_000],
  ['nextAccessTime', 429, {}, at('2026-Oct-04 11:05:00+0000 UTC'), 300_000],
  ['in French', 429, {}, at('2026-oct.-04 11:05:00+0000 UTC'), 300_000],
  [
    'in French, with an accent',
    429,
    {},
    at('2026-déc.-04 11:05:00+0000 UTC'),
    61 * 86_400_000 + 300_000,
  ],
  ['in German, of another zone', 429, {}, at('2026-Okt.-04 13:05:00+0200'), 300_000],
  ['as ISO 8601', 429, {}, at('2026-10-04T11:05:00+0000'), 300_000],
  [
    'inside a text',
    429,
    {},
    JSON.stringify({ detail: at('2026-Oct-04 11:05:00+0000 UTC') }),
    300_000,
  ],
  ['of no month', 429, {}, at('2026-Xyz-04 11:05:00+0000 UTC'), undefined],
  ['of an answer that is fine', 200, {}, at('2026-Oct-04 11:05:00+0000 UTC'), undefined],
  ['nothing', 429, {}, undefined, undefined],
])('waits as the remote asks: %s', (_, status, headers, body, ms) => {
  const answer = {
    status,
    headers: headers as Record<string, string>,
    ...(body === undefined ? {} : { body }),
  };
  expect(retryAfterMs(answer, NOW)).toBe(ms);
});

it('takes the headers of fetch', () => {
  expect(retryAfterMs({ status: 429, headers: new Headers({ 'Retry-After': '2' }) }, NOW)).toBe(
    2_000,
  );
});

it('reads every date that Date writes, to the second', () => {
  const seconds = fc.integer({ min: 0, max: 4_000_000_000 });
  fc.assert(
    fc.property(seconds, (second) => {
      const ms = second * 1000;
      expect(remoteDateMs(new Date(ms).toUTCString())).toBe(ms);
      expect(remoteDateMs(isoTime(ms))).toBe(ms);
    }),
  );
  expect(remoteDateMs('Mon, 99 Foo 2026 11:00:00 GMT')).toBeUndefined();
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cut,
  elapsedMs,
  formatBytes,
  formatCount,
  formatDuration,
  formatInstant,
  formatRate,
  formatShare,
  visible,
} from '../../lib/core/format.ts';

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1 000'],
  [1_234_567.4, '1 234 567'],
  [-12_345, '-12 345'],
  [-0.4, '0'],
  [Number.NaN, '–'],
  [1e21, '1e+21'],
])('count %d is %s', (n, text) => {
  expect(formatCount(n, ' ')).toBe(text);
});

test('digits are grouped by a narrow no-break space unless told otherwise', () => {
  expect(formatCount(1000)).toBe('1\u202f000');
});

test.each([
  [0, 10, '0 %'],
  [10, 10, '100 %'],
  [1, 3, '33.33 %'],
  [1, 1_000_000, '< 0.01 %'],
  [999_999, 1_000_000, '> 99.99 %'],
  [0, 0, '–'],
])('%d of %d is %s', (part, whole, text) => {
  expect(formatShare(part, whole)).toBe(text);
});

test.each([
  [0, '0 s'],
  [-3, '0 s'],
  [0.0001, '1 µs'],
  [0.4, '400 µs'],
  [0.9996, '1 ms'],
  [4.2, '4.2 ms'],
  [99.96, '100 ms'],
  [420.4, '420 ms'],
  [999.6, '1 s'],
  [4200, '4.2 s'],
  [59_949, '59.9 s'],
  [59_950, '1 min'],
  [72_000, '1 min 12 s'],
  [3_599_600, '1 h'],
  [7_500_000, '2 h 5 min'],
  [86_399_000, '1 d'],
  [273_600_000, '3 d 4 h'],
  [Number.POSITIVE_INFINITY, '–'],
])('%d ms is %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [11_812_330, '11.8 MB'],
  [999_950, '1 MB'],
  [1.13e9, '1.13 GB'],
  [5e18, '5000 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [1186.2, '1 186/s'],
  [12.54, '12.5/s'],
  [0.5, '30/min'],
  [0.00125, '4.5/h'],
  [0.000001, '< 0.01/h'],
  [0, '0/s'],
  [Number.NaN, '–'],
])('%d a second is %s', (rate, text) => {
  expect(formatRate(rate, ' ')).toBe(text);
});

test('instants lose their milliseconds, other text keeps everything', () => {
  expect(formatInstant('2026-08-21T06:45:47.120Z')).toBe('2026-08-21 06:45:47 UTC');
  expect(formatInstant('soon')).toBe('soon');
});

test('elapsed time agrees with Date over nine thousand years', () => {
  const instant = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(instant, instant, (a, b) => {
      expect(elapsedMs(a.toISOString(), b.toISOString())).toBe(
        Math.max(0, b.getTime() - a.getTime()),
      );
    }),
  );
  expect(elapsedMs('soon', '2026-08-21T06:45:47Z')).toBe(0);
});

test('what hides or moves text is shown', () => {
  expect(visible('a\u0000b\nc\u007f')).toBe('a␀b␊c␡');
  expect(visible('\u202egnp.exe\u2066\ufeff')).toBe('\\u202egnp.exe\\u2066\\ufeff');
  expect(visible('\ud83d')).toBe('\\ud83d');
  expect(visible('👩‍👩‍👧 é 漢')).toBe('👩‍👩‍👧 é 漢');
});

test('a cut never splits a character and never exceeds its limit', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', '👩‍👩‍👧'), maxLength: 60 }),
      fc.integer({ min: 1, max: 40 }),
      (text, max) => {
        const short = cut(text, max);
        expect(Array.from(short).length).toBeLessThanOrEqual(max);
        expect(short).not.toMatch(/\p{Cs}/u);
        if (short !== text) {
          expect(short.endsWith('…')).toBe(true);
          expect(text.startsWith(short.slice(0, -1))).toBe(true);
        }
      },
    ),
  );
});

import { expect, test } from 'vitest';
import { remoteDateMs } from '../../lib/core/remote-date.ts';

const at = (iso: string): number => Date.parse(iso);

/** Short names as gateways write them, by month. */
const NAMES = [
  'jan janv. janvier gen ene',
  'feb févr. fév.',
  'mar mars mär. mrz',
  'apr avr. abr',
  'mai may mag',
  'jun juin giu',
  'jul juil. lug',
  'aug août ago',
  'sep sept. set',
  'oct okt ott out',
  'nov nov.',
  'dec déc. dez dic',
];

test.each(NAMES.map((names, month) => [names, month] as const))(
  'the names %s are one month',
  (names, month) => {
    for (const name of names.split(' ')) {
      const wanted = Date.UTC(2026, month, 4, 11, 5, 0);
      expect(remoteDateMs(`2026-${name}-04 11:05:00+0000 UTC`), name).toBe(wanted);
    }
  },
);

test.each([
  ...['xjan', 'xfeb', 'xmar', 'xapr', 'xmai', 'xjun', 'xjul', 'xaug', 'xsep', 'xoct', 'xnov'],
  ...['xdec', 'brumaire', '.'],
])('%s is no month', (name) => {
  expect(remoteDateMs(`2026-${name}-04 11:05:00Z`)).toBeUndefined();
});

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37Z'],
  ['Sunday, 06-Nov-26 08:49:37 GMT', '2026-11-06T08:49:37Z'],
  ['  Sun, 06 Nov 1994 08:49:37 GMT ', '1994-11-06T08:49:37Z'],
  ['sun, 06 nov 1994 08:49:37', '1994-11-06T08:49:37Z'],
  ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37Z'],
  ['Sun Nov 16 08:49:37 1994', '1994-11-16T08:49:37Z'],
  ['2026-02-28T23:59:59.123Z', '2026-02-28T23:59:59Z'],
  ['2026-02-28 23:59:59', '2026-02-28T23:59:59Z'],
  ['2026-01-01T00:00:00+02:00', '2025-12-31T22:00:00Z'],
  ['2026-01-01T00:00:00-0230', '2026-01-01T02:30:00Z'],
  ['2026-01-01T00:00:00 UTC', '2026-01-01T00:00:00Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
  ['2026-12-31T23:59:59Z', '2026-12-31T23:59:59Z'],
  ['2000-03-01T00:00:00Z', '2000-03-01T00:00:00Z'],
  ['2026-1-1T00:00:00Z', undefined],
  ['2026-01-1T00:00:00Z', '2026-01-01T00:00:00Z'],
])('%s is %s', (text, iso) => {
  expect(remoteDateMs(text)).toBe(iso === undefined ? undefined : at(iso));
});

test.each([
  '2026-00-01T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-32T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:61Z',
  'x2026-01-01T00:00:00Z',
  '2026-01-01T00:00:00Zx',
  'x Sun Nov  6 08:49:37 1994',
  'Sun Nov  6 08:49:37 1994 x',
  'x; Sun, 06 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT x',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  '3',
  '',
])('%j is no date', (text) => expect(remoteDateMs(text)).toBeUndefined());

test.each(['12', '31'])('the %sth is a day, 23:59:60 a time, as leap seconds are', (day) => {
  const midnight = Date.UTC(2026, 11, Number(day) + 1);
  expect(remoteDateMs(`2026-12-${day}T23:59:60Z`)).toBe(midnight);
});

test('each day of 800 years is the one of Date', () => {
  for (let day = Date.UTC(1700, 0, 1); day < Date.UTC(2500, 0, 1); day += 97 * 86_400_000) {
    const iso = new Date(day).toISOString();
    expect(remoteDateMs(iso), iso).toBe(day);
  }
});

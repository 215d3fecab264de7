import { expect, test } from 'vitest';
import { escapeHtml, html, pct, show, toText } from '../../../lib/core/report-html/html.ts';
import { renderReportHtml } from '../../../lib/core/report-html/page.ts';
import { renderSummary } from '../../../lib/core/summary.ts';
import { CORNERS } from './corners.ts';
import { REPORTS } from './reports.ts';

/**
 * Whole pages, byte by byte: what each row, bar and label is. After a wanted change look at the pages in a browser, and
 * write them anew by `npx vitest run test/core/report-html --update`.
 */
test.each(Object.keys(CORNERS))('the page and the summary of %s', async (name) => {
  const report = CORNERS[name];
  if (report === undefined) throw new Error(`no report ${name}`);
  const page = renderReportHtml(report, name === 'rounds' ? { example: 'An <example>.' } : {});
  const bare = page
    .replace(/<style>[\s\S]*<\/style>\n/, '')
    .replace(/<symbol[\s\S]*<\/symbol>/, '');
  await expect(bare).toMatchFileSnapshot(`pages/${name}.html`);
  const texts = [100, 70, 45].map((width) => `${renderSummary(report, width)}\n`).join('\n\n');
  await expect(texts).toMatchFileSnapshot(`pages/${name}.txt`);
});

test.each(['single', 'empty', 'clean', 'stopped'] as const)(
  'what is said first of %s',
  async (name) => {
    const page = renderReportHtml(REPORTS[name] as (typeof REPORTS)[string], { example: '' });
    const said = page.replace(/[\s\S]*<\/defs><\/svg>/, '').replace(/<div class="two">[\s\S]*/, '');
    await expect(said).toMatchFileSnapshot(`pages/begin-${name}.html`);
  },
);

test('the shapes of all states are in the page', () => {
  const page = renderReportHtml(REPORTS['clean'] as (typeof REPORTS)[string], {});
  const shapes = [
    ...page.matchAll(/<symbol id="i-(\w+)"[^>]*>(<(?:path|circle) [\s\S]*?)<\/symbol>/g),
  ];
  expect(shapes.map(([, name]) => name)).toEqual([
    ...['ok', 'skipped', 'failed', 'stalled', 'notRun', 'alert', 'cancel', 'stop'],
  ]);
});

test('five characters are escaped, slots of nothing are empty', () => {
  expect(escapeHtml(`<a b="c" d='e'>&`)).toBe('&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;');
  expect(toText(html`[${undefined}${false}${0}${''}]`)).toBe('[0]');
});

test.each([
  ['a', 320],
  ['\u00e9', 160],
  ['漢', 106],
  ['😀', 80],
  ['"', 53],
  ['\u007e', 320],
  ['\u0080', 53],
  ['\u07ff', 160],
  ['\u0800', 106],
  ['\uffee', 106],
])('of %j as many are shown as fit twice the limit in bytes: %i', (char, count) => {
  // An option has 160 code points and 320 bytes at most.
  const shown = show(char.repeat(200), 'option');
  const points = Math.min(159, count);
  expect(shown).toBe(`${char.repeat(points)}…`);
  const fitting = Math.min(160, count);
  expect(show(char.repeat(fitting), 'option')).toBe(char.repeat(fitting));
});

test('a percentage lies within the drawing', () => {
  expect([pct(1, 3), pct(3, 2), pct(-1, 2), pct(1, 0), pct(Number.NaN, 2), pct(0, -1)]).toEqual([
    ...['33.333%', '100%', '0%', '0%', '0%', '0%'],
  ]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderSummary } from '../../lib/core/summary.ts';
import { REPORTS, usual } from './report-html/reports.ts';

const names = Object.keys(REPORTS);
const linesOf = (name: string, width: number): string[] =>
  renderSummary(REPORTS[name] ?? usual(), width).split('\n');

test.each(names)('%s: no line is longer than the width, and no colour code is in it', (name) => {
  for (const width of [24, 31, 40, 60, 80, 132]) {
    const lines = linesOf(name, width);
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f]|NaN|undefined|Infinity/);
    expect(lines.every((line) => line === line.trimEnd())).toBe(true);
  }
});

test('numbers stand in one column, digits below digits', () => {
  const rows = linesOf('usual', 80).filter((line) =>
    /^(?:ok|skipped|failed|stalled|items)\b/.test(line),
  );
  expect(rows.map((row) => row.slice(0, 29))).toEqual([
    'ok         98 712   98.71 %  ',
    'skipped     1 020    1.02 %  ',
    'failed        265    0.27 %  ',
    'stalled         3  < 0.01 %  ',
    'items     100 000     100 %',
  ]);
});

test('the whole outcomes digest fits 80 columns', () => {
  expect(renderSummary(usual(), 80)).toContain(`outcomes  ${usual().digests.outcomes}\n`);
});

test('says how the batch ended and why, over several lines where it must', () => {
  expect(linesOf('usual', 80)[0]).toBe('companies: done');
  const text = renderSummary(REPORTS['stopped'] ?? usual(), 40);
  expect(text).toContain('companies: stopped by its threshold\n');
  expect(text.replace(/\s+/g, ' ')).toContain(
    'reason 1,020 of 61,000 items failed: 1.67 % is above tolerateFailures 1 %.',
  );
  expect(text).toMatch(/\nnot run {4}39 000/);
  expect(linesOf('crowded', 80).at(-1)).toMatch(/in 55 other codes$/);
});

test('wide and combining characters count as the columns they take', () => {
  const job = '漢'.repeat(30);
  expect(renderSummary(usual({ job }), 24).split('\n')[0]).toBe(`${'漢'.repeat(11)}…`);
  expect(renderSummary(usual({ job: 'e\u0301'.repeat(10) }), 24).split('\n')[0]).toBe(
    `${'e\u0301'.repeat(10)}: done`,
  );
});

test('foreign text stays on its line', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const hostile = `${text}\n\u001b[31m\u202e`;
      const report = usual({ job: hostile, batch: hostile, reason: hostile });
      const plain = usual({ reason: 'x' });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
      expect(renderSummary(report, 1000)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
      expect(renderSummary(report, 1000).split('\n').length).toBe(
        renderSummary(plain, 1000).split('\n').length,
      );
    }),
  );
});

test('a width that is none is 80, a tiny one 24', () => {
  expect(renderSummary(usual(), Number.NaN)).toBe(renderSummary(usual(), 80));
  expect(renderSummary(usual(), 3)).toBe(renderSummary(usual(), 24));
});

/** Whole pages, as a person reads them. */
const PAGES: readonly [string, number, string][] = [
  [
    'usual',
    80,
    `companies: done
batch     companies-01k3f6c2m9-9f2c4be1
input     data/companies.csv
started   2026-08-21 06:45:47 UTC

ok         98 712   98.71 %  ################################
skipped     1 020    1.02 %  #
failed        265    0.27 %  #
stalled         3  < 0.01 %  #
items     100 000     100 %

time      1 min 24 s, 1 186/s, 1 904 tried again
per item  median 12.6 ms, p95 71.3 ms, p99 240 ms, max 1.11 s
used      CPU 43.2 s, memory 212 MB, 100 chunks, at most 10 x 4 at once
outcomes  d71b5f82c60a4e81b5f93d71a4e82c60a3d71b5f93c60a4e82c5f93d71b5e82c

failures by code
  201  SERVER_ERROR
       #412 732829320: GET /siren/732829320 answered 503 Service Unavailable af…
   48  INVALID_RECORD
       #412 732829320: GET /siren/732829320 answered 503 Service Unavailable af…
   16  TIMEOUT
       #412 732829320: GET /siren/732829320 answered 503 Service Unavailable af…
    3  STALLED
       #412 732829320: GET /siren/732829320 answered 503 Service Unavailable af…`,
  ],
  [
    'crowded',
    60,
    `companies: done
batch     companies-01k3f6c2m9-9f2c4be1, round 2
input     data/companies.csv
started   2026-08-21 06:45:47 UTC

ok         93 712   93.71 %  #############################
skipped     1 020    1.02 %  #
failed      5 265    5.27 %  ##
stalled         3  < 0.01 %  #
items     100 000     100 %

time      1 min 24 s, 1 186/s, 1 904 tried again
per item  median 12.6 ms, p95 71.3 ms, p99 240 ms,
          max 1.11 s
used      CPU 43.2 s, memory 212 MB, 100 chunks,
          at most 50 x 4 at once
outcomes  d71b5f82c60a4e81b5f93d71a4e82c60a3d71b5f93c60a4e8…

failures by code
    200  REMOTE_500
         #412 732829320: GET /siren/732829320 answered 503 …
    197  REMOTE_501
         #412 732829320: GET /siren/732829320 answered 503 …
    194  REMOTE_502
         #412 732829320: GET /siren/732829320 answered 503 …
    191  REMOTE_503
         #412 732829320: GET /siren/732829320 answered 503 …
    188  REMOTE_504
         #412 732829320: GET /siren/732829320 answered 503 …
  5 720  in 55 other codes`,
  ],
  [
    'stopped',
    40,
    `companies: stopped by its threshold
reason    1,020 of 61,000 items failed:
          1.67 % is above
          tolerateFailures 1 %.
batch     companies-01k3f6c2m9-9f2c4be1
input     data/companies.csv
started   2026-08-21 06:45:47 UTC

ok         58 960  58.96 %  #######
skipped     1 020   1.02 %  #
failed      1 020   1.02 %  #
stalled         0      0 %
not run    39 000  39.00 %  #####
items     100 000    100 %

time      1 min 24 s, 1 186/s,
          1 904 tried again
per item  median 12.6 ms, p95 71.3 ms,
          p99 240 ms, max 1.11 s
used      CPU 43.2 s, memory 212 MB,
          100 chunks,
          at most 10 x 4 at once
outcomes  d71b5f82c60a4e81b5f93d71a4e82…

failures by code
  201  SERVER_ERROR
       #412 732829320: GET /siren/73282…
   48  INVALID_RECORD
       #412 732829320: GET /siren/73282…
   16  TIMEOUT
       #412 732829320: GET /siren/73282…
    3  STALLED
       #412 732829320: GET /siren/73282…`,
  ],
];

test.each(PAGES)('the whole of %s in %i columns', (name, width, page) => {
  expect(linesOf(name, width).join('\n')).toBe(page);
});

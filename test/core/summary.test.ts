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

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvCell } from '../../lib/core/csv-cell.ts';

test.each([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['two\nlines', '"two\nlines"'],
  ['a;b', '"a;b"'],
  ['=1+1', "'=1+1"],
  ['=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'],
  ['+33 6 12', "'+33 6 12"],
  ['-cmd|calc', "'-cmd|calc"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', '"\'\t=1"'],
  ['\r=1', '"\'\r=1"'],
  ['＝1', "'＝1"],
  ['＋1', "'＋1"],
  ['－1', "'－1"],
  ['＠x', "'＠x"],
  ['-', "'-"],
  ['-5', '-5'],
  ['+3.2', '+3.2'],
  ['-.5', '-.5'],
  ['-1e-7', '-1e-7'],
  ['-5+cmd', "'-5+cmd"],
  ['-5\n', '"\'-5\n"'],
])('%j becomes %j', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});

test('values that are no text', () => {
  expect([null, undefined, 0, -2.5, true, 12n].map(csvCell)).toEqual([
    '',
    '',
    '0',
    '-2.5',
    'true',
    '12',
  ]);
  expect(csvCell({ a: [1, 'x'] })).toBe('"{""a"":[1,""x""]}"');
  expect(csvCell(Number.NEGATIVE_INFINITY)).toBe("'-Infinity");
});

/** RFC 4180 in a few lines: the reader that the cell is written for. */
function readLine(line: string): string[] {
  const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)];
  return cells.map((match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
}

test('any text comes back from a CSV reader, and none starts a formula', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        '=',
        '+',
        '-',
        '@',
        '\t',
        '\r',
        '\n',
        '"',
        ',',
        ';',
        "'",
        '1',
        '.',
        'e',
        '＝',
        'é',
        '😀',
      ),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const cells = readLine(`x,${csvCell(a)},${csvCell(b)}`).slice(1);
      expect(cells).toEqual([a, b].map((text, i) => (cells[i] === `'${text}` ? cells[i] : text)));
      const formulas = cells.filter(
        (cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(cell),
      );
      expect(formulas).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

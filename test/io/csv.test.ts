import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { Reader } from '../../lib/core/reader.ts';
import { csv } from '../../lib/io/csv.ts';
import { bytesOf, readAllRecords, WHOLE } from './reading.ts';

async function readCsv(text: string | Uint8Array, options = {}, maxRecordBytes = 1024 * 1024) {
  const bytes = bytesOf(text);
  const layout = csv().open(bytes, options);
  expect(layout.problem).toBeUndefined();
  return (await readAllRecords(layout, bytes, { limits: WHOLE, maxRecordBytes })).records;
}

const rowsOf = async (text: string | Uint8Array, options = {}) =>
  (await readCsv(text, options)).map(({ row, error }) => row ?? error);

const invalid = (code: string, message: string) => ({ kind: 'invalid', code, message });

const problemOf = (text: string | Uint8Array, options = {}) =>
  csv().open(bytesOf(text), options).problem;

describe('rows', () => {
  test('cells stay as they are; quotes, line ends and delimiters inside quotes are data', async () => {
    expect(await rowsOf('a,b\r\n 1 ,"x, ""y""\r\nz"\r\n"",q"q')).toEqual([
      { a: ' 1 ', b: 'x, "y"\r\nz' },
      { a: '', b: 'q"q' },
    ]);
  });

  test('a BOM is skipped, a lone CR is data, the last line needs no end', async () => {
    expect(await rowsOf('\ufeffa,b\n1\r,2')).toEqual([{ a: '1\r', b: '2' }]);
  });

  test.each([
    ['a;b,c;d\n1;2;3', { a: '1', 'b,c': '2', d: '3' }],
    ['a\tb\n1\t2', { a: '1', b: '2' }],
    ['a|b\n1|2', { a: '1', b: '2' }],
    ['"x;;;",b\n1,2', { 'x;;;': '1', b: '2' }],
    ['"x""; ;",b\n1,2', { 'x"; ;': '1', b: '2' }],
    ['only\n1,2', { only: '1' }],
  ])('the delimiter is found in the header: %j', async (text, row) => {
    const [found] = await readCsv(text);
    if (text.startsWith('only')) expect(found?.error?.code).toBe('RAGGED_ROW');
    else expect(found?.row).toEqual(row);
  });

  test('a given delimiter wins over the header', async () => {
    expect(await rowsOf('a,b;c\n1,2;3', { delimiter: ';' })).toEqual([{ 'a,b': '1,2', c: '3' }]);
  });

  test('lines of blanks and delimiters alone are no records', async () => {
    expect(await rowsOf('\n , \na,b\n\n,\r\n \t\n1,2\n,,,\n')).toEqual([{ a: '1', b: '2' }]);
  });

  test('header names are trimmed; columns without a name count only where they are filled', async () => {
    expect(await rowsOf(' a , b,, \n1,2\n1,2,,\n1,2,, ,,\n1,2,,x\n1\n')).toEqual([
      { a: '1', b: '2' },
      { a: '1', b: '2' },
      { a: '1', b: '2' },
      invalid(
        'RAGGED_ROW',
        'The record at byte 29 has 4 cells; the header names 2 columns, and cell 4 is filled but its column has no name.',
      ),
      invalid('RAGGED_ROW', 'The record at byte 36 has 1 cell; the header names 2 columns.'),
    ]);
    expect(await rowsOf('a,,b\n1,,2\n1,x,2\n')).toEqual([
      { a: '1', b: '2' },
      invalid(
        'RAGGED_ROW',
        'The record at byte 10 has 3 cells; the header names 3 columns, and cell 2 is filled but its column has no name.',
      ),
    ]);
  });

  test('__proto__ and code in a header become own properties and nothing else', async () => {
    const name = 'x"]: (globalThis.polluted = 1), ["y\u2028\\';
    const header = `__proto__,constructor,"${name.replaceAll('"', '""')}"`;
    const [found] = await readCsv(`${header}\npolluted,2,3\n`);
    const row = found?.row as Record<string, string>;
    expect(Object.entries(row)).toEqual([
      ['__proto__', 'polluted'],
      ['constructor', '2'],
      [name, '3'],
    ]);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect('polluted' in globalThis).toBe(false);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('latin1 is decoded byte by byte, header included', async () => {
    const bytes = Buffer.from('équipe,b\nà,"ç"\n', 'latin1');
    expect(await rowsOf(bytes, { encoding: 'latin1' })).toEqual([{ équipe: 'à', b: 'ç' }]);
  });
});

describe('records that cannot be read fail alone', () => {
  test('a quote that is never closed, or is followed by text', async () => {
    const message = (at: number) =>
      `The record at byte ${at} opens a quote that is not closed before a delimiter or the line end. Double the quotes inside a quoted cell ("") or remove them.`;
    const records = await readCsv('a,b\n1,"x"y\n2,ok\n3,"open\n4,ok\n"p\nq"r,s\n5,ok\n');
    expect(records.map(({ raw, row, error }) => ({ raw, is: error ?? row }))).toEqual([
      { raw: '1,"x"y', is: invalid('BROKEN_QUOTE', message(4)) },
      { raw: '2,ok', is: { a: '2', b: 'ok' } },
      { raw: '3,"open', is: invalid('BROKEN_QUOTE', message(16)) },
      { raw: '4,ok', is: { a: '4', b: 'ok' } },
      { raw: '"p', is: invalid('BROKEN_QUOTE', message(29)) },
      { raw: 'q"r,s', is: { a: 'q"r', b: 's' } },
      { raw: '5,ok', is: { a: '5', b: 'ok' } },
    ]);
  });

  test('bytes that are no UTF-8, and NUL bytes', async () => {
    const bytes = Buffer.concat([
      bytesOf('a,b\né,1\n'),
      bytesOf('x,'),
      Buffer.from([0xe9, 0x0a]),
      bytesOf('y,\0\n"漢",2\n'),
    ]);
    expect(await rowsOf(bytes)).toEqual([
      { a: 'é', b: '1' },
      invalid(
        'INVALID_UTF8',
        "The record at byte 9 is not UTF-8 at byte 11. If the source is Latin-1, give the reader encoding 'latin1'.",
      ),
      invalid(
        'NUL_BYTE',
        'The record at byte 13 holds a NUL byte at byte 15: it is not text, or not UTF-8.',
      ),
      { a: '漢', b: '2' },
    ]);
  });

  test('a record above maxRecordBytes: the bound and the value, and no raw text', async () => {
    const long = `${'x'.repeat(50)},1`;
    for (const text of [
      `a,b\n${long}\nok,2\n`,
      `a,b\n${long}\n"ok",2\n`,
      `a,b\r\n${long}\r\né,2`,
    ]) {
      const records = await readCsv(text, {}, 40);
      const start = text.indexOf('x');
      const size = text.includes('\r') ? 53 : 52;
      expect(records).toHaveLength(2);
      expect(records[0]).toMatchObject({
        raw: '',
        error: invalid(
          'RECORD_TOO_LONG',
          `The record at byte ${start} is ${size} bytes long; maxRecordBytes allows 40. Raise limits.maxRecordBytes in the job, or look for a missing line end.`,
        ),
      });
      expect(records[1]?.error).toBeUndefined();
    }
  });
});

describe('sources that cannot be read as a whole', () => {
  test.each([
    ['', 'the file is empty: a CSV file needs a header line that names its columns'],
    ['\ufeff\n ,;\r\n', 'the file is empty: a CSV file needs a header line that names its columns'],
    [
      Buffer.from('\ufeffa,b\n', 'utf16le'),
      'the file is UTF-16 LE by its byte order mark; convert it first: iconv -f UTF-16 -t UTF-8',
    ],
    [
      Buffer.from([0xfe, 0xff, 0, 0x61]),
      'the file is UTF-16 BE by its byte order mark; convert it first: iconv -f UTF-16 -t UTF-8',
    ],
    ['a,b, a\n', 'column "a" occurs twice in the header (cells 1 and 3): rename one'],
    ['"",""\n', 'the header line names no column'],
    [
      'a,"b\n1,2\n',
      'the header line at byte 0 opens a quote that is not closed before a delimiter or the line end',
    ],
    [
      Buffer.from([0x61, 0xe9, 0x0a]),
      "the header line at byte 0 is not UTF-8 at byte 1. If the source is Latin-1, give the reader encoding 'latin1'.",
    ],
    [
      'a\0b\n',
      'the header line at byte 0 holds a NUL byte at byte 1: it is not text, or not UTF-8.',
    ],
    [
      'x'.repeat(1024 * 1024),
      'the header line does not end within the first 1048576 bytes: is this a CSV file?',
    ],
    [
      `"${'x\n'.repeat(1024 * 1024)}`,
      'the header line at byte 0 opens a quote that is not closed before a delimiter or the line end',
    ],
    [
      ',\n'.repeat(1024 * 1024),
      'the header line does not end within the first 1048576 bytes: is this a CSV file?',
    ],
  ])('%#', (text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  test('a header alone is fine and holds no record; nameless columns may repeat', async () => {
    expect(await rowsOf('a,b')).toEqual([]);
    expect(await rowsOf('a,b,,,\n')).toEqual([]);
  });
});

describe('the reader', () => {
  test('its type is that of the schema, or texts by column', () => {
    expectTypeOf(csv()).toEqualTypeOf<Reader<Record<string, string>>>();
    expectTypeOf(csv(undefined, { delimiter: ';' })).toEqualTypeOf<
      Reader<Record<string, string>>
    >();
    const schema = z.object({ id: z.string(), n: z.coerce.number() });
    expectTypeOf(csv(schema)).toEqualTypeOf<Reader<{ id: string; n: number }>>();
    expect(csv(schema).schema).toBe(schema);
  });

  test('unknown options are refused by name, bound and value', () => {
    const bad = (options: object) => () => csv(undefined, options);
    expect(bad({ encoding: 'utf16' })).toThrow(
      'Reader option encoding must be one of utf8, latin1; got "utf16".',
    );
    expect(bad({ delimiter: ':' })).toThrow(
      'Reader option delimiter must be one of ",", ";", "\\t", "|"; got ":".',
    );
  });

  test('options of the batch win over those of the job', async () => {
    const bytes = bytesOf('a;b,c\n1;2,3\n');
    const layout = csv(undefined, { delimiter: ',' }).open(bytes, { delimiter: ';' });
    expect(layout.columns).toEqual(['a', 'b,c']);
  });
});

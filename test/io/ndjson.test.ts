import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { Reader } from '../../lib/core/reader.ts';
import { jsonFault } from '../../lib/io/json-fault.ts';
import { ndjson, openNdjson } from '../../lib/io/ndjson.ts';
import { firstInvalid } from '../../lib/io/utf8.ts';
import { bytesOf, readAllRecords } from './reading.ts';

async function read(text: string | Uint8Array, maxRecordBytes = 1024 * 1024) {
  const bytes = bytesOf(text);
  const layout = ndjson().open(bytes, {});
  return (await readAllRecords(layout, bytes, { maxRecordBytes })).records;
}

describe('ndjson', () => {
  test('one value a line; blank lines, CRLF and a BOM are nothing', async () => {
    const records = await read('\ufeff{"a":1}\r\n\n \t\r\n[2]\n"x"');
    expect(records.map(({ row, raw }) => [row, raw])).toEqual([
      [{ a: 1 }, '{"a":1}'],
      [[2], '[2]'],
      ['x', '"x"'],
    ]);
  });

  test('bad JSON fails alone, with its position; the line is kept', async () => {
    const [good, bad, early, last] = await read('{"a":1}\n{"a":tru}\n{"a":[\n2\n');
    expect(good?.row).toEqual({ a: 1 });
    expect(bad).toMatchObject({
      raw: '{"a":tru}',
      error: {
        kind: 'invalid',
        code: 'BAD_JSON',
        message: 'The record at byte 8 is not JSON: unexpected "t" at character 6.',
      },
    });
    expect(early?.error?.message).toBe(
      'The record at byte 18 is not JSON: it ends too early, after 6 characters.',
    );
    expect(last?.row).toBe(2);
  });

  test('bytes that are no text fail alone', async () => {
    const bytes = Buffer.concat([
      bytesOf('"é"\n"'),
      Buffer.from([0xc3, 0x28]),
      bytesOf('"\n"\0"\n1\n'),
    ]);
    const codes = (await read(bytes)).map(({ error }) => error?.code);
    expect(codes).toEqual([undefined, 'INVALID_UTF8', 'NUL_BYTE', undefined]);
  });

  test('__proto__ is an own property', async () => {
    const [record] = await read('{"__proto__":{"polluted":1}}\n');
    expect(Object.keys(record?.row as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('sources that cannot be read as a whole', () => {
    expect(ndjson().open(bytesOf(''), {}).problem).toBe('the file is empty: it holds no record');
    expect(ndjson().open(Buffer.from('\ufeff[]', 'utf16le'), {}).problem).toMatch(
      /^the file is UTF-16 LE/,
    );
    expect(ndjson().open(bytesOf('\n\n'), {}).problem).toBeUndefined();
  });

  test('types and options', () => {
    expectTypeOf(ndjson()).toEqualTypeOf<Reader<unknown>>();
    expectTypeOf(ndjson(z.object({ n: z.number() }))).toEqualTypeOf<Reader<{ n: number }>>();
    expect(() => ndjson(undefined, { delimiter: ',' })).toThrow(
      'delimiter has no meaning for ndjson.',
    );
  });

  test('any chunks and any read size give the same records', async () => {
    const lines = fc.array(
      fc.constantFrom('{"a":1}', '', ' ', '{bad', '"é"', '[1,2]\r', '"\0"', '\xff'),
    );
    const sizes = fc.record({
      lines,
      items: fc.integer({ min: 1, max: 4 }),
      bytes: fc.integer({ min: 1, max: 30 }),
      window: fc.integer({ min: 4, max: 30 }),
      max: fc.constantFrom(3, 100),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async (given) => {
        const text = given.lines.join('\n');
        const bytes = Buffer.from(`0\n${text}`, text.includes('é') ? 'utf8' : 'latin1');
        const limits = { items: given.items, bytes: given.bytes };
        const cut = openNdjson(bytes, {}, given.window);
        const found = await readAllRecords(cut, bytes, { limits, maxRecordBytes: given.max });
        const whole = await readAllRecords(openNdjson(bytes, {}), bytes, {
          maxRecordBytes: given.max,
        });
        expect(found.records).toEqual(whole.records);
        const expected = `0\n${text}`.split('\n').filter((line) => line.trim() !== '');
        expect(found.records).toHaveLength(expected.length);
        expect(found.chunks.reduce((sum, { count }) => sum + count, 0)).toBe(expected.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('where JSON ends to be JSON', () => {
  const broken = fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '"', '}', ']', ',', ':', '\\', '\n', 'x', '0'),
      fc.nat(2),
    )
    .map(([json, where, piece, remove]) => {
      const at = where % (json.length + 1);
      return json.slice(0, at) + piece + json.slice(at + remove);
    });

  test('agrees with JSON.parse on what is JSON, and with the positions that V8 gives', () => {
    fc.assert(
      fc.property(broken, (text) => {
        let message: string | undefined;
        try {
          JSON.parse(text);
        } catch (error) {
          message = (error as Error).message;
        }
        const at = jsonFault(text);
        if (message === undefined) {
          expect(at).toBe(text.length);
          return;
        }
        // V8 points at the first character of a bad literal or number, or somewhere inside it.
        const position = /at position (\d+)/.exec(message)?.[1];
        if (position !== undefined && !/number|literal|escape|control/i.test(message)) {
          expect(at).toBeLessThanOrEqual(Number(position));
        }
        // Nothing that is put after the good part can be at fault: it is a prefix of some JSON.
        expect(isPrefix(text.slice(0, at))).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['', 0],
    ['{"a" 1}', 5],
    ['{"a":1,}', 7],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{} x', 3],
    ['{"a":01}', 6],
    ["{'a':1}", 1],
    ['"a\tb"', 2],
    ['"\\x"', 1],
    ['"\\u12g4"', 1],
    ['nul', 0],
    ['[1]]', 3],
    ['{1:2}', 1],
    ['-', 0],
    ['[}', 1],
  ])('%j at %i', (text, at) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(jsonFault(text)).toBe(at);
  });
});

/** Closing what is open makes JSON of a prefix that ends between two tokens. */
function isPrefix(text: string): boolean {
  const tails = ['', '0', '"', '":0', ':0', '"a":0', '0"', ',0'];
  let open = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') open = (char === '{' ? '}' : ']') + open;
    else if (char === '}' || char === ']') open = open.slice(1);
  }
  return tails.some((tail) => {
    try {
      JSON.parse(text + tail + open);
      return true;
    } catch {
      return false;
    }
  });
}

test('the first invalid byte is where the longest valid beginning ends', () => {
  const bytes = fc.array(
    fc.oneof(
      fc.constantFrom(
        0x41,
        0xc3,
        0xa9,
        0xe2,
        0x82,
        0xac,
        0xed,
        0xa0,
        0xf0,
        0x9f,
        0x98,
        0x80,
        0xf4,
        0x90,
      ),
      fc.nat(255),
    ),
    { maxLength: 12 },
  );
  const decodes = (part: Uint8Array): boolean => {
    try {
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part);
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(bytes, (list) => {
      const all = Uint8Array.from(list);
      const at = firstInvalid(all);
      expect(at === -1).toBe(decodes(all));
      if (at < 0) return;
      expect(decodes(all.subarray(0, at))).toBe(true);
      for (let end = at + 1; end <= all.length; end++) {
        expect(decodes(all.subarray(0, end))).toBe(false);
      }
    }),
    { numRuns: 3000 },
  );
});

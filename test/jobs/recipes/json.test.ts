import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../../lib/jobs/recipes/json.ts';
import { readPage } from '../../../lib/jobs/recipes/page.ts';

describe('readJson mends only what has one meaning', () => {
  it.each([
    ['a trailing comma', '{"a":[1,2,],}', { a: [1, 2] }],
    ['a trailing comma before a comment', '{"a":1, /* x */ // y\n}', { a: 1 }],
    ['raw line ends and tabs in a text', '{"a":"x\ny\tz"}', { a: 'x\ny\tz' }],
    ["JavaScript's quote", '{"a":"it\\\'s"}', { a: "it's" }],
    ['a text that goes on in the next line', '{"a":"x\\\ny"}', { a: 'xy' }],
    ['comments of two kinds', '// first\n{/* a */"a":1}', { a: 1 }],
    ['a comment of HTML before it', '<!-- John -->\n{"a":1}', { a: 1 }],
    ['a comment of HTML around it', '<!--\n{"a":1}\n-->', { a: 1 }],
    ['CDATA', '<![CDATA[{"a":1}]]>', { a: 1 }],
    ['CDATA in comments', '//<![CDATA[\n{"a":1}\n//]]>', { a: 1 }],
    ['CDATA in other comments', '/*<![CDATA[*/{"a":1}/*]]>*/', { a: 1 }],
    ['a semicolon at the end', '{"a":1};\n', { a: 1 }],
    ['quotes as references', '{&quot;a&quot;:&quot;x &amp; y&quot;}', { a: 'x & y' }],
    ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
  ])('%s', (_, text, value) => {
    expect(readJson(text)).toEqual(value);
  });

  it.each([
    ['what looks like a mistake, in a text', '{"a":",] // <!-- x --> ]]> ;"}'],
    ['a reference in a text', '{"a":"&quot;x&quot;"}'],
    ['an address', '{"a":"https://x.org/a"}'],
  ])('leaves %s as it is', (_, text) => {
    expect(readJson(text)).toEqual(JSON.parse(text));
    // Also where something else has to be mended.
    expect(readJson(text.replace(/}$/, ',}'))).toEqual(JSON.parse(text));
  });

  it.each([
    ['a quote in a text', '{"a":"say "x" now"}'],
    ['a missing comma', '{"a":1 "b":2}'],
    ['a missing bracket', '{"a":[1,2}'],
    ['an end that is cut off', '{"a":"x'],
    ['names without quotes', '{a:1}'],
    ['single quotes', "{'a':1}"],
    ['two values', '{"a":1}{"b":2}'],
    ['two commas', '{"a":1,,"b":2}'],
    ['a semicolon in the middle', '{"a":1;"b":2}'],
    ['a script', 'window.x = {"a":1}'],
    ['nothing', ' '],
  ])('gives nothing for %s', (_, text) => {
    expect(readJson(text)).toBeUndefined();
  });

  it('never changes what is JSON, and mends commas and line ends of anything', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(fc.oneof(fc.object(), fc.array(fc.anything())), (given) => {
        const text = JSON.stringify(given);
        const value: unknown = JSON.parse(text);
        expect(readJson(text)).toEqual(value);
        // Spaces, comments and commas go where no text is: behind each bracket that is outside of one.
        const spoiled = text.replace(/"(?:[^"\\]|\\.)*"|[}\]]/g, (part, at: number) => {
          if (part.startsWith('"')) {
            return part.replace(/\\(.)/g, (pair, letter: string) =>
              letter === 'n' ? '\n' : letter === 't' ? '\t' : pair,
            );
          }
          return /[[{]/.test(text[at - 1] ?? '') ? part : `, // x\n ${part}`;
        });
        expect(readJson(spoiled)).toEqual(value);
      }),
      { numRuns: process.env['SLUICE_FULL'] === undefined ? 200 : 5000 },
    );
  });

  it('does work that grows with the length alone', () => {
    const long = 50_000;
    const hostile = [
      '<!--'.repeat(long),
      '/*'.repeat(long),
      '//'.repeat(long),
      `{${','.repeat(long)}`,
      `[${', /**/'.repeat(long)}`,
      `"${'\\'.repeat(long)}`,
      `"${'\n'.repeat(long)}`,
      `[${'-'.repeat(long)}`,
      `${'['.repeat(long)}`,
      `[${';'.repeat(long)}`,
      '{&quot;'.repeat(long),
      '-->'.repeat(long),
      `<!--${'<!--{'.repeat(long)}`,
    ];
    for (const text of hostile) expect(readJson(text)).toBeUndefined();
  });
});

const { SLUICE_DATA = '../shared/data' } = process.env;
const EXTRUCT = `${SLUICE_DATA}/recipes/extruct`;
const folders = ['custom.invalid', 'schema.org.invalid', 'schema.org'];

describe.skipIf(!existsSync(EXTRUCT))('JSON-LD that extruct reads (needs SLUICE_DATA)', () => {
  const names = existsSync(EXTRUCT)
    ? folders.flatMap((folder) =>
        readdirSync(`${EXTRUCT}/${folder}`)
          .filter((name) => name.endsWith('.jsonld'))
          .map((name) => `${folder}/${name.slice(0, -7)}`),
      )
    : [];
  it.each(names)('%s', (name) => {
    const page = readPage(readFileSync(`${EXTRUCT}/${name}.html`, 'utf8'));
    const wanted = JSON.parse(readFileSync(`${EXTRUCT}/${name}.jsonld`, 'utf8')) as unknown;
    expect(page.scripts.map(readJson)).toEqual(wanted);
  });
});

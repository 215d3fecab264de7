import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePage } from '../../../lib/jobs/recipes/decode.ts';
import { readRecipe } from '../../../lib/jobs/recipes/read-recipe.ts';
import { ADDRESS, cake, jsonLdPage, microdataPage, rdfaPage } from './pages.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;
const CODES = ['NO_RECIPE', 'INCOMPLETE', 'BAD_JSON_LD', 'TOO_DEEP', 'TOO_LARGE'];
const address = new URL(ADDRESS);

/** Of the long versions. */
const LONG = { timeout: 120_000 };

/** What becomes of a page: 'ok', or the code of a clear failure; anything else is thrown. */
function ends(html: string): string {
  try {
    const { recipe } = readRecipe({ html, address });
    // It must survive JSON, as outcomes do.
    expect(JSON.parse(JSON.stringify(recipe))).toEqual(recipe);
    return 'ok';
  } catch (error) {
    const { kind, code } = error as { kind?: unknown; code?: unknown };
    if (kind !== 'permanent' || !CODES.includes(String(code))) throw error;
    return String(code);
  }
}

const { SLUICE_DATA = '../shared/data' } = process.env;
const SCRAPERS = `${SLUICE_DATA}/recipes/recipe-scrapers`;
const realPages = (): string[] =>
  existsSync(SCRAPERS)
    ? readdirSync(SCRAPERS, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.testhtml'))
        .slice(0, 20)
        .map((name) => readFileSync(`${SCRAPERS}/${name}`, 'utf8'))
    : [];
const seeds = [jsonLdPage(cake), microdataPage, rdfaPage, JSON.stringify(cake), ...realPages()];

describe('no page does anything but give a recipe or a clear failure', () => {
  it('random bytes', LONG, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.string(), (bytes, type) => {
        expect(ends(decodePage(bytes, type))).toBe('NO_RECIPE');
      }),
      { numRuns: FULL ? 5000 : 300 },
    );
  });

  it('random markup', LONG, () => {
    const pieces = fc.constantFrom(
      ...'<div|<script type="application/ld+json">|</script>|<!--|-->|<![CDATA[|itemscope|itemtype="https://schema.org/Recipe"|itemprop="name recipeIngredient"|itemref="a b"|id="a"|vocab="https://schema.org/"|typeof="Recipe"|property="name recipeInstructions"|resource="#a"|>|"|\'|{|}|[|]|,|:|"@type":"Recipe"|"@id":"#a"|"recipeIngredient"|"name"|</div>|</p>|<p|<svg|<template>|<textarea|&amp;|&#0;|\u0000|\ud800|text'.split(
        '|',
      ),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 200 }), fc.constantFrom('', ' '), (parts, glue) => {
        expect(['ok', ...CODES]).toContain(ends(parts.join(glue)));
      }),
      { numRuns: FULL ? 20_000 : 500 },
    );
  });

  it('pages cut, doubled, and with bytes changed', LONG, () => {
    fc.assert(
      fc.property(
        fc.nat(seeds.length - 1),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(4), fc.nat(255)), {
          minLength: 1,
          maxLength: 8,
        }),
        (which, changes) => {
          let bytes = Buffer.from(seeds[which] as string);
          for (const [share, change, byte] of changes) {
            const at = Math.floor(share * bytes.length);
            if (change === 0) bytes = bytes.subarray(0, at);
            else if (change === 1)
              bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + byte)]);
            else if (change === 2)
              bytes = Buffer.concat([bytes.subarray(0, at + byte), bytes.subarray(at)]);
            else {
              bytes = Buffer.from(bytes);
              if (at < bytes.length) bytes[at] = byte;
            }
          }
          expect(['ok', ...CODES]).toContain(ends(decodePage(bytes)));
        },
      ),
      { numRuns: FULL ? 10_000 : 300 },
    );
  });
});

describe('a page costs what its length costs', () => {
  /** What makes parsers slow: 100,000 of each, which would be minutes if the work grew with the square. */
  const MANY = 100_000;
  const item = '<div itemscope itemtype="https://schema.org/Recipe">';
  it.each([
    ['elements in elements', '<div>'.repeat(MANY)],
    ['ends without a beginning', `${'<b>'.repeat(900)}${'</i>'.repeat(MANY)}`],
    ['attributes', `<p ${'a=1 '.repeat(MANY)}>`],
    ['things in things', '<i itemscope itemprop=x>'.repeat(MANY)],
    ['texts in texts', `${item}${'<i itemprop=name>x'.repeat(900)}${'y'.repeat(MANY)}`],
    ['texts beside texts', `${item}${'<i itemprop=name>x</i>'.repeat(MANY)}`],
    ['properties of one element', `${item}<i itemprop="${'a '.repeat(MANY)}">x`],
    ['references', `<i itemscope itemref="${'a '.repeat(MANY)}">`],
    [
      'things that refer to one element',
      `<p id=a>${'<i itemprop=x>1</i>'.repeat(300)}</p>${'<i itemscope itemref=a></i>'.repeat(3000)}`,
    ],
    ['scripts', '<script type="application/ld+json">{}</script>'.repeat(MANY / 10)],
    [
      'scripts that are broken',
      '<script type="application/ld+json">{recipe,</script>'.repeat(MANY / 10),
    ],
    [
      'lists in lists',
      `<script type="application/ld+json">${'['.repeat(MANY)}${']'.repeat(MANY)}</script>`,
    ],
    ['lists of nothing', jsonLdPage({ ...cake, recipeIngredient: new Array(MANY).fill('') })],
    ['spaces', jsonLdPage({ ...cake, name: ' '.repeat(1_000_000) })],
    ['open tags in a text', jsonLdPage({ ...cake, name: '<a '.repeat(MANY) })],
    ['references in a text', jsonLdPage({ ...cake, name: '&amp;amp;'.repeat(MANY) })],
    ['an address', jsonLdPage({ ...cake, image: `https://x.org/${'../'.repeat(MANY)}` })],
    ['comments', '<!--'.repeat(MANY)],
  ])('%s', (_, html) => {
    expect(['ok', ...CODES]).toContain(ends(html));
  });
});

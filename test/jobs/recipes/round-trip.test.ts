import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findRecipe } from '../../../lib/jobs/recipes/extract.ts';
import type { Recipe } from '../../../lib/jobs/recipes/recipe.ts';
import { ADDRESS } from './pages.ts';

const RUNS = process.env['SLUICE_FULL'] === undefined ? 200 : 5000;

/** Of the long versions. */
const LONG = { timeout: 120_000 };

/** A recipe as it must come out, and the choices of how its page says it. */
interface Said {
  title: string;
  author: string | undefined;
  ingredients: string[];
  sections: { name: string | undefined; steps: string[] }[];
  minutes: number | undefined;
  calories: string | undefined;
}

/** One line without what a page would trim, or HTML would read as its own. */
const words = fc
  .array(fc.stringMatching(/^[a-zA-Zéßäñ中日0-9½°.,!()/'"&;:%+-]{1,10}$/), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(' ').normalize('NFC'))
  // A name that only counts is left out on purpose, and so is what looks like a reference.
  .filter((text) => !/^\d/.test(text) && !/&[a-z#0-9]+;/i.test(text) && /[a-z]{2}/i.test(text));
const option = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const recipes: fc.Arbitrary<Said> = fc.record({
  title: words,
  author: option(words.filter((text) => !text.includes(','))),
  ingredients: fc.array(words, { minLength: 1, maxLength: 6 }),
  sections: fc.array(
    fc.record({ name: option(words), steps: fc.array(words, { minLength: 1, maxLength: 4 }) }),
    { minLength: 1, maxLength: 3 },
  ),
  minutes: option(fc.integer({ min: 1, max: 10_000 })),
  calories: option(words),
});

/** Unnamed sections that follow each other are one. */
function merged(sections: Said['sections']): Recipe['instructions'] {
  const all: Recipe['instructions'] = [];
  for (const { name, steps } of sections) {
    const last = all.at(-1);
    if (name === undefined && last !== undefined && last.name === undefined)
      last.steps.push(...steps);
    else all.push({ ...(name === undefined ? {} : { name }), steps: [...steps] });
  }
  return all;
}

const expected = ({ title, author, ingredients, sections, minutes, calories }: Said) => ({
  title,
  author,
  ingredients,
  instructions: merged(sections),
  minutes,
  calories,
});

function seen(html: string) {
  const recipe = findRecipe(html, new URL(ADDRESS))?.recipe;
  return {
    title: recipe?.title,
    author: recipe?.author,
    ingredients: recipe?.ingredients,
    instructions: recipe?.instructions,
    minutes: recipe?.times?.total?.minutes,
    calories: recipe?.nutrition?.['calories'],
  };
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** Shapes of JSON-LD, by the bits of a number. */
function jsonLd(said: Said, shape: number, spoil: boolean): string {
  const bit = (at: number): boolean => ((shape >> at) & 1) === 1;
  const html = (text: string): string =>
    bit(0) ? `<p>${escapeHtml(text)}</p>` : text.replace(/&/g, '&amp;');
  const step = (text: string, at: number): unknown => {
    if (bit(1)) return html(text);
    const plain = { '@type': bit(2) ? 'HowToStep' : ['HowToStep', 'Thing'], text: html(text) };
    if (bit(3))
      return {
        '@type': 'HowToStep',
        itemListElement: [{ '@type': 'HowToDirection', text: html(text) }],
      };
    return bit(4) ? { '@type': 'ListItem', position: at + 1, item: plain } : plain;
  };
  const steps = said.sections.flatMap(({ name, steps: of }): unknown[] =>
    name === undefined
      ? of.map(step)
      : [
          {
            '@type': 'HowToSection',
            name,
            itemListElement: of.length === 1 ? step(of[0] as string, 0) : of.map(step),
          },
        ],
  );
  const person = { '@type': 'Person', '@id': '#author', name: said.author };
  const author =
    said.author === undefined
      ? undefined
      : bit(5)
        ? { '@id': '#author' }
        : bit(6)
          ? [person]
          : said.author;
  const recipe = {
    '@type': bit(7) ? ['Recipe'] : 'https://schema.org/Recipe',
    name: bit(8) ? [said.title.replace(/&/g, '&amp;')] : said.title.replace(/&/g, '&amp;'),
    author,
    [bit(9) ? 'ingredients' : 'recipeIngredient']: bit(10)
      ? [said.ingredients.map(html)]
      : said.ingredients.map(html),
    recipeInstructions: bit(11) ? { '@type': 'ItemList', itemListElement: steps } : steps,
    totalTime:
      said.minutes === undefined
        ? undefined
        : bit(12)
          ? `PT${Math.floor(said.minutes / 60)}H${said.minutes % 60}M`
          : `PT${said.minutes}M`,
    nutrition: said.calories === undefined ? undefined : { calories: said.calories },
  };
  const others = [{ '@type': 'WebSite', name: 'x' }, person];
  const all = bit(13)
    ? { '@graph': [...others, recipe] }
    : bit(14)
      ? [...others, { mainEntity: recipe }]
      : [recipe, ...others];
  const text = JSON.stringify(all, null, bit(15) ? 2 : undefined).replace(/<\//g, '<\\/');
  const spoiled = spoil ? `<!--\n${text.replace(/([}\]])$/, ' /* end */ , $1;')}\n//-->` : text;
  return `<html><head><script type="application/ld+json">${spoiled}</script></head>`;
}

/** Without sections, which neither microdata nor RDFa pages have. */
function elements(said: Said, rdfa: boolean): string {
  const thing = (type: string): string =>
    rdfa ? `typeof="${type}"` : `itemscope itemtype="https://schema.org/${type}"`;
  const of = (name: string): string => (rdfa ? `property="${name}"` : `itemprop="${name}"`);
  const steps = said.sections.flatMap(({ steps: all }) => all);
  return `<body><div ${rdfa ? 'vocab="https://schema.org/"' : ''} ${thing('Recipe')}>
    <h1 ${of('name')}>  ${escapeHtml(said.title)}\n</h1>
    ${said.author === undefined ? '' : `<span ${of('author')} ${thing('Person')}><a href="/x" ${of('name')}>${escapeHtml(said.author)}</a></span>`}
    ${said.ingredients.map((text) => `<li ${of('recipeIngredient')}><span>${escapeHtml(text).replace(' ', '</span>\n <span>')}</span></li>`).join('')}
    ${steps.map((text) => `<p ${of('recipeInstructions')}>${escapeHtml(text)}`).join('')}
    ${said.minutes === undefined ? '' : `<meta ${of('totalTime')} content="PT${said.minutes}M">`}
    ${said.calories === undefined ? '' : `<div ${of('nutrition')} ${thing('NutritionInformation')}><b ${of('calories')}>${escapeHtml(said.calories)}</b></div>`}
  </div>`;
}

it(
  'JSON-LD in any shape, also broken ones that can be mended, comes out as it went in',
  LONG,
  () => {
    fc.assert(
      fc.property(recipes, fc.nat(2 ** 16 - 1), fc.boolean(), (said, shape, spoil) => {
        expect(seen(jsonLd(said, shape, spoil))).toEqual(expected(said));
      }),
      { numRuns: RUNS },
    );
  },
);

it('microdata and RDFa come out as they went in', LONG, () => {
  fc.assert(
    fc.property(recipes, fc.boolean(), (given, rdfa) => {
      const said = {
        ...given,
        sections: [{ name: undefined, steps: given.sections.flatMap(({ steps }) => steps) }],
      };
      expect(seen(elements(said, rdfa))).toEqual(expected(said));
    }),
    { numRuns: RUNS },
  );
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePage } from '../../../lib/jobs/recipes/decode.ts';
import { findRecipe } from '../../../lib/jobs/recipes/extract.ts';
import type { Recipe } from '../../../lib/jobs/recipes/recipe.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const FOLDER = `${SLUICE_DATA}/recipes/recipe-scrapers`;

/** What another extractor gives for the page (recipe-scrapers), where it has rules for each site. */
interface Expected {
  canonical_url: string;
  [field: string]: unknown;
}

/** Pages whose expected results are beside them: x.testhtml and x.json. */
const pages = existsSync(FOLDER)
  ? readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.testhtml'))
      .filter((name) => existsSync(join(FOLDER, name.replace(/\.testhtml$/, '.json'))))
      .sort()
  : [];

const plain = (text: unknown): string =>
  typeof text === 'string' ? text.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase() : '';
const lines = (list: unknown): string => (Array.isArray(list) ? list.map(plain).join('\n') : '');

/** Fields of both, in one form; '' where there is none. */
const FIELDS: Readonly<
  Record<string, [ours: (recipe: Recipe) => string, theirs: (wanted: Expected) => string]>
> = {
  title: [({ title }) => plain(title), (wanted) => plain(wanted['title'])],
  url: [({ url }) => url, (wanted) => wanted.canonical_url],
  host: [({ host }) => host, (wanted) => plain(wanted['host'])],
  image: [({ image }) => image ?? '', (wanted) => String(wanted['image'] ?? '')],
  author: [({ author }) => plain(author), (wanted) => plain(wanted['author'])],
  language: [({ language }) => plain(language), (wanted) => plain(wanted['language'])],
  description: [({ description }) => plain(description), (wanted) => plain(wanted['description'])],
  ingredients: [({ ingredients }) => lines(ingredients), (wanted) => lines(wanted['ingredients'])],
  instructions: [
    ({ instructions }) => lines(instructions.flatMap(({ steps }) => steps)),
    (wanted) => lines(wanted['instructions_list']),
  ],
  'prep minutes': [
    ({ times }) => String(times?.prep?.minutes ?? ''),
    (wanted) => String(wanted['prep_time'] ?? ''),
  ],
  'cook minutes': [
    ({ times }) => String(times?.cook?.minutes ?? ''),
    (wanted) => String(wanted['cook_time'] ?? ''),
  ],
  'total minutes': [
    ({ times }) => String(times?.total?.minutes ?? ''),
    (wanted) => String(wanted['total_time'] ?? ''),
  ],
  nutrition: [({ nutrition }) => bag(nutrition), (wanted) => bag(wanted['nutrients'])],
  cuisine: [({ cuisine }) => plain(cuisine?.join(', ')), (wanted) => plain(wanted['cuisine'])],
  keywords: [({ keywords }) => lines(keywords), (wanted) => lines(wanted['keywords'])],
};

function bag(given: unknown): string {
  const entries = Object.entries((given ?? {}) as Record<string, string>);
  return entries
    .map(([name, text]) => `${name}=${plain(text)}`)
    .sort()
    .join('\n');
}

interface Score {
  /** Pages of which the other extractor gives the field. */
  given: number;
  same: number;
}

describe.skipIf(pages.length === 0)(
  'real pages and what another extractor gives (needs SLUICE_DATA)',
  () => {
    const scores = new Map<string, Score>();
    const ends = { whole: 0, incomplete: 0, none: 0, unclear: [] as string[] };

    beforeAll(() => {
      for (const name of pages) {
        const html = decodePage(readFileSync(join(FOLDER, name)));
        const wanted = JSON.parse(
          readFileSync(join(FOLDER, name.replace(/\.testhtml$/, '.json')), 'utf8'),
        ) as Expected;
        const address = new URL(wanted.canonical_url || `https://${dirname(name)}/`);
        let recipe: Recipe | undefined;
        try {
          recipe = findRecipe(html, address)?.recipe;
        } catch (error) {
          if ((error as { kind?: unknown }).kind !== 'permanent')
            ends.unclear.push(`${name}: ${error}`);
        }
        if (recipe === undefined) ends.none += 1;
        else if (recipe.ingredients.length + recipe.instructions.length === 0) ends.incomplete += 1;
        else ends.whole += 1;
        for (const [field, [ours, theirs]] of Object.entries(FIELDS)) {
          const theirText = theirs(wanted);
          if (theirText === '') continue;
          const score = scores.get(field) ?? { given: 0, same: 0 };
          score.given += 1;
          if (recipe !== undefined && ours(recipe) === theirText) score.same += 1;
          scores.set(field, score);
        }
      }
    });
    afterAll(() => {
      console.log(
        `${pages.length} pages: ${ends.whole} recipes, ${ends.incomplete} without content, ${ends.none} without a recipe`,
      );
      for (const [field, { given, same }] of scores)
        console.log(`${field}: ${same} of ${given} the same`);
    });

    it('give a recipe or a clear failure', () => {
      expect(ends.unclear).toEqual([]);
      expect(ends.whole).toBeGreaterThan(0);
    });

    it.each(['title', 'host', 'author', 'total minutes'])('agree on the %s of most', (field) => {
      const { given, same } = scores.get(field) as Score;
      expect(same / given).toBeGreaterThanOrEqual(0.5);
    });
  },
);

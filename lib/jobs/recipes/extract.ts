import { PermanentError } from '../../index.ts';
import { type Candidate, candidatesOf } from './candidates.ts';
import { isObject, listOf, type ObjectOf, said } from './json.ts';
import { type Page, readPage } from './page.ts';
import { INGREDIENTS, INSTRUCTIONS, type Recipe, recipeOf } from './recipe.ts';
import { lineOf } from './text.ts';
import { canonicalOf, hostOf, normaliseUrl, webAddress } from './url.ts';
import { firstOf } from './values.ts';

/** What a page says of recipes. */
export interface Found {
  /** The page's recipe; it may lack ingredients or instructions. */
  recipe: Recipe;
  /** How many recipes of different titles are on the page. */
  count: number;
}

/**
 * The recipe of a page, from its JSON-LD, microdata or RDFa; undefined where it says nothing of any recipe.
 * Bounded by the length of the page; no part of it is run.
 * @param html the page, or JSON-LD alone
 * @param address of the page, absolute
 * @throws PermanentError `BAD_JSON_LD`, `TOO_DEEP`, `TOO_LARGE`
 */
export function findRecipe(html: string, address: URL): Found | undefined {
  const page = /^\s*[[{]/.test(html) ? dataPage(html) : readPage(html);
  const { recipes, broken } = candidatesOf(page);
  if (recipes.length === 0) {
    refuse(page, broken);
    return undefined;
  }
  const base = page.base === undefined ? undefined : webAddress(page.base, address);
  const around = {
    url: canonicalOf(address, page.canonical, base ?? address),
    host: hostOf(address),
    base: base ?? address,
    language: page.language,
    image: page.image,
  };
  const own = new Set([normaliseUrl(address), around.url]);
  const chosen = choose(recipes, { own, base: around.base });
  const titles = new Set(recipes.filter(hasContent).map(({ thing }) => titleOf(thing)));
  return { recipe: recipeOf(chosen, around), count: Math.max(1, titles.size) };
}

/** A file that is nothing but JSON-LD. */
const dataPage = (text: string): Page => ({
  whole: true,
  scripts: [text],
  microdata: [],
  rdfa: [],
  canonical: undefined,
  base: undefined,
  language: undefined,
  image: undefined,
});

/** What stands between the page and an answer is told, rather than that there is nothing. */
function refuse({ whole, scripts }: Page, broken: readonly number[]): void {
  const [first] = broken;
  if (first !== undefined) {
    const text = scripts[first - 1] as string;
    throw new PermanentError(
      `The page's JSON-LD (script ${first} of ${scripts.length}, ${text.length} characters) names a recipe, is not ` +
        `JSON, and cannot be mended without guessing; it begins with ${said(text.trim().slice(0, 60))}.`,
      { code: 'BAD_JSON_LD' },
    );
  }
  if (whole) return;
  throw new PermanentError(
    'The page holds elements nested in one another more than 1000 deep, and no recipe before them.',
    { code: 'TOO_DEEP' },
  );
}

const has = ({ thing }: Candidate, properties: readonly string[]): boolean =>
  firstOf(thing, properties) !== undefined;
const hasContent = (one: Candidate): boolean => has(one, INGREDIENTS) || has(one, INSTRUCTIONS);
const isWhole = (one: Candidate): boolean => has(one, INGREDIENTS) && has(one, INSTRUCTIONS);

/**
 * Of several recipes: those with content, of these those that name this page as theirs (and those of the same title),
 * of these those with both ingredients and instructions, of these the first. A rule that leaves none is passed over.
 */
function choose(
  recipes: readonly Candidate[],
  { own, base }: { own: ReadonlySet<string>; base: URL },
): Candidate {
  const titles = new Set<string>();
  for (const one of recipes) if (isOf(one, { own, base })) titles.add(titleOf(one.thing));
  const rules = [hasContent, ({ thing }: Candidate) => titles.has(titleOf(thing)), isWhole];
  let left = recipes;
  for (const rule of rules) {
    const some = left.filter(rule);
    if (some.length > 0) left = some;
  }
  return left[0] as Candidate;
}

/** Whether a recipe says that it is this page's. */
function isOf(
  { thing }: Candidate,
  { own, base }: { own: ReadonlySet<string>; base: URL },
): boolean {
  const said = [thing['url'], thing['mainEntityOfPage'], thing['@id']].flatMap((value) =>
    listOf(value)
      .slice(0, 10)
      .map((one) => (isObject(one) ? (one['@id'] ?? one['url']) : one)),
  );
  return said.some((one) => {
    const url = typeof one === 'string' ? webAddress(one, base) : undefined;
    return url !== undefined && own.has(normaliseUrl(url));
  });
}

const titleOf = (thing: ObjectOf): string => {
  const [name] = listOf(firstOf(thing, ['name', 'headline']));
  return typeof name === 'string' ? lineOf(name.slice(0, 1000)).toLowerCase() : '';
};

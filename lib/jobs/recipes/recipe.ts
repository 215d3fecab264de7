import { PermanentError } from '../../index.ts';
import type { Candidate, Resolve, Syntax } from './candidates.ts';
import { type Duration, durationOf, parseDuration, secondsOf } from './duration.ts';
import { type Section, sectionsOf } from './instructions.ts';
import { isObject, listOf, type ObjectOf } from './json.ts';
import { webAddress } from './url.ts';
import { entriesOf, firstOf, NAMED, rawTexts, textsOf, wordsIn } from './values.ts';

/** A recipe in one form, whatever syntax its page is written in. Texts are plain: no tags, no line ends. */
export interface Recipe {
  title: string;
  /** The page's address: its own word where that can be, normalised. */
  url: string;
  /** Host of the address, without `www.`. */
  host: string;
  /** Absolute address. */
  image?: string;
  description?: string;
  /** Several are separated by commas. */
  author?: string;
  /** BCP 47, such as 'en' or 'pt-BR'. */
  language?: string;
  /** As the page says it, such as '4 servings'. */
  yield?: string;
  /** `total` is the page's own, or else the sum of the two others. */
  times?: { prep?: Duration; cook?: Duration; total?: Duration };
  ingredients: string[];
  instructions: Section[];
  /** As the page says it, by schema.org's names: {"calories": "231 calories"}. */
  nutrition?: Record<string, string>;
  category?: string[];
  cuisine?: string[];
  keywords?: string[];
  /** Where its data stood in the page. */
  syntax: Syntax;
}

/** What the page says beside the recipe itself. */
export interface Around {
  url: string;
  host: string;
  /** What relative addresses are relative to. */
  base: URL;
  language: string | undefined;
  image: string | undefined;
}

/** Values and characters of one recipe that are looked at: a hundred times what long ones have. It bounds references in a circle. */
const MAX_WORK = 2_000_000;

function bounded(resolve: Resolve): Resolve {
  let work = 0;
  return (value) => {
    const found = resolve(value);
    work += typeof found === 'string' ? 1 + found.length : 1;
    if (work <= MAX_WORK) return found;
    throw new PermanentError(
      `The recipe of the page holds more than ${MAX_WORK} characters and values; no recipe does.`,
      { code: 'TOO_LARGE' },
    );
  };
}

/**
 * Brings a candidate into the one form; its title is '' where it has none.
 * @throws PermanentError `TOO_LARGE`
 */
export function recipeOf({ syntax, thing, resolve: unbounded }: Candidate, around: Around): Recipe {
  const resolve = bounded(unbounded);
  const named = { resolve, of: NAMED };
  const one = (...properties: string[]): string | undefined =>
    textsOf(firstOf(thing, properties), named)[0];
  const recipe: Recipe = {
    title: one('name', 'headline') ?? '',
    url: around.url,
    host: around.host,
    image: imageOf(thing, { resolve, base: around.base }) ?? address(around.image, around.base),
    description: one('description'),
    author: [...new Set(textsOf(firstOf(thing, ['author', 'creator']), named))].join(', '),
    language: languageOf(one('inLanguage')) ?? languageOf(around.language),
    yield: yieldOf(firstOf(thing, ['recipeYield', 'yield']), resolve),
    times: timesOf(thing, resolve),
    ingredients: ingredientsOf(firstOf(thing, INGREDIENTS), resolve),
    instructions: sectionsOf(firstOf(thing, INSTRUCTIONS), resolve),
    nutrition: nutritionOf(resolve(firstOf(thing, ['nutrition'])), resolve),
    category: wordsIn(firstOf(thing, ['recipeCategory']), resolve),
    cuisine: wordsIn(firstOf(thing, ['recipeCuisine']), resolve),
    keywords: wordsIn(firstOf(thing, ['keywords']), resolve),
    syntax,
  } as Recipe;
  return withoutNothing(recipe);
}

/** `ingredients` was the name until 2015. */
export const INGREDIENTS = ['recipeIngredient', 'ingredients', 'recipeIngredients'];
export const INSTRUCTIONS = ['recipeInstructions', 'instructions', 'recipeInstruction'];
const REQUIRED = new Set(['title', 'ingredients', 'instructions']);

/** Leaves out what the page does not say. */
function withoutNothing(recipe: Recipe): Recipe {
  const kept = Object.entries(recipe).filter(
    ([name, value]) =>
      REQUIRED.has(name) ||
      !(value === undefined || value === '' || (Array.isArray(value) && value.length === 0)),
  );
  return Object.fromEntries(kept) as unknown as Recipe;
}

function imageOf(
  thing: ObjectOf,
  { resolve, base }: { resolve: Resolve; base: URL },
): string | undefined {
  const of = ['url', 'contentUrl', '@id', '@value', 'thumbnailUrl'];
  const texts = rawTexts(firstOf(thing, ['image', 'thumbnailUrl']), { resolve, of });
  for (const text of texts) {
    const found = address(text, base);
    if (found !== undefined) return found;
  }
  return undefined;
}

const address = (text: string | undefined, base: URL): string | undefined =>
  text === undefined || text.trim() === '' ? undefined : webAddress(text, base)?.href;

/** Of several the first that says what is counted, as '4' beside '4 servings' does not. */
function yieldOf(value: unknown, resolve: Resolve): string | undefined {
  const texts = listOf(value).flatMap((given) => {
    const one = resolve(given);
    if (!isObject(one)) return textsOf(one, { resolve, of: NAMED });
    const [amount] = textsOf(firstOf(one, ['value', 'name', 'text', '@value']), {
      resolve,
      of: [],
    });
    const [unit] = textsOf(firstOf(one, ['unitText']), { resolve, of: [] });
    return amount === undefined ? [] : [unit === undefined ? amount : `${amount} ${unit}`];
  });
  return texts.find((text) => /\p{L}/u.test(text)) ?? texts[0];
}

function timesOf(thing: ObjectOf, resolve: Resolve): Recipe['times'] {
  const time = (property: string): Duration | undefined => {
    const of = ['@value', 'value', 'name', 'text', 'maxValue'];
    for (const text of rawTexts(thing[property], { resolve, of })) {
      const found = parseDuration(text);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const [prep, cook, stated] = [
    time('prepTime'),
    time('cookTime') ?? time('performTime'),
    time('totalTime'),
  ];
  const sum =
    prep === undefined || cook === undefined
      ? undefined
      : durationOf(secondsOf(prep) + secondsOf(cook));
  // A total of nothing is a field that nobody filled in.
  const total = [stated, sum].find((one) => one !== undefined && secondsOf(one) > 0);
  const times = { ...(prep && { prep }), ...(cook && { cook }), ...(total && { total }) };
  return Object.keys(times).length === 0 ? undefined : times;
}

function ingredientsOf(value: unknown, resolve: Resolve): string[] {
  const plain = listOf(value).map((given) => {
    const one = resolve(given);
    return isObject(one) && !('@value' in one) ? amountOf(one, resolve) : one;
  });
  return entriesOf(plain.length === 1 ? plain[0] : plain, { resolve, of: NAMED });
}

/** An ingredient as a thing: {value, unitText, name}, in that order. */
function amountOf(thing: ObjectOf, resolve: Resolve): unknown {
  const below = firstOf(thing, ['itemListElement', 'item']);
  if (below !== undefined) return below;
  const [name] = textsOf(firstOf(thing, ['name', 'text', 'description']), { resolve, of: NAMED });
  const parts = ['value', 'amount', 'unitText', 'unit'].flatMap((property) => {
    const [text] = textsOf(thing[property], { resolve, of: ['@value', 'value'] });
    return text === undefined || name?.includes(text) ? [] : [text];
  });
  return [...parts, name ?? ''].join(' ').trim();
}

/** schema.org/NutritionInformation. */
const NUTRITION =
  'servingSize calories fatContent saturatedFatContent unsaturatedFatContent transFatContent cholesterolContent sodiumContent carbohydrateContent fiberContent sugarContent proteinContent'.split(
    ' ',
  );

function nutritionOf(value: unknown, resolve: Resolve): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const given of listOf(value)) {
    const one = resolve(given);
    if (!isObject(one)) continue;
    for (const property of NUTRITION) {
      const [text] = textsOf(one[property], { resolve, of: NAMED });
      if (text !== undefined) found[property] ??= text;
    }
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

/** A tag of BCP 47 in its usual spelling; undefined for what is none ('English'), since a name is not a tag. */
function languageOf(text: string | undefined): string | undefined {
  const parts = text?.trim().replace(/_/g, '-').split('-', 5) ?? [];
  const [language = '', ...rest] = parts;
  if (!/^[a-z]{2,3}$/i.test(language) || /^(?:und|mul|zxx)$/i.test(language)) return undefined;
  if (rest.some((part) => !/^[a-z0-9]{2,8}$/i.test(part))) return language.toLowerCase();
  const spelled = rest.map((part) => {
    if (part.length === 2) return part.toUpperCase();
    if (!/^[a-z]{4}$/i.test(part)) return part.toLowerCase();
    return `${part[0]?.toUpperCase()}${part.slice(1).toLowerCase()}`;
  });
  return [language.toLowerCase(), ...spelled].join('-');
}

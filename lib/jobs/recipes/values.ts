import type { Resolve } from './candidates.ts';
import { isObject, listOf, type ObjectOf } from './json.ts';
import { lineOf, linesOf } from './text.ts';

/** Lists and things within each other that are followed; it also ends what refers to itself. */
const MAX_DEPTH = 8;
/** Values of a list that are looked at to see whether all of it is blank. */
const LOOKED_AT = 100;

/** Plain values as texts; the keys in `of` say where a thing has its own. */
export interface Texts {
  resolve: Resolve;
  /** Properties of a thing that hold its text, best first. */
  of: readonly string[];
}

/** All texts of a value: of a text itself, of each value of a list, of a thing its name. Raw: with tags and line ends. */
export function rawTexts(value: unknown, { resolve, of }: Texts): string[] {
  const texts: string[] = [];
  const visit = (given: unknown, depth: number): void => {
    if (depth > MAX_DEPTH) return;
    const one = resolve(given);
    if (typeof one === 'string') texts.push(one);
    else if (typeof one === 'number' && Number.isFinite(one)) texts.push(String(one));
    else if (Array.isArray(one)) for (const below of one) visit(below, depth + 1);
    else if (isObject(one)) visit(firstOf(one, of), depth + 1);
  };
  visit(value, 0);
  return texts;
}

/** The first of some properties that has a value that is not blank. */
export function firstOf(thing: ObjectOf, properties: readonly string[]): unknown {
  for (const property of properties) {
    // JSON-LD writes a text as {"@value": "..."} where it adds a language.
    const value = thing[property];
    const some = listOf(value).slice(0, LOOKED_AT);
    if (some.some((one) => one !== '' && one !== null && one !== undefined)) return value;
  }
  return undefined;
}

/** What most things have as their text. */
export const NAMED = ['@value', 'name', 'text', 'value'] as const;

/** Each text as one line. */
export const textsOf = (value: unknown, texts: Texts): string[] =>
  rawTexts(value, texts).map(lineOf).filter(Boolean);

/** Each text once: a list of words, which some pages write as one text with commas. */
export function wordsIn(value: unknown, resolve: Resolve): string[] {
  const all = textsOf(value, { resolve, of: NAMED });
  const words = all.length === 1 ? (all[0] as string).split(',') : all;
  return [...new Set(words.map((word) => word.trim()).filter(Boolean))];
}

/** One line for each entry; a single text that holds several is cut at its line ends. */
export function entriesOf(value: unknown, texts: Texts): string[] {
  const raw = rawTexts(value, texts);
  return raw.length === 1 ? linesOf(raw[0] as string) : raw.map(lineOf).filter(Boolean);
}

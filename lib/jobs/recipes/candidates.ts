import { isObject, listOf, type ObjectOf, readJson } from './json.ts';
import type { Page } from './page.ts';

/** Where a recipe's data stands in the page. */
export type Syntax = 'json-ld' | 'microdata' | 'rdfa';

/** Something that a page calls a recipe. */
export interface Candidate {
  syntax: Syntax;
  thing: ObjectOf;
  /** Finds what a reference (`{"@id": ...}`) stands for, within the same syntax. */
  resolve: Resolve;
}

/** The thing itself, or what it refers to; anything else as it is. */
export type Resolve = (value: unknown) => unknown;

export interface Candidates {
  /** JSON-LD first, then microdata, then RDFa; within each in the order of the page. */
  recipes: readonly Candidate[];
  /** Scripts that name a recipe and cannot be read, by number, from 1. */
  broken: readonly number[];
}

/** Values of a page's JSON-LD that are looked at: far above any page, and it bounds the work. */
const MAX_VALUES = 200_000;
const MAX_CANDIDATES = 1000;

export function candidatesOf({ scripts, microdata, rdfa }: Page): Candidates {
  const broken: number[] = [];
  const values = scripts.map((script, at) => {
    const value = readJson(script);
    if (value === undefined && /\brecipe\b/i.test(script)) broken.push(at + 1);
    return value;
  });
  const recipes = [
    ...recipesIn('json-ld', objectsIn(values)),
    ...recipesIn('microdata', microdata),
    ...recipesIn('rdfa', rdfa),
  ];
  return { recipes: recipes.slice(0, MAX_CANDIDATES), broken };
}

/** All objects below some values, in the order of their text. Depth costs nothing: nothing recurses. */
function objectsIn(values: readonly unknown[]): ObjectOf[] {
  const objects: ObjectOf[] = [];
  const stack = [...values].reverse();
  for (let seen = 0; stack.length > 0 && seen < MAX_VALUES; seen++) {
    const value = stack.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) objects.push(value as ObjectOf);
    const below = Array.isArray(value) ? value : Object.values(value);
    for (let at = Math.min(below.length, MAX_VALUES) - 1; at >= 0; at--) stack.push(below[at]);
  }
  return objects;
}

function recipesIn(syntax: Syntax, things: readonly ObjectOf[]): Candidate[] {
  const recipes = things.filter((thing) => typesOf(thing).includes('recipe'));
  if (recipes.length === 0) return [];
  const byId = new Map<string, ObjectOf>();
  for (const thing of things) {
    const id = thing['@id'];
    if (typeof id !== 'string' || isReference(thing)) continue;
    const there = byId.get(id);
    // What is said in several places of one thing is one thing; what was said first counts.
    byId.set(id, there === undefined ? thing : { ...thing, ...there });
  }
  const resolve: Resolve = (value) => {
    const id = isObject(value) ? value['@id'] : undefined;
    return typeof id === 'string' ? (byId.get(id) ?? value) : value;
  };
  const seen = new Set<unknown>();
  return recipes.flatMap((thing): Candidate[] => {
    const whole = resolve(thing) as ObjectOf;
    if (seen.has(whole)) return [];
    seen.add(whole);
    return [{ syntax, thing: whole, resolve }];
  });
}

const isReference = (thing: ObjectOf): boolean =>
  Object.keys(thing).every((key) => key === '@id' || key === '@type');

/** Names of a thing's types in small letters, whichever way they are written: 'recipe', 'howtosection'. */
export function typesOf(thing: ObjectOf): string[] {
  return listOf(thing['@type'] ?? thing['type'])
    .filter((type) => typeof type === 'string')
    .map((type) => {
      const bare = type.trim().replace(/\/$/, '');
      const name = /^(?:https?:\/\/(?:www\.)?schema\.org\/#?|schema:)?([^/:#]+)$/i.exec(bare);
      return name?.[1]?.toLowerCase() ?? '';
    });
}

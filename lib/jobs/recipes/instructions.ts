import { type Resolve, typesOf } from './candidates.ts';
import { isObject, type ObjectOf } from './json.ts';
import { lineOf, linesOf } from './text.ts';
import { firstOf, rawTexts } from './values.ts';

/** Steps under a heading; the steps of a recipe without headings are one section without a name. */
export interface Section {
  name?: string;
  steps: string[];
}

/** Where things of a list stand: `itemListElement` in schema.org; the others are mistakes that pages share. */
const LISTS = [
  'itemListElement',
  'item',
  'itemListElements',
  'steps',
  'step',
  'recipeInstructions',
];
const MAX_DEPTH = 8;
/** Headings that only count, in the languages where that is common: they say nothing that the order does not. */
const COUNTED =
  /^(?:step|schritt|étape|etape|paso|passo|stap|steg|trin|krok|шаг)?\s*\d{1,3}\s*[.:)]?$/i;

/** Reads texts, lists, HowToStep, HowToSection, HowToDirection, HowToTip, ItemList and ListItem, nested in any way. */
export function sectionsOf(value: unknown, resolve: Resolve): Section[] {
  const sections: Section[] = [{ steps: [] }];
  const step = (text: string): void => {
    (sections.at(-1) as Section).steps.push(text);
  };
  const visit = (given: unknown, depth: number): void => {
    if (depth > MAX_DEPTH) return;
    const one = resolve(given);
    if (typeof one === 'string') for (const line of linesOf(one)) step(line);
    else if (Array.isArray(one)) for (const below of one) visit(below, depth + 1);
    else if (isObject(one)) thing(one, depth);
  };
  const thing = (one: ObjectOf, depth: number): void => {
    const below = firstOf(one, LISTS);
    const name = nameOf(one, resolve);
    const isSection = typesOf(one).includes('howtosection');
    if (below === undefined) {
      // A section that holds a text in place of steps is still one.
      if (isSection && name !== '' && own(one) !== undefined) sections.push({ name, steps: [] });
      for (const text of stepTexts(one, { name: isSection ? '' : name, resolve })) step(text);
      return;
    }
    const heads = isSection && name !== '';
    if (heads) sections.push({ name, steps: [] });
    // A step that is made of directions: its own text, where it has one, says the same.
    else if (typesOf(one).includes('howtostep')) {
      const parts = directionsOf(below, resolve);
      if (parts !== '') {
        step(headed(parts, name));
        return;
      }
    }
    visit(below, depth + 1);
    if (heads) sections.push({ steps: [] });
  };
  visit(value, 0);
  return sections.filter(({ steps }) => steps.length > 0);
}

const own = (one: ObjectOf): unknown => firstOf(one, ['text', '@value', 'description']);

const nameOf = (one: ObjectOf, resolve: Resolve): string =>
  lineOf(rawTexts(firstOf(one, ['name', 'headline']), { resolve, of: ['@value'] })[0] ?? '');

function stepTexts(one: ObjectOf, { name, resolve }: { name: string; resolve: Resolve }): string[] {
  const lines = rawTexts(own(one), { resolve, of: ['text', '@value', 'name'] }).flatMap(linesOf);
  if (lines.length === 0) return name === '' || COUNTED.test(name) ? [] : [name];
  return [headed(lines[0] as string, name), ...lines.slice(1)];
}

/** A step's heading goes before its text, unless the text begins with it or it only counts. */
function headed(text: string, name: string): string {
  const bare = name.replace(/[.:…]+$/, '').trim();
  if (bare === '' || COUNTED.test(name)) return text;
  if (text.toLowerCase().startsWith(bare.toLowerCase())) return text;
  return `${bare}: ${text}`;
}

/** The texts of a step's directions and tips, as one. */
const directionsOf = (below: unknown, resolve: Resolve): string =>
  rawTexts(below, { resolve, of: ['text', '@value', 'name', 'itemListElement'] })
    .map(lineOf)
    .filter(Boolean)
    .join(' ');

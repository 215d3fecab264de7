import { PermanentError } from '../../index.ts';
import { findRecipe } from './extract.ts';
import type { LoadedPage } from './load-page.ts';
import type { Recipe } from './recipe.ts';

/**
 * The recipe of a page, whole: with a title, and with ingredients or instructions.
 * @throws PermanentError `NO_RECIPE`, `INCOMPLETE`, and what `findRecipe` throws
 */
export function readRecipe({ html, address }: LoadedPage): { recipe: Recipe; count: number } {
  const found = findRecipe(html, address);
  if (found === undefined) {
    throw new PermanentError(
      'The page says nothing of a recipe: no schema.org Recipe in JSON-LD, microdata or RDFa.',
      { code: 'NO_RECIPE' },
    );
  }
  requireWhole(found.recipe);
  return found;
}

/** Throws PermanentError `INCOMPLETE` for what nobody can cook by. */
export function requireWhole({ title, ingredients, instructions, syntax }: Recipe): void {
  const empty = ingredients.length === 0 && instructions.length === 0;
  if (title !== '' && !empty) return;
  const lacks = title === '' ? 'no name' : 'neither ingredients nor instructions';
  const name = title === '' ? '' : ` ${JSON.stringify(title.slice(0, 200))}`;
  throw new PermanentError(`The page's recipe${name} (${syntax}) has ${lacks}.`, {
    code: 'INCOMPLETE',
  });
}

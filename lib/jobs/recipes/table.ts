import { type GroupStep, inBatches, ok } from '../../index.ts';
import { type UniqueTable, type UniqueTableOptions, uniqueTable } from '../../sinks/table-sink.ts';
import type { Recipe } from './recipe.ts';
import { askedOf, type PageRecord } from './record.ts';

/** A recipe on its way to the table. */
export interface Imported {
  /** The normalised address of its record. */
  asked: string;
  recipe: Recipe;
}

/**
 * The table of recipes: one row for each address, over all batches that write to it.
 *
 * @example
 * uniqueTable({ ...recipeTable, url: (ctx) => ctx.secret('DATABASE_URL') })
 */
export const recipeTable = {
  table: 'recipes',
  unique: 'url',
  also: ['asked'],
  columns: {
    url: 'text',
    asked: 'text',
    host: 'text',
    title: 'text',
    language: 'text',
    recipe: 'json',
  },
  row: ({ asked, recipe }: Imported) => {
    const { url, host, title, language } = recipe;
    return { url, asked, host, title, language, recipe };
  },
} satisfies Omit<UniqueTableOptions<Imported>, 'url'>;

/** The two steps around the extraction: what is known is not fetched again, what is new is written. */
export interface TableSteps {
  unseen: GroupStep<PageRecord, PageRecord>;
  sink: GroupStep<Imported, Imported>;
}

export const tableSteps = ({ unseen, sink }: UniqueTable<Imported>): TableSteps => ({
  unseen: unseen(askedOf),
  sink,
});

/** The table of the batch's option `sink`; the steps let all pass where there is none. */
export function tableOfOptions(): TableSteps {
  const { unseen, sink } = tableSteps(
    uniqueTable({ ...recipeTable, url: ({ options }) => options['sink'] as string }),
  );
  return { unseen: whereGiven(unseen), sink: whereGiven(sink) };
}

const whereGiven = <A>(step: GroupStep<A, A>): GroupStep<A, A> =>
  inBatches(
    step.size,
    (rows, context) =>
      context.options['sink'] === undefined ? rows.map((row) => ok(row)) : step.run(rows, context),
    step.retry,
  );

/** Throws what is wrong with the URL of a table. */
export function checkTableUrl(url: string): void {
  uniqueTable({ ...recipeTable, url });
}

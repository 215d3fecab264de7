import {
  defineJob,
  type HttpSettings,
  type Job,
  type JobContext,
  type JobDefinition,
  ndjson,
  ok,
  type QuotaDefinition,
  type Result,
} from '../../index.ts';
import type { UniqueTable } from '../../sinks/table-sink.ts';
import { loadPage, MAX_PAGE_BYTES } from './load-page.ts';
import { optionsSchema, ownSchema, type RecipeOptions, serviceUrl } from './options.ts';
import { readRecipe } from './read-recipe.ts';
import type { Recipe } from './recipe.ts';
import { askedOf, hostKeyOf, keyOf, type PageRecord, pageRecord } from './record.ts';
import { askService } from './remote.ts';
import { type Imported, type TableSteps, tableOfOptions, tableSteps } from './table.ts';

export type { Duration } from './duration.ts';
export { type Found, findRecipe } from './extract.ts';
export type { Section } from './instructions.ts';
export type { RecipeOptions } from './options.ts';
export type { Recipe } from './recipe.ts';
export type { PageRecord } from './record.ts';
export { type Imported, recipeTable } from './table.ts';
export { normaliseUrl } from './url.ts';

export interface RecipesJob {
  /** Name of the job; `recipes` by default. */
  name?: string;
  /** Hosts that may be called though their addresses are not public, such as 'intranet.example.org'. */
  allowHosts?: readonly string[];
  /** Where recipes are written to and looked up: `uniqueTable({ ...recipeTable, url })` of `sluice/sinks`. */
  table?: UniqueTable<Imported>;
  /** An extraction service that reads the pages: the base of its API, and the name of a secret that is sent as bearer token. */
  service?: { url: string; token?: string };
  /** Names of secrets that the table's URL needs. */
  secrets?: readonly string[];
}

/**
 * The recipes job with its table inside, for a job file of your own: the only way on AWS. It takes the options `rate` and `stall`.
 *
 * @example
 * export default recipesJob({ name: 'cookbook' });
 */
export function recipesJob(given: RecipesJob = {}): RecipesJobOf {
  const { name = 'recipes', allowHosts, table, service, secrets = [] } = given;
  const base = service === undefined ? undefined : serviceUrl(service.url);
  const token = service?.token;
  return jobOf({
    name,
    options: ownSchema,
    allowOf: () => allowHosts,
    serviceOf: () => base,
    token,
    table: table === undefined ? undefined : tableSteps(table),
    secrets: token === undefined ? secrets : [...secrets, token],
  });
}

/**
 * Recipes of pages, one page a record: {url} is fetched, {url, html} and {url, file} are there already. The value is
 * the recipe in one form.
 *
 * Options: `rate` (calls a minute to one host, default 60), `pages` (folder of saved pages, default the working
 * folder), `allow` (hosts that may be called though their addresses are not public), `service` (base of an extraction
 * service, which then reads the pages), `stall` (its silence after which a page is stalled, default 15m), `sink` (sqlite:<path> or postgres://...: the table of recipes, by which a page
 * that is known is skipped as duplicate).
 */
// Pure: a job file that imports only `recipesJob` must not carry this one's database clients.
export default /* @__PURE__ */ jobOf({
  name: 'recipes',
  options: optionsSchema,
  allowOf: ({ allow }) => allow,
  serviceOf: ({ service }) => service,
  table: /* @__PURE__ */ tableOfOptions(),
  secrets: [],
});

type Context = JobContext<RecipeOptions>;
type RecipesJobOf = Job<PageRecord, Recipe, RecipeOptions>;

interface Parts {
  name: string;
  options: NonNullable<JobDefinition<PageRecord, Recipe, RecipeOptions>['options']>;
  allowOf(options: RecipeOptions): readonly string[] | undefined;
  serviceOf(options: RecipeOptions): string | undefined;
  /** Name of the secret that the service is sent. */
  token?: string | undefined;
  table: TableSteps | undefined;
  secrets: readonly string[];
}

type Extract = (record: PageRecord, context: Context) => Promise<Recipe>;

async function readHere(record: PageRecord, context: Context): Promise<Recipe> {
  const page = await loadPage(record, { context, folder: context.options.pages });
  const { recipe, count } = readRecipe(page);
  if (count > 1) context.log.info('the page holds several recipes', { count, taken: recipe.title });
  return recipe;
}

/** The service fetches the page itself, unless the record has its text. */
function readThere(record: PageRecord, context: Context): Promise<Recipe> {
  const { url, html, file } = record;
  const page = async () => {
    if (html === undefined && file === undefined) return { url };
    return { url, html: (await loadPage(record, { context, folder: context.options.pages })).html };
  };
  return askService(new URL(url), page, { context, stallAfter: context.options.stall });
}

function httpOf({ allowOf, serviceOf, token }: Parts, options: RecipeOptions): HttpSettings {
  const service = serviceOf(options);
  if (service !== undefined) {
    return {
      baseUrl: service,
      quota: false,
      ...(token === undefined
        ? {}
        : { headers: (secret) => ({ authorization: `Bearer ${secret(token)}` }) }),
      maxBytes: MAX_PAGE_BYTES,
    };
  }
  const allowHosts = allowOf(options);
  // The item's own tries are all there are.
  const guarded = { guard: true, maxBytes: MAX_PAGE_BYTES, tries: 1 };
  return allowHosts === undefined ? guarded : { ...guarded, allowHosts };
}

function jobOf(parts: Parts): RecipesJobOf {
  const { name, options, serviceOf, table, secrets } = parts;
  const extract: Extract = (record, context) =>
    serviceOf(context.options) === undefined
      ? readHere(record, context)
      : readThere(record, context);
  const common = {
    name,
    input: ndjson(pageRecord),
    key: keyOf,
    options,
    ...(secrets.length === 0 ? {} : { secrets }),
    // A page takes a second, so a chunk is a handful of seconds; slots of the quota only for pages that are fetched.
    limits: {
      concurrency: 8,
      workers: 4,
      chunk: 20,
      itemTimeout: '60s',
      callsPerItem: 0,
      maxRecordBytes: MAX_PAGE_BYTES + 1024 * 1024,
    },
    quotas: (given: RecipeOptions): Record<string, QuotaDefinition<PageRecord>> =>
      serviceOf(given) === undefined
        ? { 'recipe-host': { calls: given.rate, per: '1m', key: hostKeyOf } }
        : {},
    http: (given: RecipeOptions) => httpOf(parts, given),
    retry: { tries: 3, base: '500ms' },
  };
  if (table === undefined) {
    return defineJob({
      ...common,
      process: async (row, context) => ok(await extract(row, context)),
    });
  }
  return defineJob<PageRecord, PageRecord, Imported, Imported, Recipe, RecipeOptions>({
    ...common,
    steps: [
      table.unseen,
      async (row, context): Promise<Result<Imported>> =>
        ok({ asked: askedOf(row), recipe: await extract(row, context) }),
      table.sink,
      // The outcome is the same with and without a table.
      ({ recipe }) => ok(recipe),
    ],
  });
}

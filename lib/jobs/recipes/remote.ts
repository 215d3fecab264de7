import { type JobContext, PermanentError } from '../../index.ts';
import { findRecipe } from './extract.ts';
import { isObject, said } from './json.ts';
import { requireWhole } from './read-recipe.ts';
import type { Recipe } from './recipe.ts';

/** What an extraction service says of its work (docs/jobs/recipes.md has the whole protocol). */
export interface ServiceJob {
  id: string;
  state: 'queued' | 'running' | 'done' | 'failed';
  /** Anything that changes while it works. */
  progress?: unknown;
  /** A schema.org Recipe, once it is done. */
  recipe?: unknown;
  error?: { code?: unknown; message?: unknown; retryable?: unknown };
}

/** How work ended: with a recipe, or with a fault of the service. */
export type ServiceEnd = { recipe: unknown } | { failed: string; code: string; retryable: boolean };

/** Work that crashed on the service is given to it so often in all; it is a job of minutes. */
const MAX_SUBMITS = 3;

/**
 * A service whose slots are full answers 429 for minutes. With so many tries the item's time is over before they
 * are, where the service asks for 3 s or more each time; then the item is put back, and fails no more for it.
 */
const SUBMIT_TRIES = 20;

/**
 * The recipe of a page, by a service that takes minutes.
 * @param page what is submitted; made only when it is
 * @throws PermanentError `SERVICE_FAILED` or the service's own code, `SERVICE_CRASHED`, `BAD_RESPONSE`, and as `readRecipe`
 */
export async function askService(
  address: URL,
  page: () => Promise<{ url: string; html?: string | undefined }>,
  { context, stallAfter }: { context: Pick<JobContext, 'http' | 'poll'>; stallAfter: string },
): Promise<Recipe> {
  const { http } = context;
  const submit = async ({ idempotencyKey }: { idempotencyKey: string }): Promise<string> =>
    idOf(await http.postJson('/jobs', await page(), { idempotencyKey, tries: SUBMIT_TRIES }));
  const check = async (id: string) =>
    stateOf(await http.getJson(`/jobs/${encodeURIComponent(id)}`));
  for (let submits = 1; ; submits++) {
    // Each has a key of its own: what crashed is not what is asked for again.
    const end = await context.poll<ServiceEnd>(submit, check, { stallAfter });
    if ('recipe' in end) return serviceRecipe(end.recipe, address);
    if (!end.retryable) throw new PermanentError(end.failed, { code: end.code });
    if (submits < MAX_SUBMITS) continue;
    throw new PermanentError(`${end.failed} It was submitted ${submits} times.`, {
      code: 'SERVICE_CRASHED',
    });
  }
}

function idOf(answer: unknown): string {
  const id = isObject(answer) ? answer['id'] : undefined;
  if (typeof id === 'string' && id !== '' && id.length <= 256) return id;
  throw badAnswer('POST /jobs', answer);
}

/** What `ctx.poll` makes of an answer; undefined stands for 404. Throws PermanentError `BAD_RESPONSE`. */
export function stateOf(answer: unknown): { done: ServiceEnd } | { progress: unknown } {
  if (answer === undefined) {
    const failed = 'The service knows nothing of the work any more.';
    return { done: { failed, code: 'SERVICE_LOST', retryable: true } };
  }
  const { state, progress, recipe, error } = (
    isObject(answer) ? answer : {}
  ) as Partial<ServiceJob>;
  if (state === 'queued' || state === 'running') return { progress: [state, progress] };
  if (state === 'done' && isObject(recipe)) return { done: { recipe } };
  if (state !== 'failed') throw badAnswer('GET /jobs/<id>', answer);
  const code = typeof error?.code === 'string' ? error.code : 'SERVICE_FAILED';
  const why = typeof error?.message === 'string' ? error.message.slice(0, 300) : code;
  const failed = `The service could not read the page: ${why.replace(/\.$/, '')}.`;
  return { done: { failed, code, retryable: error?.retryable === true } };
}

const badAnswer = (call: string, answer: unknown): PermanentError =>
  new PermanentError(
    `The service answered ${call} with ${said(answer)}: see docs/jobs/recipes.md.`,
    {
      code: 'BAD_RESPONSE',
    },
  );

/** The recipe in the one form; what type the service calls it does not matter. */
export function serviceRecipe(value: unknown, address: URL): Recipe {
  const text = JSON.stringify({ ...(value as object), '@type': 'Recipe' });
  const found = findRecipe(text, address);
  if (found === undefined) throw badAnswer('GET /jobs/<id>', value);
  requireWhole(found.recipe);
  return found.recipe;
}

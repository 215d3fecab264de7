import { type ItemError, toItemError } from './errors.ts';
import type { JobContext } from './job.ts';
import type { Result } from './outcome.ts';
import type { Stage, StageParts } from './stage.ts';

/** All rows of one key. */
export interface Group<R = unknown> {
  readonly key: string;
  /** Rows of the group. */
  readonly size: number;
  /** In input order, a few at a time; each loop over it begins anew. */
  readonly rows: AsyncIterable<R>;
  /**
   * All rows at once. Throws where there are more than `max` (10,000): go through `rows` instead, or name a larger
   * `max` if so many fit in memory.
   */
  list(max?: number): Promise<R[]>;
}

/** What `process` of a groupBy stage gets beside the group: how many groups stand before it is not known yet. */
export type GroupByContext<O = Record<string, unknown>> = Omit<JobContext<O>, 'index'>;

export interface GroupByDefinition<A, B, O> extends StageParts {
  /** Which group a row belongs to: 1 to 1,024 bytes of UTF-8. It must depend on the row alone. */
  key(row: A): string;
  process(group: Group<A>, context: GroupByContext<O>): Result<B> | Promise<Result<B>>;
}

/**
 * A stage that works the rows of each key together, once the stage before it has ended. One item is one group; groups
 * come in the order of the SHA-256 of their keys. A row without a fit key fails the item that gave it (`bad-key`).
 *
 * @example
 * groupBy({ name: 'artists', key: (track: Track) => track.artist, process: ({ key, size }) => ok({ key, size }) })
 */
export function groupBy<A, B, O = Record<string, unknown>>(
  definition: GroupByDefinition<A, B, O>,
): Stage<A, B, O> {
  const { process, key, ...rest } = definition;
  return {
    ...rest,
    key: key?.bind(definition),
    group: process?.bind(definition),
    sluice: 'groupBy/1',
  } as Stage<A, B, O>;
}

/** An outcome line, an index and a message hold it whole. */
const MAX_KEY_BYTES = 1024;

export const DEFAULT_LIST = 10_000;

/** The group of a row; an error with code `bad-key` where it has none. */
export function groupKey(
  stage: Pick<Stage, 'name' | 'key'>,
  row: unknown,
): { key: string } | { error: ItemError } {
  let key: unknown;
  try {
    key = stage.key?.(row);
  } catch (thrown) {
    return badKey(stage, `it threw: ${toItemError(thrown).message}`);
  }
  if (typeof key !== 'string') return badKey(stage, `got ${key === null ? 'null' : typeof key}`);
  if (key === '') return badKey(stage, 'got an empty string');
  // No character has more than three bytes a UTF-16 unit.
  const bytes = 3 * key.length <= MAX_KEY_BYTES ? 0 : Buffer.byteLength(key);
  return bytes > MAX_KEY_BYTES ? badKey(stage, `got ${bytes} bytes`) : { key };
}

const badKey = ({ name }: Pick<Stage, 'name'>, got: string): { error: ItemError } => ({
  error: {
    kind: 'invalid',
    code: 'bad-key',
    message: `key(row) of groupBy '${name}' must give a string of 1 to ${MAX_KEY_BYTES} UTF-8 bytes; ${got}.`,
  },
});

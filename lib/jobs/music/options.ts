import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as z from 'zod/mini';
import type { JobDefinition } from '../../index.ts';
import { sinkOption } from '../../sinks/table-sink.ts';
import type { ListedFile } from './read-file.ts';

/** What a batch keeps of its options. */
export type MusicOptions = {
  /** sqlite:<path> or postgres://...; absent for none. */
  sink?: string;
  /** Path of the cache of tags; absent for none. */
  cache?: string;
};

const DEFAULT_SINK = 'sqlite:music.db';
const DEFAULT_CACHE = 'music-cache.db';

const shape = z.strictObject(
  {
    sink: z._default(z.string(), DEFAULT_SINK),
    cache: z._default(z.string(), DEFAULT_CACHE),
  },
  {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `the music job has no option ${issue.keys.join(', ')}: it has sink and cache.`
        : undefined,
  },
);

type Schema = NonNullable<JobDefinition<ListedFile, unknown, MusicOptions>['options']>;
type Checked = Awaited<ReturnType<Schema['~standard']['validate']>>;

/**
 * Options of the built-in job: `sink` (sqlite:music.db; postgres://..., or none) and `cache` (music-cache.db, or none). On AWS
 * both are none: a function has no lasting disk, and whoever uploads may not choose a database.
 */
export const optionsSchema: Schema = {
  '~standard': { version: 1, vendor: 'sluice', validate: checkOptions },
};

function checkOptions(given: unknown): Checked {
  if (process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined) return checkInTheCloud(given);
  const checked = z.safeParse(shape, given);
  if (!checked.success) return { issues: checked.error.issues };
  const { sink, cache } = checked.data;
  const value: MusicOptions = {};
  let checking = 'sink';
  try {
    if (sink !== 'none') value.sink = sinkOption(sink);
    checking = 'cache';
    if (cache !== 'none') value.cache = cacheFile(cache);
    return { value };
  } catch (error) {
    return { issues: [{ path: [checking], message: (error as Error).message }] };
  }
}

/** By its absolute path, so that a resume from elsewhere goes on with the same. */
function cacheFile(text: string): string {
  const path = resolve(text);
  if (text !== '' && existsSync(dirname(path))) return path;
  throw new Error(
    `must be the path of a file in a folder that is there, or none; got ${JSON.stringify(text)}.`,
  );
}

function checkInTheCloud(given: unknown): Checked {
  const named = Object.entries(given as Record<string, unknown>).find(
    ([, value]) => value !== undefined && value !== 'none',
  );
  if (named === undefined) return { value: {} };
  const message =
    'in the cloud it is part of the job, since whoever uploads may not choose it. Bundle it with a job file of your own, ' +
    'export default musicJob({ ... }), and deploy that.';
  return { issues: [{ path: [named[0]], message }] };
}

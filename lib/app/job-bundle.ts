import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { BuildOptions, Metafile } from 'esbuild';
import { SluiceError } from '../core/errors.ts';

/** Jobs that come with Sluice, by name. */
const BUILT_IN: Readonly<Record<string, string>> = {
  odds: 'jobs/odds.js',
  'odds-markets': 'jobs/odds-markets.js',
  assessment: 'jobs/assessment.js',
  companies: 'jobs/companies.js',
  recipes: 'jobs/recipes.js',
  music: 'jobs/music.js',
};

export const builtInJobs = (): string[] => Object.keys(BUILT_IN);

export const isBuiltIn = (reference: string): boolean => Object.hasOwn(BUILT_IN, reference);

const here = createRequire(import.meta.url);

/** dist/ of this package, wherever this code was bundled to. */
export const distFolder = (): string => dirname(dirname(here.resolve('#thread')));

/**
 * Bundled CommonJS packages call `require`, which an ES module does not have. `var`, since a batch's own job.mjs has it
 * already and may be run again.
 */
const BANNER = "var require = process.getBuiltinModule('module').createRequire(import.meta.url);";

function entryOf(reference: string): string {
  if (isBuiltIn(reference)) return join(distFolder(), BUILT_IN[reference] as string);
  const path = resolve(reference);
  if (existsSync(path) && /\.[cm]?[jt]s$/.test(path)) return path;
  const known = `Built-in jobs: ${builtInJobs().join(', ')}.`;
  if (/[./\\]/.test(reference)) {
    throw new SluiceError('NOT_FOUND', `There is no job file ${reference}.`, {
      hint: `Give the path of a .ts or .js file whose default export is defineJob({...}). ${known}`,
    });
  }
  throw new SluiceError('NOT_FOUND', `There is no job named ${reference}.`, {
    hint: `${known} A job of your own is given by its path, such as ./${reference}.ts.`,
  });
}

/**
 * What decodes Parquet. Every job could: it is in what the readers import, and esbuild reads 45 files of it (50 ms of CPU)
 * to leave them all out of a job that has another reader.
 */
const DECODERS = ['hyparquet', 'hyparquet-compressors'];

/**
 * One file of a job, built in (by name) or the user's (by path: .ts, .js, .mjs), and all it imports.
 * Whitespace and syntax are minified, because otherwise the bundle holds paths and its digest differs by folder.
 */
export async function bundleJobBytes(reference: string): Promise<Uint8Array> {
  const options = optionsFor(entryOf(reference));
  // Only here: a built-in job is bundled when Sluice is built, and starts without a second process.
  // `import` would look for its exports' names first: 45 ms of CPU, where `require` takes 13.
  const { build } = here('esbuild') as typeof import('esbuild');
  try {
    const without = await build({ ...options, external: DECODERS, metafile: true });
    const { outputFiles } = needsDecoders(without.metafile) ? await build(options) : without;
    return (outputFiles[0] as { contents: Uint8Array }).contents;
  } catch (error) {
    throw new SluiceError(
      'BAD_JOB',
      `Job ${reference} cannot be bundled: ${(error as Error).message}`,
      {
        hint: 'Mend the job file; nothing was started.',
        cause: error,
      },
    );
  }
}

const optionsFor = (entry: string) =>
  ({
    // By default where esbuild was loaded, and it finds nothing once that folder is gone.
    absWorkingDir: process.cwd(),
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifyWhitespace: true,
    minifySyntax: true,
    alias: {
      'sluice/jobs/assessment': join(distFolder(), 'jobs/assessment.js'),
      'sluice/jobs/companies': join(distFolder(), 'jobs/companies.js'),
      'sluice/jobs/odds-markets': join(distFolder(), 'jobs/odds-markets.js'),
      'sluice/jobs/recipes': join(distFolder(), 'jobs/recipes.js'),
      'sluice/jobs/music': join(distFolder(), 'jobs/music.js'),
      'sluice/sinks': join(distFolder(), 'sinks.js'),
      sluice: join(distFolder(), 'index.js'),
    },
    nodePaths: [nodeModules()],
    banner: { js: BANNER },
    logLevel: 'silent',
  }) satisfies BuildOptions;

/** Whether what is left of the job still imports one of them, or a file of one. */
const needsDecoders = ({ outputs }: Metafile): boolean =>
  Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .some(({ path }) => DECODERS.includes(path.split('/')[0] as string));

/** Where this package's own dependencies lie, so that a job anywhere resolves zod. */
function nodeModules(): string {
  const zod = here.resolve('zod');
  return zod.slice(0, zod.lastIndexOf('node_modules') + 'node_modules'.length);
}

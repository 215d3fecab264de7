import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { SluiceError } from '../core/errors.ts';

/** Jobs that come with Sluice, by name. */
const BUILT_IN: Readonly<Record<string, string>> = {
  odds: 'jobs/odds.js',
  assessment: 'jobs/assessment.js',
};

export const builtInJobs = (): string[] => Object.keys(BUILT_IN);

/** A job bundled into one file: what main thread, worker threads and functions all load. */
export interface JobFile {
  /** Where the bundle lies; named by its digest. */
  file: string;
  /** SHA-256 of the bundle. */
  digest: string;
  bytes: Uint8Array;
}

const require = createRequire(import.meta.url);

/** dist/ of this package, wherever this code was bundled to. */
const distFolder = (): string => dirname(dirname(require.resolve('#thread')));

/** Bundled CommonJS packages call `require`, which an ES module does not have. */
const BANNER =
  "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);";

/**
 * Bundles a job, built in (by name) or the user's (by path: .ts, .js, .mjs), into `folder`.
 * Whitespace and syntax are minified, because otherwise the bundle holds paths and its digest differs by folder.
 */
export async function bundleJob(reference: string, folder: string): Promise<JobFile> {
  const entry = entryOf(reference);
  const bytes = await bundle(reference, entry);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const file = join(folder, `${digest.slice(0, 32)}.mjs`);
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true });
    const temporary = `${file}.${process.pid}`;
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  }
  return { file, digest, bytes };
}

function entryOf(reference: string): string {
  const builtIn = Object.hasOwn(BUILT_IN, reference) ? BUILT_IN[reference] : undefined;
  if (builtIn !== undefined) return join(distFolder(), builtIn);
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

async function bundle(reference: string, entry: string): Promise<Uint8Array> {
  try {
    const { outputFiles } = await build({
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
        sluice: join(distFolder(), 'index.js'),
      },
      nodePaths: [nodeModules()],
      banner: { js: BANNER },
      logLevel: 'silent',
    });
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

/** Where this package's own dependencies lie, so that a job anywhere resolves zod. */
function nodeModules(): string {
  const zod = require.resolve('zod');
  return zod.slice(0, zod.lastIndexOf('node_modules') + 'node_modules'.length);
}

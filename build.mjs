// Builds dist/ in about a second: the public entries, the CLI, the CDK app, the files that threads and
// child processes start (Node 20 cannot start them from .ts), and one self-contained file a function.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));

/**
 * What users import. Built-in jobs are shipped as source-shaped modules of their own too: their pure parts are
 * public, and a user's job that imports one is bundled with it.
 */
const library = {
  index: 'lib/index.ts',
  sinks: 'lib/sinks/table-sink.ts',
  'cdk/index': 'cdk/index.ts',
  'cdk/app': 'cdk/app.ts',
  'jobs/odds': 'lib/jobs/odds/job.ts',
  'jobs/odds-markets': 'lib/jobs/odds/markets-job.ts',
  'jobs/assessment': 'lib/jobs/assessment/job.ts',
  'jobs/companies': 'lib/jobs/companies/job.ts',
  'jobs/recipes': 'lib/jobs/recipes/job.ts',
  'jobs/music': 'lib/jobs/music/job.ts',
};

/** What runs batches from code. */
const embedded = {
  local: 'lib/local.ts',
  'app/job-bundle': 'lib/app/job-bundle.ts',
};

/** What is started. */
const programs = {
  'cli/main': 'lib/cli/main.ts',
  'cli/line': 'lib/cli/line.ts',
  'app/thread': 'lib/app/thread.ts',
  'app/serve/child': 'lib/app/serve/child.ts',
  'app/emulate/boot': 'lib/app/emulate/boot.ts',
  'adapters/local/store-thread': 'lib/adapters/local/store-thread.ts',
};

export const FUNCTIONS = ['orchestrator', 'worker', 'sweeper'];

/**
 * Packages that every start of the command line or of a batch loads are bundled with it: 44 files less to find and to compile
 * (a small `run` took 0.58 CPU-s and takes 0.36 with this and with built-in jobs bundled ahead; 200 calls of ctx.http from code took 0.99
 * and take 0.79, with the few parts of undici that they need). All others are loaded where they lie, most of them only when needed.
 */
const INLINED = [
  'commander',
  'log-update',
  'picomatch',
  'pino',
  'rotating-file-stream',
  'tinyglobby',
  'undici',
];

const { dependencies, devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const external = Object.keys({ ...dependencies, ...devDependencies }).filter(
  (name) => !INLINED.includes(name),
);

/** Bundled CommonJS packages call `require`, which an ES module does not have. */
const BANNER =
  "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);";

/** What a function's bundle is made with; tests add a metafile, which must not be in the asset (it changes the hash). */
export const functionBuild = (name) => ({
  absWorkingDir: root,
  entryPoints: [`functions/${name}.ts`],
  outfile: `dist/functions/${name}/index.mjs`,
  bundle: true,
  format: 'esm',
  platform: 'node',
  // One build serves Lambda (nodejs24.x), the emulator and the tests.
  target: 'node20',
  mainFields: ['module', 'main'],
  alias: { '@aws-sdk/credential-provider-node': `${root}lib/app/aws/function-credentials.ts` },
  minify: true,
  banner: { js: BANNER },
  logLevel: 'warning',
});

/** The HTTP client, in a file of its own: only the workers of jobs with `http` have it beside them. */
export const httpBuild = () => ({
  ...functionBuild('worker'),
  entryPoints: ['lib/app/http-client.ts'],
  outfile: 'dist/functions/worker/http.mjs',
});

const modules = (entryPoints, rest) =>
  build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    chunkNames: 'shared/[name]-[hash]',
    logLevel: 'warning',
    ...rest,
  });

export async function buildAll() {
  await Promise.all([
    modules(library, { packages: 'external' }),
    modules(embedded, { external, banner: { js: BANNER } }),
    modules(programs, { external, banner: { js: BANNER } }),
    ...FUNCTIONS.map((name) => build(functionBuild(name))),
    build(httpBuild()),
  ]);
  chmodSync(`${root}dist/cli/main.js`, 0o755);
  await bundleBuiltInJobs();
}

/** Built-in jobs are bundled here, by the code that bundles a user's job: a run then starts without esbuild. */
async function bundleBuiltInJobs() {
  const { builtInJobs, bundleJobBytes } = await import('./dist/app/job-bundle.js');
  mkdirSync(`${root}dist/built-in`, { recursive: true });
  for (const job of builtInJobs()) {
    writeFileSync(`${root}dist/built-in/${job}.mjs`, await bundleJobBytes(job));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(`${root}dist`, { recursive: true, force: true });
  await buildAll();
}

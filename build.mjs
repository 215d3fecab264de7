// Builds dist/ in about a second: the public entries, the CLI, the CDK app, the files that threads and
// child processes start (Node 20 cannot start them from .ts), and one self-contained file a function.
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Built-in jobs are shipped as source-shaped modules of their own: they are bundled at run time like a user's job. */
const entries = {
  index: 'lib/index.ts',
  local: 'lib/local.ts',
  'cli/main': 'lib/cli/main.ts',
  'app/thread': 'lib/app/thread.ts',
  'app/emulate/boot': 'lib/app/emulate/boot.ts',
  'adapters/local/store-thread': 'lib/adapters/local/store-thread.ts',
  'cdk/index': 'cdk/index.ts',
  'cdk/app': 'cdk/app.ts',
  'jobs/odds': 'lib/jobs/odds/job.ts',
  'jobs/assessment': 'lib/jobs/assessment/job.ts',
};

export const FUNCTIONS = ['orchestrator', 'worker', 'sweeper'];

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
  minify: true,
  banner: { js: BANNER },
  logLevel: 'warning',
});

export async function buildAll() {
  const present = Object.entries(entries).filter(([, file]) => existsSync(`${root}${file}`));
  const modules = build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    chunkNames: 'shared/[name]-[hash]',
    logLevel: 'warning',
  });
  const functions = FUNCTIONS.filter((name) => existsSync(`${root}functions/${name}.ts`));
  await Promise.all([modules, ...functions.map((name) => build(functionBuild(name)))]);
  if (existsSync(`${root}dist/cli/main.js`)) chmodSync(`${root}dist/cli/main.js`, 0o755);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(`${root}dist`, { recursive: true, force: true });
  await buildAll();
}

// Builds dist/ in about 0.2 s: the public entries, the CLI, and the two thread entries
// (Node 20 cannot start a worker thread from a .ts file, so threads always run the built file).
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
  'adapters/local/store-thread': 'lib/adapters/local/store-thread.ts',
  'jobs/odds': 'lib/jobs/odds/job.ts',
};

export async function buildAll() {
  const present = Object.entries(entries).filter(([, file]) => existsSync(`${root}${file}`));
  if (present.length === 0) return;
  await build({
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
  if (existsSync(`${root}dist/cli/main.js`)) chmodSync(`${root}dist/cli/main.js`, 0o755);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(`${root}dist`, { recursive: true, force: true });
  await buildAll();
}

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Stands for node:zlib in `lib/`. */
export const SHIM = `${ROOT}test/sim/stored-zlib.ts`;
const DRIVE = `${ROOT}lib/app/drive.ts`;
const INBOX = `${ROOT}lib/app/aws/inbox-event.ts`;
const NEXT_INBOX = `${ROOT}test/sim/next-inbox.ts`;
/** What the next version of Sluice has changed in its door. */
const NEXT_VERSION: Edit = {
  file: 'lib/app/aws/inbox-event.ts',
  find: 'const MESSAGE_VERSION = 1;',
  replace: 'const MESSAGE_VERSION = 2;',
};

/** A planted bug: one change of the source, made while the simulator is bundled. */
export interface Edit {
  /** From the root of the repository. */
  file: string;
  /** Must be there exactly once. */
  find: string;
  replace: string;
}

/** The file's text with the bug in it. Throws when `find` is not there exactly once. */
export function planted(text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1;
  if (times !== 1) {
    throw new Error(`The text to replace is ${times} times in ${file}, not once: ${find}`);
  }
  return text.replace(find, () => replace);
}

/** What a file holds in the simulator: `lib/` as it is, but for timers, planted bugs and the next version's door. */
export async function simulatedSource(path: string, edits: readonly Edit[] = []): Promise<string> {
  const source = path === NEXT_INBOX ? INBOX : path;
  let contents = await readFile(source, 'utf8');
  for (const edit of edits) {
    if (source === `${ROOT}${edit.file}`) contents = planted(contents, edit);
  }
  if (path === NEXT_INBOX) return planted(contents, NEXT_VERSION);
  if (path !== DRIVE) return contents;
  return `import { clearInterval, setInterval } from '../../test/sim/timers.ts';\n${contents}`;
}

const engineFiles = (edits: readonly Edit[]): Plugin => ({
  name: 'simulated engine',
  setup(build) {
    build.onResolve({ filter: /^node:zlib$/ }, ({ importer }) =>
      importer.startsWith(`${ROOT}lib/`) ? { path: SHIM } : undefined,
    );
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      contents: await simulatedSource(path, edits),
      loader: 'ts',
    }));
  },
});

/** Bundles the simulator and the engine that it drives into one file. */
export async function bundleSim(outfile: string, edits: readonly Edit[] = []): Promise<void> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/sim/worker.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
    metafile: true,
    plugins: [engineFiles(edits)],
  });
  const inputs = Object.keys(result.metafile.inputs);
  for (const { file } of edits) {
    if (!inputs.includes(file)) throw new Error(`${file} is no part of the simulated engine.`);
  }
}

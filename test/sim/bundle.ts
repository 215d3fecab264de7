import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHIM = `${ROOT}test/sim/stored-zlib.ts`;
const DRIVE = `${ROOT}lib/app/drive.ts`;

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

const engineFiles = (edits: readonly Edit[]): Plugin => ({
  name: 'simulated engine',
  setup(build) {
    build.onResolve({ filter: /^node:zlib$/ }, ({ importer }) =>
      importer.startsWith(`${ROOT}lib/`) ? { path: SHIM } : undefined,
    );
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      let contents = await readFile(path, 'utf8');
      for (const edit of edits) {
        if (path === `${ROOT}${edit.file}`) contents = planted(contents, edit);
      }
      if (path === DRIVE) {
        contents = `import { clearInterval, setInterval } from '../../test/sim/timers.ts';\n${contents}`;
      }
      return { contents, loader: 'ts' };
    });
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

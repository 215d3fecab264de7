import { existsSync, statSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { SluiceError } from '../core/errors.ts';
import { rootPin } from './root-pin.ts';
import type { ResolvedInput } from './sources.ts';

/** Roots of a walk at most: they are one list, which every planner reads. */
const MAX_ROOTS = 10_000;

/**
 * Folders that a walk begins at, and files named by themselves; a pattern stands for what it matches, by path. They
 * are pinned by their paths alone: what lies below them is pinned when it is listed.
 */
export async function resolveRoots(inputs: readonly string[]): Promise<ResolvedInput> {
  const roots: string[] = [];
  for (const input of inputs) for (const path of await rootsOf(input)) roots.push(resolve(path));
  if (roots.length === 0) {
    throw new SluiceError('USAGE', 'No folder was given.', {
      hint: 'Name one or more folders: the job finds its files below them.',
    });
  }
  if (roots.length > MAX_ROOTS) {
    throw new SluiceError('USAGE', `${roots.length} folders were given; ${MAX_ROOTS} may be.`, {
      hint: 'Name the folder that holds them, and say by include which of them are wanted.',
    });
  }
  refuseNested(roots);
  for (const root of roots) await refuseUnreadable(root);
  const name = inputs.length === 1 ? basename(roots[0] as string) : `${roots.length} folders`;
  return { name, sources: roots.map((root) => rootPin(root)) };
}

async function rootsOf(input: string): Promise<string[]> {
  if (input === '-' || input.startsWith('s3://')) {
    const what = input === '-' ? 'standard input' : input;
    throw new SluiceError('USAGE', `The job finds its files in folders; got ${what}.`, {
      hint:
        input === '-'
          ? 'Name one or more folders.'
          : 'A prefix is given to a stack: sluice submit <job> s3://<UploadBucket>/data/... --stack <name>.',
    });
  }
  if (existsSync(input)) return [input];
  if (isDynamicPattern(input)) {
    const found = await glob(input, { onlyFiles: false, expandDirectories: false, dot: false });
    if (found.length > 0) return found.sort();
  }
  throw new SluiceError('NOT_FOUND', `There is no folder ${input}.`, { hint: 'Check the path.' });
}

/** Each file is listed once. */
function refuseNested(roots: readonly string[]): void {
  const all = new Set<string>();
  for (const root of roots) {
    if (all.has(root)) throw twice(root, root);
    all.add(root);
  }
  for (const root of roots) {
    for (let at = root.lastIndexOf(sep); at >= 0; at = root.lastIndexOf(sep, at - 1)) {
      const above = root.slice(0, at) || sep;
      if (above !== root && all.has(above)) throw twice(root, above);
      if (at === 0) break;
    }
  }
}

const twice = (root: string, above: string): SluiceError =>
  new SluiceError(
    'USAGE',
    root === above ? `${root} is given twice.` : `${root} lies in ${above}, which is given too.`,
    { hint: 'Its files would be worked twice: leave one of them out.' },
  );

async function refuseUnreadable(root: string): Promise<void> {
  if (!statSync(root).isDirectory()) return;
  try {
    await (await opendir(root)).close();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new SluiceError('BAD_INPUT', `${root} cannot be read (${code}).`, {
      hint: 'Check its rights; nothing was started.',
      cause,
    });
  }
}

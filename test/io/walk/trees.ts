import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WalkOptions } from '../../../lib/core/discovery.ts';
import { walkFolders } from '../../../lib/io/walk/walk-folders.ts';
import type { WalkPlace, WalkStep } from '../../../lib/io/walk/walk-input.ts';

export const ALL: WalkOptions = {
  include: [],
  exclude: [],
  dot: false,
  ignoreCase: false,
  followLinks: true,
};

/** A folder for one test, removed behind it. */
export async function inFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-walk-'));
  try {
    return await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes files; one whose name ends with `/` is a folder. A name that is taken by the other kind is left out. */
export function makeFiles(root: string, paths: Iterable<string>): void {
  for (const path of paths) {
    const at = path.lastIndexOf('/');
    try {
      mkdirSync(join(root, path.slice(0, at + 1)), { recursive: true });
      if (at < path.length - 1) writeFileSync(join(root, path), path);
    } catch {
      // A file where a folder is wanted, or the other way round.
    }
  }
}

export async function stepsOf(
  roots: readonly string[],
  options: Partial<WalkOptions> = {},
  {
    after,
    files = 1000,
    entries = 100_000,
  }: { after?: WalkPlace; files?: number; entries?: number } = {},
): Promise<WalkStep[]> {
  const steps: WalkStep[] = [];
  const sizes = { files, entries };
  for await (const step of walkFolders({ roots, options: { ...ALL, ...options }, after, sizes })) {
    steps.push(step);
  }
  return steps;
}

/** Paths of the files, and of what cannot be walked its code. */
export const foundIn = (steps: readonly WalkStep[]): string[] =>
  steps.flatMap(({ item: { files = [], problem } }) =>
    problem === undefined
      ? files.flatMap(([folder, names]) => names.map((name) => `${folder}/${name}`))
      : [`${problem.code} ${problem.path}`],
  );

/** The same by one plain pass, all paths sorted by their bytes at the end. Follows no links. */
export function plainWalk(root: string, wanted: (path: string) => boolean = () => true): string[] {
  const paths: string[] = [];
  const visit = (below: string): void => {
    for (const name of readdirSync(join(root, below))) {
      const path = `${below}${name}`;
      if (statSync(join(root, path)).isDirectory()) visit(`${path}/`);
      else if (wanted(path)) paths.push(path);
    }
  };
  visit('');
  return paths
    .map((path) => ({ path, bytes: Buffer.from(path) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ path }) => `${root}/${path}`);
}

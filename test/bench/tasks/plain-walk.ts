import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from '../child.ts';

/** One synchronous pass that keeps nothing: the least that a walk with the facts of each file can take. */
export async function plainWalkTask({ folder }: { folder: string }): Promise<Figures> {
  let files = 0;
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) visit(below);
      else if (statSync(below).isFile()) files += 1;
    }
  };
  visit(folder);
  return { files };
}

import type { BoundSource } from './source.ts';

/**
 * Short names that tell the sources of an input apart: their paths below the folder that all of them share,
 * the same for files and for objects.
 */
export function namesOf(sources: readonly BoundSource[]): string[] {
  const paths = sources.map(({ pin }) => pin.name.replaceAll('\\', '/').split('/'));
  const [one = []] = paths;
  let shared = one.length - 1;
  for (const path of paths) {
    const differs = path.findIndex((part, at) => part !== one[at]);
    shared = Math.min(shared, path.length - 1, differs < 0 ? shared : differs);
  }
  return paths.map((path) => path.slice(shared).join('/'));
}

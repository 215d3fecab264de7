import picomatch from 'picomatch';
import type { WalkOptions } from '../../core/discovery.ts';

/** Says by its path below the root what of a tree is walked. */
export interface Matcher {
  file(path: string): boolean;
  /** Whether a folder is entered. */
  folder(path: string): boolean;
}

export function newMatcher({
  include,
  exclude,
  dot,
  ignoreCase,
}: Omit<WalkOptions, 'followLinks'>): Matcher {
  const options = { dot, nocase: ignoreCase };
  const wanted = picomatch([...include], options);
  // What is excluded is so whatever its name begins with.
  const unwanted =
    exclude.length === 0 ? () => false : picomatch([...exclude], { ...options, dot: true });
  const bases = include.map((pattern) => caseOf(baseOf(pattern), ignoreCase));
  const seen = (path: string): boolean => dot || path[path.lastIndexOf('/') + 1] !== '.';
  const leadsOn = (path: string): boolean =>
    // A dot that a pattern names is meant.
    bases.length === 0
      ? seen(path)
      : bases.some((base) => `${base}/`.startsWith(`${path}/`)) ||
        (seen(path) && bases.some((base) => base === '' || path.startsWith(`${base}/`)));
  return {
    file: (path) => (include.length > 0 ? wanted(path) : seen(path)) && !unwanted(path),
    folder: (path) => leadsOn(caseOf(path, ignoreCase)) && !unwanted(path),
  };
}

const caseOf = (path: string, ignoreCase: boolean): string =>
  ignoreCase ? path.toLowerCase() : path;

/** The folder in which all that matches lies: no other one leads to a file that is wanted. */
const baseOf = (pattern: string): string =>
  pattern.includes('\\') ? '' : picomatch.scan(pattern).base;

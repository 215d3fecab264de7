import type { FoundFile, WalkItem, WalkOptions } from '../core/discovery.ts';
import { SluiceError } from '../core/errors.ts';
import type { Reader } from '../core/reader.ts';
import { each, type StageLimits } from '../core/stage.ts';
import { factsOf, lookAt } from './walk/look-at.ts';

export interface FilesOptions {
  /** Patterns (picomatch) of which one must match the path below the root: `['**' + '/*.mp3']`. Default: every file. */
  include?: string | readonly string[];
  /** Patterns of which none may match. A folder that one matches is not entered. */
  exclude?: string | readonly string[];
  /** Also files and folders whose name begins with a dot. Default false. */
  dot?: boolean;
  /** Patterns match whatever the case. Default false. */
  ignoreCase?: boolean;
  /** Symbolic links are what they lead to; one that leads back to a folder above it is reported. Default true. */
  followLinks?: boolean;
  /** Of the stage that finds the files, which is named `discover`. Its items are 1,000 files each. */
  limits?: StageLimits;
}

const FLAGS = ['dot', 'ignoreCase', 'followLinks'] as const;
const KNOWN = new Set<string>(['include', 'exclude', 'limits', ...FLAGS]);

/**
 * The files below folders, or the objects below prefixes of S3: the job's items, found by a first stage named
 * `discover` while the stages behind it work already. An item is a `FoundFile`: its path, and the size and time (of
 * an object also the ETag) that it had when it was listed, once.
 *
 * Files come by the bytes of their path below the root, whatever found them first. What cannot be read (a folder, a
 * name that is not UTF-8, a link that leads in a circle) is a failed item with its path.
 *
 * @throws SluiceError `USAGE` for an option that is not one of these, or a pattern that cannot match
 *
 * @example
 * export default defineJob(
 *   { name: 'scan', input: files({ include: ['*.wav', 'music/**'], exclude: ['**' + '/.cache'] }) },
 *   each({ name: 'extract', process: async ({ path }) => ok(await readTags(path)) }),
 * );
 */
export function files(options: FilesOptions = {}): Reader<FoundFile> {
  const walk = walkOptions(options);
  return {
    format: 'files',
    schema: undefined,
    options: {},
    walk,
    open() {
      throw new SluiceError('STATE', 'files() finds its items; it reads none of them.');
    },
    lookAgain: ({ path }) => factsOf(path),
    discover: each<WalkItem, FoundFile>({
      name: 'discover',
      key: nameOf,
      // The job's own would be those of its slowest stage. More workers look at no file sooner.
      limits: { workers: 4, concurrency: 2, chunk: 1000, itemTimeout: '60s', ...options.limits },
      process: lookAt,
    }),
  };
}

/** A key has 512 characters at most; a path may have 4,096 bytes, and its end tells more. */
const KEY_CHARS = 512;

function nameOf({ files: groups, objects, problem }: WalkItem): string {
  const [folder, names] = groups?.[0] ?? [];
  const first = problem?.path ?? objects?.[0]?.path;
  const name = first ?? (folder === undefined ? '' : `${folder}/${names?.[0] ?? ''}`);
  return name.length <= KEY_CHARS ? name : `…${name.slice(1 - KEY_CHARS)}`;
}

function walkOptions(options: FilesOptions): WalkOptions {
  const unknown = Object.keys(options).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) {
    throw refuse(`has no option ${JSON.stringify(unknown)}`, `It knows ${[...KNOWN].join(', ')}.`);
  }
  for (const name of FLAGS) {
    const value: unknown = options[name] ?? false;
    if (typeof value !== 'boolean') {
      throw refuse(`option ${name} must be true or false; got ${JSON.stringify(value)}`);
    }
  }
  const { dot = false, ignoreCase = false, followLinks = true } = options;
  const include = patternsOf('include', options.include);
  const exclude = patternsOf('exclude', options.exclude);
  return { include, exclude, dot, ignoreCase, followLinks };
}

function patternsOf(option: string, given: unknown): readonly string[] {
  const list: unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
  for (const pattern of list) {
    const why = patternProblem(pattern, option);
    if (why !== undefined) {
      const hint = "They match the path below the root, such as 'a/b.mp3', with / between names.";
      throw refuse(`option ${option} ${why}; got ${JSON.stringify(pattern)}`, hint);
    }
  }
  return list as string[];
}

function patternProblem(pattern: unknown, option: string): string | undefined {
  if (typeof pattern !== 'string' || pattern === '') return 'takes patterns, which are texts';
  if (pattern.startsWith('!') && !pattern.startsWith('!(')) {
    const other = option === 'include' ? 'exclude' : 'include';
    return `takes no pattern that begins with '!': give ${other} the rest of it`;
  }
  if (/^(\.{0,2}\/|[A-Za-z]:)/.test(pattern)) return "takes no pattern that begins with '/' or '.'";
  return undefined;
}

const refuse = (message: string, hint?: string): SluiceError =>
  new SluiceError('USAGE', `files() ${message}.`, hint === undefined ? {} : { hint });

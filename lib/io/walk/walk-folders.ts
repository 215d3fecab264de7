import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { WalkItem, WalkOptions } from '../../core/discovery.ts';
import { SluiceError } from '../../core/errors.ts';
import { type Folder, folderTree } from './folder-tree.ts';
import { newMatcher } from './matcher.ts';
import { textOf } from './names.ts';
import type { Listing } from './read-folder.ts';
import type { WalkPlace, WalkStep } from './walk-input.ts';

/** Files of one item. */
const ITEM_FILES = 1000;
/** Entries that are looked at before an item ends although it holds fewer, or none: a planner that is ended goes on there. */
const ITEM_ENTRIES = 100_000;

/** More than the thread pool's four: those behind wait in its queue, and nothing waits for the walk. */
const FOLDERS_AT_ONCE = 8;

export interface WalkFolders {
  /** Absolute paths: folders, or files that are named by themselves. */
  roots: readonly string[];
  options: WalkOptions;
  /** Where an earlier walk ended. */
  after?: WalkPlace | undefined;
  /** For tests: files and entries of an item. */
  sizes?: Sizes;
}

interface Sizes {
  files: number;
  entries: number;
}

/**
 * The files below the roots, root by root, by the bytes of the path below it: the order in which S3 lists the same
 * names. What the walk gives is a function of the tree alone, wherever it was taken up.
 *
 * @throws SluiceError `BAD_INPUT` for a root that cannot be read
 */
export async function* walkFolders({
  roots,
  options,
  after,
  sizes = { files: ITEM_FILES, entries: ITEM_ENTRIES },
}: WalkFolders): AsyncGenerator<WalkStep> {
  const matcher = newMatcher(options);
  for (let root = after?.root ?? 0; root < roots.length; root += 1) {
    const path = roots[root] as string;
    const from = after?.root === root ? after : undefined;
    if (from?.whole === true && from.path === '') continue;
    if (await isFolder(path)) {
      const { top, close } = folderTree(path, {
        ...{ matcher, followLinks: options.followLinks, foldersAtOnce: FOLDERS_AT_ONCE },
        passed: (listing, place) => doneIn(listing, place, from).folders,
      });
      try {
        yield* walkRoot(top, { root, from, sizes });
      } finally {
        close();
      }
    } else if (matcher.file(basename(path))) {
      const item = { files: [[dirname(path), [basename(path)]] as const] };
      yield { item, entries: 1, place: { root, path: '', whole: true } };
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause as NodeJS.ErrnoException);
  }
}

const unreadable = (path: string, cause: NodeJS.ErrnoException): SluiceError =>
  new SluiceError('BAD_INPUT', `${path} cannot be read (${cause.code ?? cause.message}).`, {
    hint: 'Check the path and its rights, then start a new batch.',
    cause,
  });

interface RootWalk {
  root: number;
  from: WalkPlace | undefined;
  sizes: Sizes;
}

/** A folder that the walk is in: its entries in order, and how far it is through with each kind. */
interface Frame {
  folder: Folder;
  listing: Listing;
  at: { files: number; folders: number; problems: number };
}

async function* walkRoot(top: Folder, { root, from, sizes }: RootWalk): AsyncGenerator<WalkStep> {
  const piece = newPiece(root, sizes);
  const frames: Frame[] = [];
  const open = async (folder: Folder): Promise<readonly WalkStep[]> => {
    const read = await folder.read();
    if ('error' in read) {
      if (folder === top) throw unreadable(folder.path, read.error);
      folder.leave();
      return piece.problem(unreadableFolder(folder, read.error), folder.place);
    }
    frames.push({ folder, listing: read, at: doneIn(read, folder.place, from) });
    const isAbove = from?.path.startsWith(folder.place) === true;
    return isAbove ? [] : piece.scanned(read.scanned, folder.place);
  };
  // No `yield*`: in an async generator it waits for each thing that it passes on, and for the end of what passed none.
  for (const step of await open(top)) yield step;
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const { folder, listing, at } = frame;
    const file = listing.files.at(at.files);
    const below = listing.folders.at(at.folders);
    const problem = listing.problems.at(at.problems);
    const first = firstOf(firstOf(file, below), problem?.name);
    if (first === undefined) {
      folder.leave();
      frames.pop();
    } else if (first === file) {
      at.files += 1;
      const step = piece.file(folder, file);
      if (step !== undefined) yield step;
    } else if (first === below) {
      at.folders += 1;
      for (const step of await open(folder.enter(at.folders - 1))) yield step;
    } else if (problem !== undefined) {
      at.problems += 1;
      const { name, ...why } = problem;
      for (const step of piece.problem(why, folder.place + name)) yield step;
    }
  }
  for (const step of piece.flush()) yield step;
}

const firstOf = (one: string | undefined, other: string | undefined): string | undefined =>
  other === undefined || (one !== undefined && one < other) ? one : other;

const unreadableFolder = (
  { path }: Folder,
  { code = 'ERROR' }: NodeJS.ErrnoException,
): NonNullable<WalkItem['problem']> => ({
  path,
  code: code === 'ENOENT' || code === 'ENOTDIR' ? 'FOLDER_GONE' : 'FOLDER_UNREADABLE',
  message:
    code === 'ENOENT' || code === 'ENOTDIR'
      ? `${path}: the folder was there when the one above it was read, and is gone`
      : `${path}: the folder cannot be read (${code})`,
});

/** Where to begin in a folder of which an earlier walk saw a part. */
function doneIn(
  { files, folders, problems }: Listing,
  place: string,
  from: WalkPlace | undefined,
): Frame['at'] {
  if (from === undefined) return { files: 0, folders: 0, problems: 0 };
  const { path, whole } = from;
  const isDone = (folder: string): boolean => {
    const own = place + folder;
    return own === path ? whole === true : own < path && !path.startsWith(own);
  };
  return {
    files: countWhile(files, (name) => place + name <= path),
    folders: countWhile(folders, isDone),
    problems: countWhile(problems, ({ name }) => place + name <= path),
  };
}

/** How many at the front fit, of a list in which all that fit stand at the front. */
function countWhile<T>(
  list: Pick<readonly T[], 'length' | 'at'>,
  fits: (one: T) => boolean,
): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(list.at(middle) as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The item that is being filled. */
function newPiece(root: number, sizes: Sizes) {
  let groups: [string, string[]][] = [];
  let count = 0;
  let entries = 0;
  let place: WalkPlace = { root, path: '' };
  const take = (): WalkStep => {
    const step = { item: { files: groups }, entries: Math.max(entries, count), place };
    [groups, count, entries] = [[], 0, 0];
    return step;
  };
  const flush = (): WalkStep[] => {
    const steps = count > 0 ? [take()] : [];
    entries = 0;
    return steps;
  };
  return {
    flush,
    file({ path, place: above }: Folder, name: string): WalkStep | undefined {
      let group = groups.at(-1);
      if (group?.[0] !== path) {
        group = [path, []];
        groups.push(group);
      }
      group[1].push(textOf(name) as string);
      count += 1;
      place = { root, path: above + name };
      return count === sizes.files ? take() : undefined;
    },
    problem(problem: NonNullable<WalkItem['problem']>, path: string): WalkStep[] {
      const steps = flush();
      place = { root, path, whole: true };
      return [...steps, { item: { problem }, entries: 1, place }];
    },
    /** Entries of a folder that is entered now. */
    scanned(more: number, path: string): WalkStep[] {
      entries += more;
      if (entries < sizes.entries) return [];
      place = { root, path };
      return [take()];
    },
  };
}

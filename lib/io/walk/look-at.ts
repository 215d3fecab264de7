import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FoundFile, MissedFile, WalkItem } from '../../core/discovery.ts';
import { PermanentError } from '../../core/errors.ts';
import { ok, type Result } from '../../core/outcome.ts';

type Row = FoundFile | MissedFile;

/**
 * Facts that are in memory take a fifth of the time in this very thread that they take through the thread pool (11 and 56 us, on a busy machine); from a disk
 * or a network they take so long that nobody may wait for them here. So a few are asked for here, and all others too as long as
 * that is quick.
 */
const HERE_AT_ONCE = 20;
const QUICK_MS = 10;
/** Where it was slow, so many items go through the pool before a few files are asked for here again. */
const SLOW_ITEMS = 8;
/** The thread pool has four threads; a few more wait in its queue. */
const POOL_AT_ONCE = 16;

let slow = 0;

/** The files of an item with their facts, in order. What became of those that are gone is told by their own outcomes. */
export function lookAt({
  files = [],
  objects,
  problem,
}: WalkItem): Result<FoundFile> | Promise<Result<FoundFile>> {
  if (problem !== undefined) throw new PermanentError(problem.message, { code: problem.code });
  if (objects !== undefined) return ok.many(objects);
  const paths = files.flatMap(([folder, names]) => names.map((name) => below(folder, name)));
  const rows: Row[] = [];
  while (rows.length < paths.length && slow === 0) {
    const from = performance.now();
    for (const path of paths.slice(rows.length, rows.length + HERE_AT_ONCE))
      rows.push(factsHere(path));
    if (performance.now() - from > QUICK_MS) slow = SLOW_ITEMS;
  }
  // What is missing has no facts, and its row goes no further than to an outcome.
  if (rows.length === paths.length) return ok.many(rows as FoundFile[]);
  slow -= 1;
  return lookAtRest(paths, rows);
}

async function lookAtRest(paths: readonly string[], rows: Row[]): Promise<Result<FoundFile>> {
  for (let at = rows.length; at < paths.length; at += POOL_AT_ONCE) {
    rows.push(...(await Promise.all(paths.slice(at, at + POOL_AT_ONCE).map(factsOf))));
  }
  return ok.many(rows as FoundFile[]);
}

/** `/` is the only folder whose path ends with one. */
export const below = (folder: string, name: string): string =>
  folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;

function factsHere(path: string): Row {
  try {
    return rowOf(path, statSync(path));
  } catch (error) {
    return missed(path, error as NodeJS.ErrnoException);
  }
}

/** Facts of a file, or why there are none; asked through the thread pool. */
export const factsOf = (path: string): Promise<Row> =>
  stat(path).then(
    (facts) => rowOf(path, facts),
    (error: NodeJS.ErrnoException) => missed(path, error),
  );

const rowOf = (path: string, facts: Stats): Row =>
  facts.isFile()
    ? { path, size: facts.size, mtime: Math.floor(facts.mtimeMs) }
    : gone(path, 'it is no file any more');

const missed = (path: string, { code = 'ERROR' }: NodeJS.ErrnoException): MissedFile =>
  code === 'ENOENT' || code === 'ENOTDIR'
    ? gone(path, 'it was there when its folder was read, and is gone')
    : {
        path,
        problem: { code: 'FILE_UNREADABLE', message: `${path}: it cannot be looked at (${code})` },
      };

const gone = (path: string, why: string): MissedFile => ({
  path,
  problem: { code: 'FILE_GONE', message: `${path}: ${why}` },
});

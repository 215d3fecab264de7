import { type GroupContext, type GroupStep, inBatches, ok } from '../../index.ts';
import type { FileTags } from './file-tags.ts';
import type { ListedFile } from './read-file.ts';

/** What is kept was read by this reader; another number, and all files are read anew. */
const READER = 1;
const GROUP = 1000;
/** A cache that somebody else holds is not waited for longer than 20 tries take; at their end all threads write at once, each up to a thousand files. */
const TRIES = 20;
const TRIES_AT_END = 500;

/** A file on its way through the stage. */
export interface Listed extends ListedFile {
  /** Its `FileTags` as JSON. */
  known?: string;
  /** Takes what is read of it now. */
  fresh?: FileTags[];
}

type CacheFile = ReturnType<GroupContext['sqlite']>;

/** What a worker holds of the cache. */
interface Cache {
  file: CacheFile;
  /** What was read since it last wrote. */
  fresh: FileTags[];
}

/** Path of the cache of a batch; undefined for none. */
export type CachePath = (options: Record<string, unknown>) => string | undefined;

/**
 * The step before the reading of files. It looks a thousand up by one query, in an SQLite file of this machine: what has the path,
 * the size and the time of change that it had is not read again. And it keeps what was read since it was last called, a worker's last
 * files when that ends: a step of their own behind the reading held each row until a thousand were there. A cache that cannot be
 * used costs time, never an outcome.
 */
export function lookUp(pathOf: CachePath): GroupStep<ListedFile, Listed> {
  const size = (options: Record<string, unknown>): number =>
    pathOf(options) === undefined ? 0 : GROUP;
  return inBatches<ListedFile, Listed>(size, (files, ctx) => {
    const path = pathOf(ctx.options) as string;
    const cache = usable(ctx, () => openCache(ctx, path));
    if (cache === undefined) return files.map((file) => ok(file));
    const { file, fresh } = cache;
    usable(ctx, () => keep(cache));
    // What cannot be kept is read again by another scan.
    fresh.length = 0;
    const known = usable(ctx, () => knownOf(file, files)) ?? [];
    return files.map((listed, at) => {
      const json = known[at];
      return ok(json === undefined ? { ...listed, fresh } : { ...listed, known: json });
    });
  });
}

const openCache = (ctx: GroupContext, path: string): Cache =>
  ctx.shared(
    `music-cache:${path}`,
    () => ({ file: opened(ctx.sqlite(path)), fresh: [] }),
    (cache) => patiently(() => keep(cache), TRIES_AT_END),
  );

function opened(file: CacheFile): CacheFile {
  file.exec(
    `CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
      reader INTEGER NOT NULL, print TEXT NOT NULL, tags TEXT NOT NULL) STRICT, WITHOUT ROWID`,
  );
  return file;
}

/** Undefined where the cache is not to be had: locked for too long, damaged, on a full disk. */
function usable<T>(ctx: GroupContext, act: () => T): T | undefined {
  try {
    return patiently(act);
  } catch (fault) {
    const { code = '', message } = fault as { code?: string; message: string };
    ctx.items[0]?.log.warn('the cache of tags cannot be used', { code, message });
    return undefined;
  }
}

function patiently<T>(act: () => T, most = TRIES): T {
  for (let tries = 1; ; tries++) {
    try {
      return act();
    } catch (fault) {
      const { code = '' } = fault as { code?: string };
      if (!/^SQLITE_(BUSY|LOCKED)/.test(code) || tries === most) throw fault;
      // Another thread commits: a millisecond or two.
      pause();
    }
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
/** Holds a thread that has nothing else to do. */
const pause = (): unknown => Atomics.wait(sleeper, 0, 0, 2);

/** `<place> <size> <time of change> <print> <tags>` */
const KNOWN = /^(\d+) (\d+) (-?\d+) (\S+) /;

/**
 * What is known of each file, as JSON. A row is one text, and its tags are not parsed: a thousand by columns took 10.1 us of CPU a file, so they
 * take 5.2 (quiet machine), and what came as JSON is stored as it came.
 */
function knownOf(cache: CacheFile, files: readonly ListedFile[]): (string | undefined)[] {
  const rows = cache
    .prepare(
      `SELECT asked.key || ' ' || size || ' ' || mtime || ' ' || print || ' ' || tags
       FROM json_each(?) AS asked CROSS JOIN files ON files.path = asked.value WHERE reader = ?`,
    )
    .all(JSON.stringify(files.map(({ path }) => path)), READER);
  const known = new Array<string | undefined>(files.length);
  for (const [row] of rows as [string][]) {
    const [head, at, size, mtime, print] = KNOWN.exec(row) as unknown as [string, ...string[]];
    const file = files[Number(at)] as ListedFile;
    if (file.size !== Number(size) || file.mtime !== Number(mtime)) continue;
    // As JSON.stringify gives it: the tags were stored as that gave them.
    known[Number(at)] =
      `{"path":${JSON.stringify(file.path)},"size":${size},"mtime":${mtime},"print":"${print}","tags":${row.slice(head.length)}}`;
  }
  return known;
}

function keep({ file: cache, fresh }: Cache): void {
  for (let at = 0; at < fresh.length; at += GROUP) write(cache, fresh.slice(at, at + GROUP));
}

/** Rows of a statement: 6 values each, and SQLite takes 32,766. */
function write(cache: CacheFile, files: readonly FileTags[]): void {
  const marks = files.map(() => '(?, ?, ?, ?, ?, ?)').join(', ');
  const values = files.flatMap(({ path, size, mtime, print, tags }) => [
    path,
    size,
    mtime,
    READER,
    print,
    JSON.stringify(tags),
  ]);
  // What a power cut takes from a cache is read again: no sync of the disk for each thousand (sqlite.org/pragma.html#pragma_synchronous:
  // the file stays whole). Only here, since a sink may have its tables in the same file, through the same connection.
  cache.exec('PRAGMA synchronous = NORMAL');
  try {
    cache.transaction(() => {
      cache.prepare(`INSERT OR REPLACE INTO files VALUES ${marks}`).run(...values);
    });
  } finally {
    cache.exec('PRAGMA synchronous = FULL');
  }
}

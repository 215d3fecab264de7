import { type GroupContext, type GroupStep, inBatches, ok } from '../../index.ts';
import type { FileTags } from './file-tags.ts';
import type { ListedFile } from './read-file.ts';

/** What is kept was read by this reader; another number, and all files are read anew. */
const READER = 1;
const GROUP = 1000;
/** Rows of a statement, which is compiled once for a cache: 1,000 of them compiled anew each time took 8.9 us of CPU a file, and this takes 5.6. */
const ROWS = 100;
/** A cache that somebody else holds is not waited for longer than 20 tries take; at their end all threads write at once, each up to a thousand files. */
const TRIES = 20;
const TRIES_AT_END = 500;

/** A file on its way through the stage. */
export interface Listed extends ListedFile {
  /** Its `FileTags` as JSON. */
  known?: string | undefined;
  /** Takes what is read of it now. */
  fresh?: Kept[];
}

/** A file as the cache keeps it: its tags are JSON. */
export interface Kept extends Omit<FileTags, 'tags'> {
  tags: string;
}

/** A `FileTags` as JSON.stringify gives it: the tags came from that. */
export const fileJson = ({ path, size, mtime, print, tags }: Kept): string =>
  `{"path":${JSON.stringify(path)},"size":${size},"mtime":${mtime},"print":"${print}","tags":${tags}}`;

type CacheFile = ReturnType<GroupContext['sqlite']>;

/** What a worker holds of the cache. */
interface Cache {
  file: CacheFile;
  /** Writes `ROWS` files. */
  insert: ReturnType<CacheFile['prepare']>;
  /** What was read since it last wrote. */
  fresh: Kept[];
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
    return files.map(({ path, size, mtime }, at) =>
      ok({ path, size, mtime, known: known[at], fresh }),
    );
  });
}

const openCache = (ctx: GroupContext, path: string): Cache =>
  ctx.shared(
    `music-cache:${path}`,
    () => opened(ctx.sqlite(path)),
    (cache) => patiently(() => keep(cache), TRIES_AT_END),
  );

function opened(file: CacheFile): Cache {
  file.exec(
    `CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
      reader INTEGER NOT NULL, print TEXT NOT NULL, tags TEXT NOT NULL) STRICT, WITHOUT ROWID`,
  );
  return { file, insert: file.prepare(insertOf(ROWS)), fresh: [] };
}

const insertOf = (rows: number): string =>
  `INSERT OR REPLACE INTO files VALUES ${new Array(rows).fill('(?, ?, ?, ?, ?, ?)').join(', ')}`;

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
  const asked = JSON.stringify(files.map(({ path }) => path));
  if (!OTHER_ORDER.test(asked) && !holdsAny(cache, files)) return [];
  const rows = cache
    .prepare(
      `SELECT asked.key || ' ' || size || ' ' || mtime || ' ' || print || ' ' || tags
       FROM json_each(?) AS asked CROSS JOIN files ON files.path = asked.value WHERE reader = ?`,
    )
    .all(asked, READER);
  const known = new Array<string | undefined>(files.length);
  for (const [row] of rows as [string][]) {
    const [head, at, size, mtime, print] = KNOWN.exec(row) as unknown as [string, ...string[]];
    const file = files[Number(at)] as ListedFile;
    if (file.size !== Number(size) || file.mtime !== Number(mtime)) continue;
    const { path } = file;
    known[Number(at)] = fileJson({
      path,
      size: file.size,
      mtime: file.mtime,
      print: print as string,
      tags: row.slice(head.length),
    });
  }
  return known;
}

/** Of two texts with one of these each, this language and SQLite (by UTF-8) may order one before the other: then no span of them is looked at. */
const OTHER_ORDER = /[\ud800-\uffff]/;

/** Whether there is anything between the first and the last path: a first scan asks for its files in order, and finds nothing (0.3 us of CPU a file in place of 1.4). */
function holdsAny(cache: CacheFile, files: readonly ListedFile[]): boolean {
  let { path: first } = files[0] as ListedFile;
  let last = first;
  for (const { path } of files) {
    if (path < first) first = path;
    else if (path > last) last = path;
  }
  const found = cache.prepare('SELECT 1 FROM files WHERE path BETWEEN ? AND ? LIMIT 1');
  return found.all(first, last).length > 0;
}

function keep({ file: cache, insert, fresh }: Cache): void {
  if (fresh.length === 0) return;
  // What a power cut takes from a cache is read again: no sync of the disk for each thousand (sqlite.org/pragma.html#pragma_synchronous:
  // the file stays whole). Only here, since a sink may have its tables in the same file, through the same connection.
  cache.exec('PRAGMA synchronous = NORMAL');
  try {
    cache.transaction(() => {
      for (let at = 0; at < fresh.length; at += ROWS) {
        const files = fresh.slice(at, at + ROWS);
        const statement = files.length === ROWS ? insert : cache.prepare(insertOf(files.length));
        statement.run(...valuesOf(files));
      }
    });
  } finally {
    cache.exec('PRAGMA synchronous = FULL');
  }
}

function valuesOf(files: readonly Kept[]): unknown[] {
  const values: unknown[] = [];
  for (const { path, size, mtime, print, tags } of files) {
    values.push(path, size, mtime, READER, print, tags);
  }
  return values;
}

import { createHash } from 'node:crypto';
import {
  defineJob,
  each,
  files,
  type GroupStep,
  groupBy,
  type Job,
  ok,
  type Result,
  skip,
} from '../../index.ts';
import { albumRows } from './album.ts';
import { fileJson, type Listed, lookUp } from './cache.ts';
import { albumKey, type FileTags } from './file-tags.ts';
import { EXTENSIONS } from './format.ts';
import { type Insert, insertsOf } from './inserts.ts';
import { type MusicOptions, optionsSchema } from './options.ts';
import { type ListedFile, readFile } from './read-file.ts';
import { GROUP, musicTables } from './tables.ts';

export { type Doubt, type Judged, judge } from './duplicates.ts';
export { albumKey, type FileTags } from './file-tags.ts';
export type { Insert } from './inserts.ts';
export { fold } from './names.ts';
export type { MusicOptions } from './options.ts';
export { type ListedFile, readFile } from './read-file.ts';
export { musicTables } from './tables.ts';
export type { Tags } from './tags.ts';

type Input = Job<ListedFile>['input'];

/** Files of a chunk, and of a query of the cache. */
const FILES = 1000;

export interface MusicJob {
  /** Name of the job; `music` by default. */
  name?: string;
  /** Where the list of files is from; `files({ include: AUDIO })` by default. */
  input?: Input;
  /** Where rows go: `musicTables(url)`. */
  tables?: GroupStep<Insert, Insert>;
  /** Names of secrets that the tables' URL needs. */
  secrets?: readonly string[];
}

/**
 * The music job with its tables inside, for a job file of your own.
 *
 * @example
 * export default musicJob({ tables: musicTables((ctx) => ctx.secret('DATABASE_URL')), secrets: ['DATABASE_URL'] });
 */
export function musicJob(given: MusicJob = {}): Job<ListedFile, unknown, MusicOptions> {
  const { name = 'music', input = listed(), tables, secrets = [] } = given;
  return jobOf({ name, input, tables, secrets });
}

/** Patterns of the audio files that are read. */
export const AUDIO: readonly string[] = EXTENSIONS.map((extension) => `**/*.${extension}`);

const listed = (): Input => files({ include: AUDIO, ignoreCase: true }) as Input;

/**
 * Scans a music library: reads the tags of each file, groups the files by artist and album, finds what is there twice, and
 * writes artists, albums and tracks to a database.
 *
 * Options: `sink` (sqlite:music.db, a postgres:// URL, or none), `cache` (music-cache.db, or none).
 */
// Pure: a job file that imports only `musicJob` must not carry this one's database clients.
export default /* @__PURE__ */ jobOf({
  name: 'music',
  input: /* @__PURE__ */ listed(),
  tables: /* @__PURE__ */ tablesOfOptions(),
  secrets: [],
});

interface Parts {
  name: string;
  input: Input;
  tables: GroupStep<Insert, Insert> | undefined;
  secrets: readonly string[];
}

function jobOf({ name, input, tables, secrets }: Parts): Job<ListedFile, unknown, MusicOptions> {
  const insert = {
    name: 'insert',
    cpu: true,
    // Two write by turns: what is beside SQLite's part of a row is two thirds of it. With one, a scan ended with one core at work for 5 to 7 s.
    // As many groups as are written at a time: with more, rows would wait for the last of them while albums are worked.
    limits: { workers: 2, concurrency: 4, chunk: 4 * GROUP },
    key: ({ id }: Insert) => keyOf(id),
  };
  return defineJob(
    {
      name,
      input,
      key: ({ path }: ListedFile) => keyOf(path),
      options: optionsSchema,
      ...(secrets.length === 0 ? {} : { secrets }),
      limits: { chunk: FILES, itemTimeout: '60s' },
      retry: { tries: 3 },
    },
    each({
      name: 'extract',
      cpu: true,
      // Each chunk of albums reads each part of this stage: 25 parts of 100,000 files in place of 100 took 12 % less CPU.
      limits: { chunk: 4 * FILES },
      steps: [lookUp(({ cache }) => cache as string | undefined), read],
    }),
    groupBy({
      name: 'albums',
      cpu: true,
      // A chunk reads whole blocks, of which a part has 64, and a larger one less that is not its own: 6 % less CPU in all of a second scan.
      limits: { chunk: 2 * FILES },
      key: albumKey,
      process: async (group) =>
        ok.many(insertsOf(group.key, albumRows(group.key, await group.list(MAX_FILES)))),
    }),
    tables === undefined
      ? each({ ...insert, process: inserted })
      : each({ ...insert, steps: [tables, inserted] }),
  );
}

/** Characters of an item's key at most; a path may have 4,096 bytes. */
const KEY_CHARS = 512;
const HASH_CHARS = 32;

/** A long path by its hash and its end: the end tells more, and two long ones with one end are two keys. */
export function keyOf(path: string): string {
  if (path.length <= KEY_CHARS) return path;
  const hash = createHash('sha256').update(path).digest('hex').slice(0, HASH_CHARS);
  const end = path.slice(HASH_CHARS + 1 - KEY_CHARS).replace(/^\p{Surrogate}/u, '');
  return `${hash}~${end}`;
}

/** Files of one album that are in memory at once: 1 KB each. Its rows go through `ok.many`, which takes 100,000. */
const MAX_FILES = 30_000;

/** At once where nothing waits, which is nearly always. */
function read(file: Listed): Result<FileTags> | Promise<Result<FileTags>> {
  if (file.known !== undefined) return ok.json(file.known);
  const tags = readFile(file);
  return tags instanceof Promise ? tags.then((late) => wasRead(file, late)) : wasRead(file, tags);
}

/** What is kept is JSON as what is stored is: it is made once. */
function wasRead({ fresh }: Listed, file: FileTags): Result<FileTags> {
  if (fresh === undefined) return ok(file);
  const { path, size, mtime, print } = file;
  const kept = { path, size, mtime, print, tags: JSON.stringify(file.tags) };
  fresh.push(kept);
  return ok.json(fileJson(kept));
}

type RowCounts = Record<'artists' | 'albums' | 'tracks', number>;

/** What is left of an item in the outcome: how many rows it has, or why it is none of the library's tracks. */
function inserted({ artists, albums, tracks, duplicate }: Insert): Result<RowCounts> {
  if (duplicate !== undefined) return skip(duplicate);
  return ok({ artists: artists.length, albums: albums.length, tracks: tracks.length });
}

/** Tables of the batch's option `sink`, where it has one. */
function tablesOfOptions(): GroupStep<Insert, Insert> {
  const tables = musicTables(({ options }) => options['sink'] as string);
  return { ...tables, size: (options) => (options['sink'] === undefined ? 0 : GROUP) };
}

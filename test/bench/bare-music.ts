// What a music scan costs without Sluice around it: one thread walks and inserts, two read tags with the same reader, keep them in the same
// kind of cache, and group and judge with the same functions; rows stay in memory. No checkpoints, outcomes, report, retries or bounds; a
// crash loses all. Twice, the second time with all tags in the cache. `node bare-music.mjs <library> <Sluice's folder> <folder>`.
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  parentPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import type Libsql from 'libsql';
import { albumRows } from '../../lib/jobs/music/album.ts';
import { albumKey, type FileTags } from '../../lib/jobs/music/file-tags.ts';
import { EXTENSIONS } from '../../lib/jobs/music/format.ts';
import { type Insert, insertsOf } from '../../lib/jobs/music/inserts.ts';
import { type ListedFile, readFile } from '../../lib/jobs/music/read-file.ts';
import { TABLES } from '../../lib/jobs/music/tables.ts';

interface Share {
  root: string;
  cache: string;
  /** 0 or 1: whose albums are whose. */
  side: number;
}

type Told = { peer: MessagePort } | { files: ListedFile[] } | 'no more' | 'close';
type Said = 'more' | 'done' | { inserts: string };

const FILES = 1000;
const ALBUMS = 100;

const databaseAt = (root: string, path: string): Libsql.Database => {
  const db = new (createRequire(`${root}package.json`)('libsql') as typeof Libsql)(path);
  db.exec('PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000');
  db.prepare('PRAGMA journal_mode = WAL').raw().get();
  return db;
};

async function main(): Promise<void> {
  const [library = '', root = '', folder = ''] = process.argv.slice(2);
  const figures: Record<string, number> = {};
  for (const name of ['first', 'second']) {
    const [from, cpu] = [performance.now(), process.cpuUsage()];
    const { files, rows } = await scan(library, { root, folder });
    const seconds = (performance.now() - from) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    Object.assign(figures, {
      files,
      [name]: files / seconds,
      [`${name}Cpu`]: (user + system) / 1e6 / seconds,
      [`${name}Rows`]: rows,
    });
  }
  console.log(JSON.stringify(figures));
}

async function scan(library: string, { root, folder }: { root: string; folder: string }) {
  const cache = `${folder}/bare-cache.db`;
  const made = databaseAt(root, cache);
  made.exec(
    'CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, print TEXT, tags TEXT) WITHOUT ROWID',
  );
  made.close();
  const sink = newSink(databaseAt(root, `${folder}/bare.db`));
  const batches: ListedFile[][] = [];
  const wanting: Worker[] = [];
  let walked = false;
  const give = (): void => {
    while (wanting.length > 0 && (walked || batches.length > 0)) {
      const files = batches.shift();
      wanting.shift()?.postMessage((files === undefined ? 'no more' : { files }) satisfies Told);
    }
  };
  const workers = [0, 1].map(
    (side) =>
      new Worker(fileURLToPath(import.meta.url), {
        workerData: { root, cache, side } satisfies Share,
      }),
  );
  const { port1, port2 } = new MessageChannel();
  for (const [at, peer] of [port1, port2].entries())
    workers[at]?.postMessage({ peer } satisfies Told, [peer]);
  const done = workers.map(async (worker) => {
    worker.on('message', (said: Said) => {
      if (said === 'more') wanting.push(worker);
      else if (said === 'done') worker.postMessage('close' satisfies Told);
      else sink.insert(JSON.parse(said.inserts));
      give();
    });
    await once(worker, 'exit');
  });
  let files = 0;
  for (const batch of walk(library)) {
    files += batch.length;
    batches.push(batch);
    give();
    await turn();
  }
  walked = true;
  give();
  await Promise.all(done);
  return { files, rows: sink.close() };
}

function* walk(library: string): Generator<ListedFile[]> {
  const audio = new RegExp(`\\.(${EXTENSIONS.join('|')})$`, 'i');
  const folders = [library];
  let batch: ListedFile[] = [];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else if (audio.test(path)) {
        const { size, mtimeMs } = statSync(path);
        batch.push({ path, size, mtime: Math.floor(mtimeMs) });
        if (batch.length === FILES) {
          yield batch;
          batch = [];
        }
      }
    }
  }
  yield batch;
}

function newSink(db: Libsql.Database) {
  const statements = Object.entries(TABLES).map(([table, { columns }]) => {
    const names = Object.keys(columns);
    db.exec(`CREATE TABLE IF NOT EXISTS ${table} (${names.join(', ')}, PRIMARY KEY (id))`);
    return [
      table as keyof typeof TABLES,
      db.prepare(`INSERT OR REPLACE INTO ${table} VALUES (${names.map(() => '?').join(', ')})`),
    ] as const;
  });
  const now = Date.now();
  let rows = 0;
  return {
    insert(inserts: Insert[]): void {
      db.exec('BEGIN');
      for (const [table, statement] of statements) {
        for (const { [table]: values } of inserts) {
          for (const value of values) statement.run(...value, now);
          rows += values.length;
        }
      }
      db.exec('COMMIT');
    },
    close(): number {
      db.close();
      return rows;
    },
  };
}

/** A thread that reads: rows of the other thread's albums go to it when all files are read. */
function read({ root, cache: path, side }: Share): void {
  const port = parentPort as MessagePort;
  const say = (said: Said): void => port.postMessage(said);
  const cache = newCache(databaseAt(root, path));
  const albums = [0, 1].map(() => new Map<string, FileTags[]>());
  const own = albums[side] as Map<string, FileTags[]>;
  const add = (files: readonly FileTags[]): void => {
    for (const file of files) {
      const key = albumKey(file);
      const album = albums[sideOf(key)] as Map<string, FileTags[]>;
      const there = album.get(key);
      if (there === undefined) album.set(key, [file]);
      else there.push(file);
    }
  };
  let peer: MessagePort | undefined;
  let asked = 2;
  let ended = 0;
  // The files that it read are all there, and the other thread's.
  const end = (): void => {
    ended += 1;
    if (ended < 2) return;
    giveInserts(own, say);
    cache.close();
    say('done');
  };
  const answer = async (told: Told): Promise<void> => {
    if (told === 'close') {
      peer?.close();
      port.close();
    } else if (told === 'no more') {
      asked -= 1;
      if (asked > 0) return;
      peer?.postMessage([...(albums[1 - side] as Map<string, FileTags[]>)]);
      end();
    } else if ('files' in told) {
      add(await cache.tagsOf(told.files));
      say('more');
    } else {
      peer = told.peer;
      peer.on('message', (others: [string, FileTags[]][]) => {
        for (const [key, files] of others) own.set(key, [...(own.get(key) ?? []), ...files]);
        end();
      });
    }
  };
  let answered = Promise.resolve();
  port.on('message', (told: Told) => {
    answered = answered.then(() => answer(told));
  });
  // One that is worked and one that waits.
  for (let more = 0; more < asked; more += 1) say('more');
}

function sideOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (hash * 31 + key.charCodeAt(at)) | 0;
  return hash & 1;
}

function giveInserts(albums: ReadonlyMap<string, FileTags[]>, say: (said: Said) => void): void {
  let inserts: Insert[] = [];
  let open = 0;
  const give = (): void => {
    say({ inserts: JSON.stringify(inserts) });
    [inserts, open] = [[], 0];
  };
  for (const [key, files] of albums) {
    inserts.push(...insertsOf(key, albumRows(key, files)));
    open += 1;
    if (open === ALBUMS) give();
  }
  give();
}

function newCache(db: Libsql.Database) {
  const find = db
    .prepare(
      'SELECT asked.key, size, mtime, print, tags FROM json_each(?) AS asked CROSS JOIN files ON files.path = asked.value',
    )
    .raw();
  const keep = db.prepare(
    `INSERT OR REPLACE INTO files VALUES ${new Array(FILES).fill('(?,?,?,?,?)').join(',')}`,
  );
  const keepOne = db.prepare('INSERT OR REPLACE INTO files VALUES (?,?,?,?,?)');
  let fresh: unknown[][] = [];
  const readOne = async (file: ListedFile): Promise<FileTags | undefined> => {
    let found: FileTags;
    try {
      const tags = readFile(file);
      found = tags instanceof Promise ? await tags : tags;
    } catch {
      // Broken on purpose.
      return undefined;
    }
    const { path, size, mtime, print, tags } = found;
    fresh.push([path, size, mtime, print, JSON.stringify(tags)]);
    if (fresh.length === FILES) {
      keep.run(...fresh.flat());
      fresh = [];
    }
    return found;
  };
  return {
    async tagsOf(files: readonly ListedFile[]): Promise<FileTags[]> {
      const rows = find.all(JSON.stringify(files.map(({ path }) => path))) as unknown as [
        number,
        number,
        number,
        string,
        string,
      ][];
      const known = new Map(rows.map((row) => [row[0], row]));
      const found: FileTags[] = [];
      for (const [at, file] of files.entries()) {
        const [, size, mtime, print = '', tags = ''] = known.get(at) ?? [];
        const same = size === file.size && mtime === file.mtime;
        const one = same
          ? {
              path: file.path,
              size: size as number,
              mtime: mtime as number,
              print,
              tags: JSON.parse(tags),
            }
          : await readOne(file);
        if (one !== undefined) found.push(one);
      }
      return found;
    },
    close(): void {
      for (const row of fresh) keepOne.run(...row);
      db.close();
    },
  };
}

if (isMainThread) await main();
else read(workerData as Share);

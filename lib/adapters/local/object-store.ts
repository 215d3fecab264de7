/**
 * Objects as files below one folder (names: object-key.ts). A put writes a file of its own in `%tmp`, syncs it,
 * renames it over the object and syncs the folder: a reader that has opened the object goes on with the old
 * bytes, a crash leaves the old object or the new one. All temporary files lie in one folder of the same disk,
 * so that what a dead process left is found without walking the tree; no key can name that folder.
 * Links: the root may be one (a folder on a bigger disk); what else is linked below it is the owner's choice,
 * as no key can make a link. `list` passes links over.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsync,
  openSync,
  read,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { compareUtf8 } from '../../core/compare-utf8.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { folderKeeper, ifThere } from './folders.ts';
import { checkKey, decodeName, pathOfFolders, pathOfKey } from './object-key.ts';
import { rangeOf } from './object-range.ts';
import { storeError } from './store-error.ts';

const fsyncFd = promisify(fsync);
const readFd = promisify(read);

type Body = Parameters<ObjectStore['put']>[1];

export interface LocalObjectStore extends ObjectStore {
  /** The file of an object, there or not: for people and for tools that read files. */
  path(key: string): string;
}

export interface LocalObjectStoreOptions {
  /** Sync file and folder before a put resolves (default true); without it a power cut may lose objects. */
  durable?: boolean;
}

const TEMP_FOLDER = '%tmp';
/** A file that was not written for so long has no writer any more. */
const TEMP_LIFE_MS = 3_600_000;
/** Below this one write of the joined pieces is cheaper than a write a piece. */
const JOIN_BYTES = 1024 * 1024;
/** Up to this size an object is read in one synchronous call: parts are, from the page cache, by the finaliser. */
const QUICK_BYTES = 1024 * 1024;

/**
 * Objects in `root`, which is made at the first put.
 * Rejects with a SluiceError `STORE` and a hint when the disk is full, read-only or refuses.
 */
export function localObjectStore(
  root: string,
  { durable = true }: LocalObjectStoreOptions = {},
): LocalObjectStore {
  const base = resolve(root);
  const folders = folderKeeper(durable);
  const temps = join(base, TEMP_FOLDER);
  let swept: Promise<void> | undefined;
  const fileOf = (key: string): string => {
    checkKey(key);
    return join(base, ...pathOfKey(key));
  };

  const put = async (key: string, body: Body): Promise<void> => {
    const file = fileOf(key);
    const doing = `cannot store ${file}`;
    swept ??= sweepTemps(temps);
    await swept;
    const temp = join(temps, randomUUID());
    try {
      const small = smallBody(body);
      if (small === undefined) await putStream(temp, body, doing);
      else await onDisk(doing, () => folders.inside(temps, () => writeSmall(temp, small, durable)));
      await onDisk(doing, () => folders.inside(dirname(file), async () => renameSync(temp, file)));
      if (durable) await onDisk(doing, () => folders.sync(dirname(file)));
    } catch (fault) {
      await rm(temp, { force: true }).catch(() => undefined);
      throw fault;
    }
  };

  const putStream = async (temp: string, body: Body, doing: string): Promise<void> => {
    const handle = await onDisk(doing, () => folders.inside(temps, () => open(temp, 'wx')));
    try {
      for await (const piece of piecesOf(body)) await onDisk(doing, () => handle.writeFile(piece));
      if (durable) await onDisk(doing, () => handle.sync());
    } finally {
      await handle.close();
    }
  };

  return {
    put,
    path: fileOf,
    async get(key, range) {
      const file = fileOf(key);
      return await onDisk(`cannot read ${file}`, async () => {
        const fd = openIfThere(file);
        if (fd === undefined) return undefined;
        try {
          const { start, end } = rangeOf(range, fstatSync(fd).size);
          return await readSpan(fd, start, end);
        } finally {
          closeSync(fd);
        }
      });
    },
    async size(key) {
      const file = fileOf(key);
      return await onDisk(`cannot read ${file}`, async () => (await ifThere(stat(file)))?.size);
    },
    list(prefix) {
      const slash = prefix.lastIndexOf('/');
      const whole = slash < 0 ? [] : prefix.slice(0, slash).split('/');
      const folder = join(base, ...pathOfFolders(whole));
      return walk(folder, { before: prefix.slice(0, slash + 1), prefix });
    },
    async delete(key) {
      const file = fileOf(key);
      await onDisk(`cannot delete ${file}`, () => rm(file, { force: true }));
      await folders.prune(dirname(file), base);
    },
  };
}

async function onDisk<T>(doing: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (fault) {
    // A wrong range is the caller's fault, not the disk's.
    throw fault instanceof RangeError ? fault : storeError(fault, doing);
  }
}

async function* piecesOf(body: Body): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
}

/** The bytes of a body that is written in one go, undefined when it is too large or a stream. */
function smallBody(body: Body): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body.length <= JOIN_BYTES ? body : undefined;
  if (!Array.isArray(body)) return undefined;
  const size = body.reduce((sum, piece) => sum + piece.length, 0);
  return size <= JOIN_BYTES ? Buffer.concat(body, size) : undefined;
}

/**
 * Only the sync waits for the disk; the rest goes to the page cache. As promises, the eight steps of a put were
 * most of what the main thread did while two threads worked chunks of 3 ms (profiled).
 */
async function writeSmall(file: string, bytes: Uint8Array, durable: boolean): Promise<void> {
  const fd = openSync(file, 'wx');
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    if (durable) await fsyncFd(fd);
  } finally {
    closeSync(fd);
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (fault) {
    if ((fault as { code?: unknown }).code === 'ENOENT') return undefined;
    throw fault;
  }
}

async function readSpan(fd: number, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  const quick = bytes.length <= QUICK_BYTES;
  let filled = 0;
  while (filled < bytes.length) {
    const rest = bytes.length - filled;
    const bytesRead = quick
      ? readSync(fd, bytes, filled, rest, start + filled)
      : (await readFd(fd, bytes, filled, rest, start + filled)).bytesRead;
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

async function sweepTemps(temps: string): Promise<void> {
  const names = await ifThere(readdir(temps)).catch(() => undefined);
  const oldest = Date.now() - TEMP_LIFE_MS;
  for (const name of names ?? []) {
    const file = join(temps, name);
    // Another process may sweep at the same time: what is gone is fine.
    const found = await stat(file).catch(() => undefined);
    if (found && found.mtimeMs < oldest) await rm(file, { force: true }).catch(() => undefined);
  }
}

interface Place {
  /** The text of the key down to this folder. */
  before: string;
  prefix: string;
}

async function* walk(folder: string, { before, prefix }: Place): AsyncGenerator<string> {
  const entries = await onDisk(`cannot list ${folder}`, () =>
    ifThere(readdir(folder, { withFileTypes: true })),
  );
  const found = (entries ?? [])
    .filter((entry) => entry.isDirectory() || entry.isFile())
    .flatMap((entry) => {
      const isFolder = entry.isDirectory();
      const name = decodeName(entry.name, isFolder);
      if (!name) return [];
      const text = `${before}${name.text}${isFolder && !name.goesOn ? '/' : ''}`;
      const fits = text.startsWith(prefix) || (isFolder && prefix.startsWith(text));
      return fits ? [{ text, isFolder, goesOn: name.goesOn, path: join(folder, entry.name) }] : [];
    })
    .sort((a, b) => compareUtf8(a.text, b.text));
  const keysOf = async function* (one: (typeof found)[number]): AsyncGenerator<string> {
    if (one.isFolder) yield* walk(one.path, { before: one.text, prefix });
    else yield one.text;
  };
  if (!found.some((one) => one.goesOn)) {
    for (const one of found) yield* keysOf(one);
    return;
  }
  // Keys below a piece of a long segment lie between those of its neighbours: rare, so sorted in memory.
  const keys: string[] = [];
  for (const one of found) for await (const key of keysOf(one)) keys.push(key);
  yield* keys.sort(compareUtf8);
}

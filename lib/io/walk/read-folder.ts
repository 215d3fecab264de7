import { type Dir, type Dirent, opendirSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { below } from './look-at.ts';
import type { Matcher } from './matcher.ts';
import { type NameList, newNameList } from './name-list.ts';
import { bytesOf, escaped, textOf } from './names.ts';

/** An entry that cannot be walked. */
export interface Unwalkable {
  /** Its name in bytes, of a folder with `/` behind it. */
  name: string;
  path: string;
  code: string;
  message: string;
}

/** What a folder holds of what is looked for: names in bytes, sorted by them. */
export interface Listing {
  files: NameList;
  /** With `/` behind each: so they stand where what is below them does. */
  folders: NameList;
  problems: Unwalkable[];
  /** Entries that were looked at, wanted or not. */
  scanned: number;
}

export interface FolderToRead {
  path: string;
  /** Path below the root, with `/` behind it; empty for the root itself. */
  below: string;
  matcher: Matcher;
  followLinks: boolean;
  /** Device and inode of it and of every folder above it. */
  above(): Promise<ReadonlySet<string>>;
  /** Told of so many names more that are held; may wait. */
  hold(names: number): void | Promise<void>;
}

/**
 * Entries that the system gives at a time. Room for them is made and cleared with each call, of which a folder of ten files takes two: a bare loop over 7,461
 * such folders took 154 to 184 ms of CPU with 256 and 218 to 244 with 1,000 (busy machine). With 32 the thread pool costs 3 us an entry in place of 0.8.
 */
const ENTRIES_AT_ONCE = 256;

/**
 * What is in memory is read in this very thread: the three calls through the thread pool took an eighth of the CPU of a
 * second scan of the music job (profile, 20,000 files in 1,600 folders). A folder that took longer than this is on a disk
 * or a network, where nobody may wait for the next ones here.
 */
const QUICK_MS = 10;
const SLOW_FOLDERS = 32;

let slow = 0;

/** Whether to go on in this thread: from `began` on it was quick so far. */
function quick(began: number): boolean {
  if (performance.now() - began <= QUICK_MS) return true;
  slow = SLOW_FOLDERS;
  return false;
}

/** Others have their turn after so long, however many folders are read. */
const TURN_MS = 2;

let turnEnd = 0;
let turn: Promise<void> | undefined;

function othersTurn(): Promise<void> | undefined {
  if (turn === undefined && performance.now() > turnEnd) {
    turn = nextTurn().then(() => {
      turn = undefined;
      turnEnd = performance.now() + TURN_MS;
    });
  }
  return turn;
}

/**
 * Of a small folder all entries are asked for at once: a bare loop over 14,909 folders with 100,000 files took 150 to 280 ms of CPU with readdirSync, and 300 to 340
 * with opendirSync. But it holds this thread and the memory until it has them all. So it is for folders that say that they are small, on local file systems of Linux
 * (ext, XFS, Btrfs, tmpfs) where that is to be believed, since their bytes grow with their names. Elsewhere a folder may say 4,096 and hold a million.
 */
const SMALL_BYTES = 64 * 1024;
const TELLING = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);

/** By device whether its folders tell. */
const telling = new Map<number, boolean>();

function isSmall(path: string): boolean {
  const { dev, size } = statSync(path);
  if (size > SMALL_BYTES) return false;
  const tells = telling.get(dev) ?? TELLING.has(statfsSync(path).type);
  telling.set(dev, tells);
  return tells;
}

/** What was found so far. */
interface Found {
  files: ReturnType<typeof newNameList>;
  folders: ReturnType<typeof newNameList>;
  problems: Unwalkable[];
  scanned: number;
}

/** Reads one folder, sorted. Throws what opening or reading it throws. */
export async function readFolder(folder: FolderToRead): Promise<Listing> {
  const [files, folders] = [newNameList(), newNameList()];
  const found: Found = { files, folders, problems: [], scanned: 0 };
  await othersTurn();
  const began = slow === 0 ? performance.now() : undefined;
  if (began === undefined) slow -= 1;
  if (began !== undefined && isSmall(folder.path)) {
    const entries = readdirSync(folder.path, { encoding: 'latin1', withFileTypes: true });
    quick(began);
    for (const entry of entries) {
      const link = take(folder, found, entry);
      if (link !== undefined) await link;
    }
    await folder.hold(files.count() + folders.count());
  } else await readInPieces({ folder, found, began });
  found.problems.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...found, files: await files.sorted(), folders: await folders.sorted() };
}

interface Reading {
  folder: FolderToRead;
  found: Found;
  /** When it was begun in this thread; undefined for one that goes through the pool. */
  began: number | undefined;
}

async function readInPieces({ folder, found, began }: Reading): Promise<void> {
  const options = { encoding: 'latin1', bufferSize: ENTRIES_AT_ONCE } as const;
  const dir =
    began === undefined ? await opendir(folder.path, options) : opendirSync(folder.path, options);
  try {
    await readAll(dir, { folder, found, began });
  } finally {
    // One that is read here has no call under way.
    if (began === undefined) await dir.close();
    else dir.closeSync();
  }
}

async function readAll(dir: Dir, { folder, found, began }: Reading): Promise<void> {
  let held = 0;
  let here = began !== undefined && quick(began);
  for (;;) {
    // The system is asked for every so many entries only: before that they are there.
    if (here && found.scanned % ENTRIES_AT_ONCE === 0) here = quick(began as number);
    const entry = here ? dir.readSync() : await dir.read();
    if (entry === null) break;
    const link = take(folder, found, entry);
    if (link !== undefined) await link;
    const now = found.files.count() + found.folders.count();
    if (now - held >= ENTRIES_AT_ONCE) {
      await folder.hold(now - held);
      held = now;
    }
  }
  await folder.hold(found.files.count() + found.folders.count() - held);
}

/** Waits for links alone: a promise for each entry was most of what a folder in memory took. */
function take(folder: FolderToRead, found: Found, entry: Dirent): Promise<void> | undefined {
  found.scanned += 1;
  const { name } = entry;
  const text = textOf(name);
  if (text === undefined) addUnreadable(folder, found, entry);
  else if (entry.isFile()) {
    if (folder.matcher.file(folder.below + text)) found.files.add(name);
  } else if (entry.isDirectory()) {
    if (folder.matcher.folder(folder.below + text)) found.folders.add(`${name}/`);
  } else if (entry.isSymbolicLink() && folder.followLinks) return addLink(folder, found, text);
  return undefined;
}

/** A name that is no text has no path that a job could open. */
function addUnreadable(
  { path, below: at, matcher }: FolderToRead,
  { problems }: Found,
  entry: Dirent,
): void {
  const { name } = entry;
  const shown = escaped(name);
  const isFolder = entry.isDirectory();
  if (!(isFolder ? matcher.folder(at + shown) : matcher.file(at + shown))) return;
  const message = `${below(path, shown)}: its name is not UTF-8`;
  problems.push({
    name: isFolder ? `${name}/` : name,
    path: below(path, shown),
    code: 'BAD_NAME',
    message,
  });
}

/** A link is what it leads to. */
async function addLink(folder: FolderToRead, found: Found, name: string): Promise<void> {
  const { matcher } = folder;
  const at = folder.below + name;
  const [asFile, asFolder] = [matcher.file(at), matcher.folder(at)];
  if (!asFile && !asFolder) return;
  const path = below(folder.path, name);
  const bytes = bytesOf(name);
  const fail = (code: string, why: string): void =>
    void found.problems.push({ name: bytes, path, code, message: `${path}: ${why}` });
  try {
    const facts = await stat(path, { bigint: true });
    if (facts.isFile()) {
      if (asFile) found.files.add(bytes);
    } else if (facts.isDirectory() && asFolder) {
      const circle = (await folder.above()).has(`${facts.dev}:${facts.ino}`);
      if (circle) fail('LINK_LOOP', 'the link leads back to a folder above it; it is not followed');
      else found.folders.add(`${bytes}/`);
    }
  } catch (error) {
    const { code = 'ERROR' } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') fail('LINK_LOOP', 'the link leads to itself');
    else if (asFile) fail('LINK_BROKEN', `the link leads nowhere that can be read (${code})`);
  }
}

import { closeSync, fsync, openSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const fsyncFd = promisify(fsync);

const isMissing = (fault: unknown): boolean => (fault as { code?: unknown }).code === 'ENOENT';

/** Undefined when the file or folder is not there. */
export async function ifThere<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (fault) {
    if (isMissing(fault)) return undefined;
    throw fault;
  }
}

export interface Folders {
  /** Runs `act` in a folder that is there, made if need be: another process may prune it at any moment. */
  inside<T>(folder: string, act: () => Promise<T>): Promise<T>;
  sync(folder: string): Promise<void>;
  /** Removes empty folders upwards, never the root itself. */
  prune(folder: string, root: string): Promise<void>;
}

/** Makes, syncs and prunes folders for a store; `durable` also syncs the parents of what it makes. */
export function folderKeeper(durable: boolean): Folders {
  const made = new Set<string>();
  const syncs = new Map<string, { now: Promise<void>; next?: Promise<void> }>();

  const start = (folder: string): Promise<void> => {
    const entry = { now: syncFolder(folder).finally(() => syncs.delete(folder)) };
    syncs.set(folder, entry);
    return entry.now;
  };
  // A sync that runs may have begun before our rename; all who wait share the one after it.
  const sync = (folder: string): Promise<void> => {
    const entry = syncs.get(folder);
    if (!entry) return start(folder);
    entry.next ??= entry.now.catch(() => undefined).then(() => start(folder));
    return entry.next;
  };

  const make = async (folder: string): Promise<void> => {
    const first = await mkdir(folder, { recursive: true });
    if (durable && first !== undefined) {
      for (let path = folder; path.length >= first.length; path = dirname(path))
        await sync(dirname(path));
    }
    made.add(folder);
  };

  return {
    sync,
    async inside(folder, act) {
      for (let tries = 1; ; tries += 1) {
        try {
          if (!made.has(folder)) await make(folder);
          return await act();
        } catch (fault) {
          if (!isMissing(fault) || tries === 5) throw fault;
          made.delete(folder);
        }
      }
    },
    async prune(folder, root) {
      for (let path = folder; path.length > root.length; path = dirname(path)) {
        made.delete(path);
        const gone = await rmdir(path).then(
          () => true,
          () => false,
        );
        if (!gone) return;
      }
    },
  };
}

async function syncFolder(folder: string): Promise<void> {
  let fd: number;
  try {
    // Opened here and now: the name is in the cache, so only the sync is worth a promise.
    fd = openSync(folder, 'r');
  } catch (fault) {
    if (isMissing(fault)) return;
    throw fault;
  }
  try {
    await fsyncFd(fd);
  } finally {
    closeSync(fd);
  }
}

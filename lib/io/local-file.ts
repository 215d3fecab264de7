import type { BigIntStats } from 'node:fs';
import { close, closeSync, fstatSync, open, openSync, read, readSync, stat } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError } from '../core/errors.ts';
import type { ByteRange } from '../core/reader.ts';
import type { SourcePin } from '../core/records.ts';
import type { BoundSource } from './source.ts';

/** Plain descriptors, since a FileHandle that is collected closes itself with a warning. */
const files = {
  open: promisify(open),
  close: promisify(close),
  read: promisify(read),
  stat: promisify(stat),
};

/** A batch over 10,000 files must not hit the usual limit of 1024 descriptors. */
const OPEN_LIMIT = 64;
const STREAM_BYTES = 1024 * 1024;

/**
 * Pins a file by size, inode and modification time (nanoseconds). The name is the absolute path.
 * @throws SluiceError `NOT_FOUND`, or `BAD_INPUT` for what cannot be opened or is no regular file
 */
export async function pinFile(path: string): Promise<SourcePin> {
  const name = resolve(path);
  let found: BigIntStats;
  try {
    found = await files.stat(name, { bigint: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new SluiceError('BAD_INPUT', `${path} cannot be opened: ${String(cause)}.`, { cause });
    }
    throw new SluiceError('NOT_FOUND', `There is no file ${path}.`, {
      hint: 'Check the path.',
      cause,
    });
  }
  if (!found.isFile()) {
    throw new SluiceError('BAD_INPUT', `${path} is no regular file.`, {
      hint: 'Give files; pipe a stream into stdin.',
    });
  }
  return { name, bytes: Number(found.size), version: versionOf(found) };
}

const versionOf = (found: BigIntStats): string => `${found.mtimeNs}-${found.ino}-${found.size}`;

/**
 * Reads a pinned file, and proves on opening and after each read that it is still the pinned one. The
 * descriptor stays open between reads.
 */
export function fileSource(pin: SourcePin): BoundSource {
  let gzip: boolean | undefined;
  return {
    pin,
    seekable: true,
    get compressed() {
      gzip ??= isGzip(pin);
      return gzip;
    },
    read: (start, end, into) => readPinned(pin, { start, end }, into),
    async *stream() {
      for (let at = 0; at < pin.bytes; at += STREAM_BYTES) {
        yield await readPinned(pin, { start: at, end: Math.min(at + STREAM_BYTES, pin.bytes) });
      }
    },
  };
}

/** By its first two bytes: the suffix says nothing about the content. */
function isGzip(pin: SourcePin): boolean {
  const magic = Buffer.alloc(2);
  try {
    const fd = openSync(pin.name, 'r');
    try {
      readSync(fd, magic, 0, 2, 0);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw changed(pin, 'it cannot be opened', cause);
  }
  return magic[0] === 0x1f && magic[1] === 0x8b;
}

async function readPinned(
  pin: SourcePin,
  { start, end }: ByteRange,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const file = await borrow(pin);
  try {
    const fd = await file.fd;
    const bytes = into?.subarray(0, end - start) ?? Buffer.allocUnsafeSlow(end - start);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await files.read(
        fd,
        bytes,
        filled,
        bytes.length - filled,
        start + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    prove(pin, fd);
    if (filled < bytes.length) throw changed(pin, `it ends at byte ${start + filled}`);
    return bytes;
  } finally {
    file.users--;
  }
}

interface OpenFile {
  fd: Promise<number>;
  users: number;
}

/** Least recently used first. */
const openFiles = new Map<string, OpenFile>();

async function borrow(pin: SourcePin): Promise<OpenFile> {
  const key = `${pin.version} ${pin.name}`;
  const file = openFiles.get(key) ?? { fd: openPinned(pin), users: 0 };
  openFiles.delete(key);
  openFiles.set(key, file);
  file.users++;
  try {
    await file.fd;
  } catch (error) {
    openFiles.delete(key);
    throw error;
  }
  await closeUnused();
  return file;
}

async function closeUnused(): Promise<void> {
  for (const [key, file] of openFiles) {
    if (openFiles.size <= OPEN_LIMIT) return;
    if (file.users > 0) continue;
    openFiles.delete(key);
    await files.close(await file.fd);
  }
}

async function openPinned(pin: SourcePin): Promise<number> {
  let fd: number;
  try {
    fd = await files.open(pin.name, 'r');
  } catch (cause) {
    throw changed(pin, 'it cannot be opened', cause);
  }
  try {
    prove(pin, fd);
  } catch (error) {
    await files.close(fd);
    throw error;
  }
  return fd;
}

/** In this very thread: the facts of an open file are in memory, and this is asked after every read. */
function prove(pin: SourcePin, fd: number): void {
  const version = versionOf(fstatSync(fd, { bigint: true }));
  if (version !== pin.version) {
    throw changed(pin, `its time, inode and size were ${pin.version} and are ${version}`);
  }
}

function changed(pin: SourcePin, how: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'INPUT_CHANGED',
    `${pin.name} is not the file that the batch was started with: ${how}.`,
    { hint: 'Bring the file back, or start a new batch over the present one.', cause },
  );
}

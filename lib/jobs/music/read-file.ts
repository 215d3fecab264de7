import { hash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { PermanentError, RetryableError } from '../../index.ts';
import { descriptorFile, type OpenFile, openFile } from './byte-file.ts';
import { readFast } from './fast.ts';
import type { FileTags } from './file-tags.ts';
import { kindOf } from './format.ts';
import { readWithLibrary } from './library.ts';
import type { Tags } from './tags.ts';

/** A file as it was when it was listed. */
export interface ListedFile {
  path: string;
  /** Bytes, and whole milliseconds since 1970; where they are given, the file must be as it was. */
  size?: number | undefined;
  mtime?: number | undefined;
}

/** Faults of a file system that pass: too many open files, an error of the device, a share that is away for a moment. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'EIO', 'EAGAIN', 'EBUSY', 'ESTALE', 'ETIMEDOUT']);

/**
 * The tags of one file: of a usual one at once, of any other by the library. Throws a PermanentError that says what is
 * wrong with it: NOT_HERE, GONE, UNREADABLE, CHANGED, EMPTY, NO_AUDIO, BAD_FILE, READ_LIMIT.
 */
export function readFile(listed: ListedFile): FileTags | Promise<FileTags> {
  if (listed.path.startsWith('s3://')) {
    throw new PermanentError(
      'the music job reads files of this machine, not objects: scan where the files are',
      { code: 'NOT_HERE' },
    );
  }
  const file = opened(listed.path);
  let open = false;
  try {
    checkUnchanged(listed, file);
    const { path } = listed;
    const { size } = file;
    const mtime = Math.floor(file.mtimeMs);
    const print = hash('sha256', file.marks, 'hex').slice(0, 32);
    const { format, mime } = kindOf(file.head, path);
    const tags = readFast(file, format);
    if (tags !== undefined) return { path, size, mtime, print, tags };
    open = true;
    return byLibrary(file, mime)
      .then((read) => ({ path, size, mtime, print, tags: read }))
      .finally(() => closeSync(file.fd));
  } catch (fault) {
    throw systemFault(fault);
  } finally {
    if (!open) closeSync(file.fd);
  }
}

function opened(path: string): OpenFile {
  try {
    return openFile(path);
  } catch (fault) {
    throw systemFault(fault);
  }
}

function checkUnchanged({ size, mtime }: ListedFile, file: OpenFile): void {
  const other =
    (size !== undefined && size !== file.size) ||
    (mtime !== undefined && Math.abs(mtime - file.mtimeMs) >= 1);
  if (other) {
    throw new PermanentError(
      'the file has changed since it was listed: the next scan will read it',
      { code: 'CHANGED' },
    );
  }
  if (file.size === 0) throw new PermanentError('the file is empty', { code: 'EMPTY' });
}

async function byLibrary(file: OpenFile, mime: string): Promise<Tags> {
  try {
    return await readWithLibrary(descriptorFile(file.fd, file.size), mime);
  } catch (fault) {
    const { code, message, name } = fault as NodeJS.ErrnoException;
    if (typeof code === 'string' && code !== 'READ_LIMIT') throw systemFault(fault);
    const none = /CouldNotDetermineFileType|UnsupportedFileType/.test(name) || NONE.test(message);
    const words = none
      ? `no audio that can be read: ${message}`
      : `the file is damaged: ${message || name}`;
    throw new PermanentError(words, {
      code: code ?? (none ? 'NO_AUDIO' : 'BAD_FILE'),
      cause: fault,
    });
  }
}

const NONE = /^there is no audio in it|^Failed to determine audio format/;

/** What the system says of a file, as the outcome's error; any other fault as it is. */
function systemFault(fault: unknown): unknown {
  const { code = '', message, syscall } = fault as NodeJS.ErrnoException;
  if (syscall === undefined || !/^E[A-Z0-9]+$/.test(code)) return fault;
  if (PASSING.has(code)) return new RetryableError(message, { code, cause: fault });
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new PermanentError('the file is gone since it was listed', {
      code: 'GONE',
      cause: fault,
    });
  }
  return new PermanentError(`the file cannot be read: ${code}`, {
    code: 'UNREADABLE',
    cause: fault,
  });
}

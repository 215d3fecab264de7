import { SluiceError } from '../../core/errors.ts';

/** What to do about a disk that refuses, by the system's or SQLite's code. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "free space on that disk, then 'sluice resume'",
  EDQUOT: "free space in your quota, then 'sluice resume'",
  EFBIG: "raise the limit on the size of files (ulimit -f), then 'sluice resume'",
  EROFS: "that disk is read-only: make it writable or choose another folder, then 'sluice resume'",
  EACCES: "give this user the right to read and write there, then 'sluice resume'",
  EPERM: "give this user the right to read and write there, then 'sluice resume'",
  EMFILE: "raise the limit on open files (ulimit -n), then 'sluice resume'",
  ENFILE: "close other programs' files, then 'sluice resume'",
  ENOTDIR: 'a file is where a folder must be: move it away or choose another folder',
  EEXIST: 'a file is where a folder must be: move it away or choose another folder',
  EIO: "the disk has a fault: look at the system's log before you go on",
  SQLITE_FULL: "free space on that disk, then 'sluice resume'",
  SQLITE_READONLY: "give this user the right to write there, then 'sluice resume'",
  SQLITE_CANTOPEN: 'check that the folder is there and that this user may write in it',
  SQLITE_IOERR: "look for a full or faulty disk (df, the system's log), then 'sluice resume'",
  SQLITE_CORRUPT: 'restore this file from a copy; do not delete it before you have one',
  SQLITE_NOTADB: 'this file was not written by sluice: choose another folder',
};

const DAMAGED = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB']);

/**
 * A fault of the disk, as the error for the person at the door: `doing` says what was tried, on which file.
 * What is a SluiceError already stays as it is.
 */
export function storeError(fault: unknown, doing: string): SluiceError {
  if (fault instanceof SluiceError) return fault;
  const { code, message } = (fault ?? {}) as { code?: unknown; message?: unknown };
  const known = typeof code === 'string' ? code : '';
  // SQLite's extended codes (SQLITE_IOERR_WRITE) begin with the code that has the hint.
  const base = Object.keys(HINTS).find((name) => known === name || known.startsWith(`${name}_`));
  const hint = base === undefined ? undefined : HINTS[base];
  const reason = typeof message === 'string' ? message : String(fault);
  const kind = base !== undefined && DAMAGED.has(base) ? 'DAMAGED' : 'STORE';
  return new SluiceError(kind, `${doing}: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: fault,
  });
}

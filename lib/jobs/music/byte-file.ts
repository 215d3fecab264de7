import { fstatSync, openSync, readSync } from 'node:fs';

/** Bytes of one file by position, read in few and bounded steps. */
export interface ByteFile {
  readonly size: number;
  /** The bytes from `start` on: `length` of them, fewer at the end of the file. Valid until the next file is opened. */
  at(start: number, length: number): Buffer;
}

/** What a reader throws that is over its bound; `code` is the failure's. */
export class ReadLimit extends Error {
  readonly code = 'READ_LIMIT';
}

export interface ReadBounds {
  /** Bytes that may be asked for in all. */
  bytes: number;
  /** Calls of `at`. */
  calls: number;
}

/** A tag with a text of a page or two, and the first frames behind it, are in the first read. */
const HEAD_BYTES = 8 * 1024;
/** ID3v1 and the APE footer need 160 of them; the rest tells copies from one another. */
const TAIL_BYTES = 4 * 1024;
/** Another read takes at least this much, which costs no more than a byte. */
const WINDOW_BYTES = 4 * 1024;

/** Digits of the largest size. */
const SIZE_CHARS = 16;
/** The size as text, the head and the tail, without a gap: so they are hashed in one step. */
const blockOfThread = Buffer.allocUnsafeSlow(SIZE_CHARS + HEAD_BYTES + TAIL_BYTES);

export interface OpenFile extends ByteFile {
  readonly fd: number;
  readonly mtimeMs: number;
  readonly head: Buffer;
  readonly tail: Buffer;
  /** What tells copies: the size in digits, the head, the tail. */
  readonly marks: Buffer;
}

/**
 * Opens a file and reads its first 8 KiB and its last 4 KiB. Synchronous calls: through the thread pool the same three
 * calls cost six times as much. The caller closes `fd`.
 */
export function openFile(path: string | Buffer): OpenFile {
  const fd = openSync(path, 'r');
  const { size, mtimeMs } = fstatSync(fd);
  const text = String(size);
  const from = SIZE_CHARS - text.length;
  blockOfThread.write(text, from, 'latin1');
  const place = blockOfThread.subarray(SIZE_CHARS, SIZE_CHARS + HEAD_BYTES);
  const head = place.subarray(0, fill(fd, place, 0));
  const headEnd = SIZE_CHARS + head.length;
  const tailAt = Math.max(head.length, size - TAIL_BYTES);
  const behind = blockOfThread.subarray(headEnd, headEnd + Math.max(0, size - tailAt));
  const tail = behind.subarray(0, behind.length === 0 ? 0 : fill(fd, behind, tailAt));
  const marks = blockOfThread.subarray(from, headEnd + tail.length);
  return { ...windowed({ fd, size, head, tail, tailAt }), fd, mtimeMs, head, tail, marks };
}

function fill(fd: number, into: Buffer, position: number): number {
  let done = 0;
  while (done < into.length) {
    const read = readSync(fd, into, done, into.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

interface Known {
  fd: number;
  size: number;
  head: Buffer;
  tail: Buffer;
  tailAt: number;
}

function windowed({ fd, size, head, tail, tailAt }: Known): ByteFile {
  let window = head;
  let windowAt = 0;
  const at = (start: number, asked: number): Buffer => {
    const length = Math.max(0, Math.min(asked, size - start));
    if (start + length <= head.length) return head.subarray(start, start + length);
    if (start >= tailAt && start + length <= tailAt + tail.length) {
      return tail.subarray(start - tailAt, start - tailAt + length);
    }
    if (start < windowAt || start + length > windowAt + window.length) {
      const fresh = Buffer.allocUnsafe(Math.max(length, WINDOW_BYTES));
      window = fresh.subarray(0, fill(fd, fresh, start));
      windowAt = start;
    }
    return window.subarray(start - windowAt, start - windowAt + length);
  };
  return { size, at };
}

/** Counts what is asked for: whoever goes in circles ends, however the file was made. */
export function bounded(file: ByteFile, { bytes, calls }: ReadBounds): ByteFile {
  let bytesLeft = bytes;
  let callsLeft = calls;
  return {
    size: file.size,
    at: (start, length) => {
      bytesLeft -= Math.min(length, file.size);
      callsLeft -= 1;
      if (bytesLeft < 0 || callsLeft < 0) {
        throw new ReadLimit(
          `more than ${bytes} bytes or ${calls} reads were needed for the tags of a file of ${file.size} bytes`,
        );
      }
      return file.at(start, length);
    },
  };
}

/** A file by its descriptor alone: for whoever goes on while the next file is opened. */
export const descriptorFile = (fd: number, size: number): ByteFile =>
  windowed({ fd, size, head: NONE, tail: NONE, tailAt: size });

const NONE = Buffer.alloc(0);

export const bytesInMemory = (bytes: Buffer): ByteFile => ({
  size: bytes.length,
  at: (start, length) => bytes.subarray(start, start + length),
});

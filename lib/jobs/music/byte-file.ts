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
  // No more than the file has: a read that comes to its end is asked for the rest once more.
  const headEnd = SIZE_CHARS + fill(fd, placeOf(SIZE_CHARS, Math.min(HEAD_BYTES, size)), 0);
  const head = placeOf(SIZE_CHARS, headEnd - SIZE_CHARS);
  const tailAt = Math.max(head.length, size - TAIL_BYTES);
  const behind = placeOf(headEnd, Math.max(0, size - tailAt));
  const tail = behind.subarray(0, behind.length === 0 ? 0 : fill(fd, behind, tailAt));
  const marks = placeOf(from, headEnd + tail.length - from);
  return new WindowedFile({ fd, size, head, tail, tailAt, mtimeMs, marks });
}

const placeOf = (at: number, length: number): Buffer => blockOfThread.subarray(at, at + length);

function fill(fd: number, into: Buffer, position: number): number {
  let done = 0;
  while (done < into.length) {
    const read = readSync(fd, into, done, into.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

interface Known extends Omit<OpenFile, 'at'> {
  readonly tail: Buffer;
  readonly tailAt: number;
}

/** A class, as is what bounds it: closures were made anew for each file. */
class WindowedFile implements OpenFile, Known {
  readonly fd: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly head: Buffer;
  readonly marks: Buffer;
  readonly tail: Buffer;
  readonly tailAt: number;
  #window: Buffer;
  #windowAt = 0;

  constructor({ fd, size, mtimeMs, head, marks, tail, tailAt }: Known) {
    this.fd = fd;
    this.size = size;
    this.mtimeMs = mtimeMs;
    this.head = head;
    this.marks = marks;
    this.tail = tail;
    this.tailAt = tailAt;
    this.#window = head;
  }

  at(start: number, asked: number): Buffer {
    const { size, head, tail, tailAt } = this;
    const length = Math.max(0, Math.min(asked, size - start));
    if (start + length <= head.length) return head.subarray(start, start + length);
    if (start >= tailAt && start + length <= tailAt + tail.length) {
      return tail.subarray(start - tailAt, start - tailAt + length);
    }
    if (start < this.#windowAt || start + length > this.#windowAt + this.#window.length) {
      const fresh = Buffer.allocUnsafe(Math.max(length, WINDOW_BYTES));
      this.#window = fresh.subarray(0, fill(this.fd, fresh, start));
      this.#windowAt = start;
    }
    const from = start - this.#windowAt;
    return this.#window.subarray(from, from + length);
  }
}

/** Counts what is asked for: whoever goes in circles ends, however the file was made. */
export const bounded = (file: ByteFile, bounds: ReadBounds): ByteFile => new Bounded(file, bounds);

class Bounded implements ByteFile {
  readonly size: number;
  readonly #file: ByteFile;
  readonly #bounds: ReadBounds;
  #bytes = 0;
  #calls = 0;

  constructor(file: ByteFile, bounds: ReadBounds) {
    this.size = file.size;
    this.#file = file;
    this.#bounds = bounds;
  }

  at(start: number, length: number): Buffer {
    const { bytes, calls } = this.#bounds;
    this.#bytes += Math.min(length, this.size);
    this.#calls += 1;
    if (this.#bytes > bytes || this.#calls > calls) {
      throw new ReadLimit(
        `more than ${bytes} bytes or ${calls} reads were needed for the tags of a file of ${this.size} bytes`,
      );
    }
    return this.#file.at(start, length);
  }
}

/** A file by its descriptor alone: for whoever goes on while the next file is opened. */
export const descriptorFile = (fd: number, size: number): ByteFile =>
  new WindowedFile({ fd, size, mtimeMs: 0, head: NONE, marks: NONE, tail: NONE, tailAt: size });

const NONE = Buffer.alloc(0);

export const bytesInMemory = (bytes: Buffer): ByteFile => ({
  size: bytes.length,
  at: (start, length) => bytes.subarray(start, start + length),
});

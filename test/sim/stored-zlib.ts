import { crc32 } from 'node:zlib';

/**
 * Stands for node:zlib in the simulator's bundle: gzip members that hold their text as it is, made and read at
 * once. Real gzip costs 50 microseconds a section, and its asynchronous form answers from a thread pool in an
 * order that no seed decides. The frames are those of RFC 1952, so every length and checksum is checked as ever.
 */
const HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const LARGEST_BLOCK = 0xffff;
const BLOCK_HEAD = 5;
const TAIL = 8;

export function gzipSync(text: string | Uint8Array, _options?: unknown): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);
  const pieces: Buffer[] = [HEAD];
  let at = 0;
  do {
    const block = bytes.subarray(at, at + LARGEST_BLOCK);
    at += block.length;
    const head = Buffer.alloc(BLOCK_HEAD);
    head[0] = at >= bytes.length ? 1 : 0;
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(block.length ^ 0xffff, 3);
    pieces.push(head, block);
  } while (at < bytes.length);
  const tail = Buffer.alloc(TAIL);
  tail.writeUInt32LE(crc32(bytes), 0);
  tail.writeUInt32LE(bytes.length, 4);
  pieces.push(tail);
  return Buffer.concat(pieces);
}

/** All members of a run, one after another. Throws when a frame, a length or a checksum is wrong. */
export function gunzipSync(given: Uint8Array): Buffer {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const found: Buffer[] = [];
  let at = 0;
  if (bytes.length === 0) throw new Error('unexpected end of file');
  while (at < bytes.length) {
    if (bytes.compare(HEAD, 0, HEAD.length, at, at + HEAD.length) !== 0) {
      throw new Error('incorrect header check');
    }
    at += HEAD.length;
    const member: Buffer[] = [];
    for (let last = false; !last; ) {
      if (at + BLOCK_HEAD > bytes.length) throw new Error('unexpected end of file');
      last = bytes[at] === 1;
      const length = bytes.readUInt16LE(at + 1);
      if ((length ^ 0xffff) !== bytes.readUInt16LE(at + 3)) throw new Error('invalid stored block');
      member.push(bytes.subarray(at + BLOCK_HEAD, at + BLOCK_HEAD + length));
      at += BLOCK_HEAD + length;
    }
    const text = Buffer.concat(member);
    if (at + TAIL > bytes.length) throw new Error('unexpected end of file');
    if (bytes.readUInt32LE(at) !== crc32(text)) throw new Error('incorrect data check');
    if (bytes.readUInt32LE(at + 4) !== text.length) throw new Error('incorrect length check');
    at += TAIL;
    found.push(text);
  }
  return Buffer.concat(found);
}

export function gunzip(
  bytes: Uint8Array,
  _options: unknown,
  answer: (error: Error | null, text: Buffer) => void,
): void {
  let text: Buffer;
  try {
    text = gunzipSync(bytes);
  } catch (error) {
    queueMicrotask(() => answer(error as Error, Buffer.alloc(0)));
    return;
  }
  queueMicrotask(() => answer(null, text));
}

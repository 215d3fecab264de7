import { unsure } from './unsure.ts';

/** Texts of tags. What the library reads in a way of its own (a byte order mark where none belongs) is left to it. */

export function latin1(bytes: Buffer, from = 0): string {
  if (bytes[from] === 0xff && bytes[from + 1] === 0xfe) unsure();
  return bytes.toString('latin1', from);
}

export function utf8(bytes: Buffer, from = 0): string {
  if (bytes[from] === 0xff && bytes[from + 1] === 0xfe) unsure();
  if (bytes[from] === 0xef && bytes[from + 1] === 0xbb) unsure();
  return bytes.toString('utf8', from);
}

/** Half of a pair of UTF-16, which is no character. */
const HALF_PAIR = /\p{Surrogate}/u;

function utf16(bytes: Buffer, bigEndian: boolean): string {
  if (bytes.length % 2 === 1) unsure();
  let text = bytes;
  let swapped = bigEndian;
  if (text[0] === 0xff && text[1] === 0xfe) {
    if (bigEndian) unsure();
    text = text.subarray(2);
  } else if (text[0] === 0xfe && text[1] === 0xff) {
    text = text.subarray(2);
    swapped = true;
  }
  const decoded = (swapped ? Buffer.from(text).swap16() : text).toString('utf16le');
  // A second mark, or half a pair.
  if (decoded.startsWith('\ufeff') || decoded.startsWith('\ufffe') || HALF_PAIR.test(decoded)) {
    unsure();
  }
  return decoded;
}

/** A text of an ID3v2 frame from `from` on, by the frame's first byte. */
export function id3Text(encoding: number, bytes: Buffer, from = 0): string {
  if (encoding === 0) return latin1(bytes, from);
  if (encoding === 1) return utf16(bytes.subarray(from), false);
  if (encoding === 2) return utf16(bytes.subarray(from), true);
  if (encoding === 3) return utf8(bytes, from);
  return unsure();
}

import { unsure } from './unsure.ts';

/** Texts of tags. What the library reads in a way of its own (a byte order mark where none belongs) is left to it. */

export function latin1(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) unsure();
  return bytes.toString('latin1');
}

export function utf8(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) unsure();
  if (bytes[0] === 0xef && bytes[1] === 0xbb) unsure();
  return bytes.toString('utf8');
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

/** A text of an ID3v2 frame, by its first byte. */
export function id3Text(encoding: number, bytes: Buffer): string {
  if (encoding === 0) return latin1(bytes);
  if (encoding === 1) return utf16(bytes, false);
  if (encoding === 2) return utf16(bytes, true);
  if (encoding === 3) return utf8(bytes);
  return unsure();
}

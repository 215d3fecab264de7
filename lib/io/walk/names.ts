import { isUtf8 } from 'node:buffer';

/**
 * Names are read as bytes, a character each (latin1): two of them compare as their bytes do, and one that is not UTF-8
 * is told from another.
 */
const ASCII = /^[\0-\x7f]*$/;

/** The name as text; undefined when it is not UTF-8. */
export function textOf(name: string): string | undefined {
  if (ASCII.test(name)) return name;
  const bytes = Buffer.from(name, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

/** A name that is not UTF-8, as a person can read it: what is not ASCII as `\xff`. */
export const escaped = (name: string): string =>
  name.replaceAll(
    /[^\x20-\x7e]/g,
    (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

export const bytesOf = (text: string): string =>
  ASCII.test(text) ? text : Buffer.from(text).toString('latin1');

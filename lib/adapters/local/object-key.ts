/**
 * Keys of objects as paths below one folder, both ways. Pure, so that the memory store judges and
 * orders keys by the same code.
 *
 * Every segment becomes names of [A-Za-z0-9._-] and percent signs only, so no key can leave the folder:
 * `.`, `..` and the device names of Windows lose a character to an escape, an empty segment is `%_`. A file
 * without a dot and a folder with one end in `%`: the object `a` and the objects below `a/` never meet, and
 * the names people look for (`batches/x/r0/report.html`) stay as they are. A segment of more than 200
 * characters goes on in the next level, its pieces end in `%-`; a hash would need a second file to list it.
 * Not told apart: keys that differ only in case, on a disk that ignores case.
 */
import { SluiceError } from '../../core/errors.ts';

/** S3 takes 1,024 bytes. */
const KEY_BYTES = 1024;
/** File systems take 255; the marks need 2. */
const PIECE_CHARS = 200;
const GOES_ON = '%-';
const EMPTY = '%_';

const encoder = new TextEncoder();

/** Throws a SluiceError `STORE` for a key that no store could take. */
export function checkKey(key: string): void {
  const bytes = encoder.encode(key).length;
  const reason =
    bytes === 0
      ? 'it is empty'
      : bytes > KEY_BYTES
        ? `it has ${bytes} bytes, more than ${KEY_BYTES}`
        : /\p{Surrogate}/u.test(key)
          ? 'it holds half of a surrogate pair'
          : undefined;
  if (reason === undefined) return;
  const shown = JSON.stringify(key.slice(0, 100));
  throw new SluiceError('STORE', `the object key ${shown} cannot be stored: ${reason}`, {
    hint: 'give the batch or the file another name',
  });
}

/** Names from the root down to the file. */
export function pathOfKey(key: string): string[] {
  const segments = key.split('/');
  const leaf = segments.pop() ?? '';
  const pieces = piecesOf(leaf);
  const last = pieces.pop() ?? EMPTY;
  return [...pathOfFolders(segments), ...pieces, last.includes('.') ? last : `${last}%`];
}

/** Names from the root down to the folder of these whole segments. */
export function pathOfFolders(segments: readonly string[]): string[] {
  const names: string[] = [];
  for (const segment of segments) {
    const pieces = piecesOf(segment);
    const last = pieces.pop() ?? EMPTY;
    names.push(...pieces, last.includes('.') ? `${last}%` : last);
  }
  return names;
}

/** What a name in the folder stands for: `text` of the key, up to here; undefined when it is not ours. */
export function decodeName(
  name: string,
  isFolder: boolean,
): { text: string; goesOn: boolean } | undefined {
  const goesOn = name.endsWith(GOES_ON);
  if (goesOn) return isFolder ? decoded(name.slice(0, -GOES_ON.length), { goesOn }) : undefined;
  if (name.includes('.') !== isFolder) {
    // A file with a dot, a folder without one: no mark.
    return decoded(name, { goesOn });
  }
  return name.endsWith('%') ? decoded(name.slice(0, -1), { goesOn }) : undefined;
}

function decoded(
  name: string,
  rest: { goesOn: boolean },
): { text: string; goesOn: boolean } | undefined {
  if (name === EMPTY) return { text: '', ...rest };
  try {
    const text = decodeURIComponent(name);
    // Only the spelling that encoding gives: a stray file must not show up as an object that get cannot find.
    return piecesOf(text).join('') === name && text !== '' ? { text, ...rest } : undefined;
  } catch {
    return undefined;
  }
}

/** The encoded segment; all pieces but the last end in `%-`. */
function piecesOf(segment: string): string[] {
  if (segment === '') return [EMPTY];
  const pieces: string[] = [];
  let piece = '';
  for (const char of segment) {
    const code = escapeOf(char);
    if (piece.length + code.length > PIECE_CHARS) {
      pieces.push(`${harmless(piece)}${GOES_ON}`);
      piece = '';
    }
    piece += code;
  }
  pieces.push(harmless(piece));
  return pieces;
}

const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

const escapeOf = (char: string): string =>
  /^[\w.-]$/.test(char) ? char : Array.from(encoder.encode(char), percent).join('');

/** Windows knows devices by name, with any ending, and drops a dot at the end; `.` and `..` end in one. */
function harmless(name: string): string {
  const noDevice = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)
    ? `${percent(name.charCodeAt(0))}${name.slice(1)}`
    : name;
  return noDevice.replace(/\.$/, percent(0x2e));
}

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Club, parseClubList } from './club-list.ts';

/** Where lists of clubs were read, and what was there. */
export interface ClubsPin {
  /** Absolute path of a file, or of a folder. */
  from: string;
  /** SHA-256 over names and bytes of its lists. */
  digest: string;
}

/** Far above all lists of openfootball (1.3 MB in 104 files), far below a batch's input given by mistake. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_FILES = 10_000;
/** Entries that are looked at in a folder: a home folder given by mistake has more. */
const MAX_ENTRIES = 200_000;

/** What was read last: the check of the options and the rows of a batch share it. */
let last: { digest: string; clubs: readonly Club[] } | undefined;

/**
 * Reads a list of clubs, or all `*clubs.txt` of a folder and of those below it, by their paths.
 * @throws Error that names the file, and the line where a list is wrong
 */
export function readClubs(from: string): ClubsPin & { clubs: readonly Club[] } {
  const files = filesOf(from);
  const hash = createHash('sha256');
  const lists = files.map((file) => {
    const bytes = readFileSync(file);
    hash.update(`${relative(from, file)}\0${bytes.length}\0`).update(bytes);
    return { file, bytes };
  });
  const digest = hash.digest('hex');
  if (last?.digest !== digest) {
    const clubs = lists.flatMap(({ file, bytes }) => parseClubList(textOf(file, bytes), file));
    if (clubs.length === 0) throw new Error(`${from} has no club.`);
    last = { digest, clubs };
  }
  return { from, digest, clubs: last.clubs };
}

/**
 * The clubs that a batch was started with, from memory or from where they were read.
 * @throws Error if they are gone or others by now
 */
export function clubsOf({ from, digest }: ClubsPin): readonly Club[] {
  if (last?.digest === digest) return last.clubs;
  const found = readClubs(from);
  if (found.digest === digest) return found.clubs;
  throw new Error(
    `clubs ${from} are not those that the batch was started with: their SHA-256 was ${digest} and is ` +
      `${found.digest}. Put them back, or start a new batch.`,
  );
}

function filesOf(from: string): string[] {
  let bytes = 0;
  const files: string[] = [];
  const add = (file: string): void => {
    bytes += statSync(file).size;
    files.push(file);
    if (bytes > MAX_BYTES || files.length > MAX_FILES) {
      throw new Error(`${from} has more than ${MAX_BYTES} bytes or ${MAX_FILES} lists of clubs.`);
    }
  };
  if (!statSync(from).isDirectory()) add(from);
  else {
    const names = readdirSync(from, { recursive: true, encoding: 'utf8' });
    if (names.length > MAX_ENTRIES) {
      throw new Error(
        `${from} has ${names.length} entries: give a folder of at most ${MAX_ENTRIES}.`,
      );
    }
    for (const name of names.toSorted()) if (name.endsWith('clubs.txt')) add(join(from, name));
    if (files.length === 0)
      throw new Error(`${from} has no list of clubs: no *clubs.txt is in it.`);
  }
  return files;
}

function textOf(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error(`${file} is no UTF-8 text.`, { cause: error });
  }
}

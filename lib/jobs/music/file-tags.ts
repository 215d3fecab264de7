import { fold, isVarious, keyPart, mainArtist, mainTitle, VARIOUS } from './names.ts';
import type { Tags } from './tags.ts';

/** A file and what its tags say: what the first stage gives and groups are made of. */
export interface FileTags {
  path: string;
  /** Bytes. */
  size: number;
  /** When it was last changed, in whole milliseconds since 1970. */
  mtime: number;
  /** Of its first 8 KiB and its last 4 KiB, 32 hexadecimal digits of SHA-256: two files with one size and one print are taken for copies. */
  print: string;
  tags: Tags;
}

/** Whose album a file belongs to, as it is written there. */
export function albumArtistOf({ albumArtist, artist, compilation }: Tags): string | undefined {
  if (albumArtist !== undefined) return isVarious(albumArtist) ? VARIOUS : mainArtist(albumArtist);
  if (compilation === true) return VARIOUS;
  if (artist === undefined) return undefined;
  return isVarious(artist) ? VARIOUS : mainArtist(artist);
}

/**
 * What files of one album have in common: `artist / album`, folded. A file without an album stands with those of its artist and
 * title; without a title as well, with its copies.
 */
export function albumKey({ tags, print }: FileTags): string {
  // Files of an album follow one another, in a folder as in a group.
  if (tags.album !== undefined && tagsBefore !== undefined && isSameAlbum(tags, tagsBefore)) {
    return keyBefore;
  }
  const artist = albumArtistOf(tags);
  const first = artist === undefined ? '[no artist]' : keyPart(fold(artist));
  if (tags.album !== undefined) {
    tagsBefore = tags;
    keyBefore = `${first} / ${keyPart(fold(tags.album))}`;
    return keyBefore;
  }
  if (tags.title === undefined) return `${first} / [no album] / [${print}]`;
  return `${first} / [no album] / ${keyPart(fold(mainTitle(tags.title)))}`;
}

/** The last that had an album, and its key. */
let tagsBefore: Tags | undefined;
let keyBefore = '';

const isSameAlbum = (a: Tags, b: Tags): boolean =>
  a.album === b.album &&
  a.albumArtist === b.albumArtist &&
  a.artist === b.artist &&
  a.compilation === b.compilation;

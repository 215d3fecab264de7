import { createHash } from 'node:crypto';

/** Letters that Unicode does not take apart. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
};

/** Names that were folded last: a library has each artist and album many times. */
const folded = new Map<string, string>();
const MAX_FOLDED = 20_000;

/**
 * A name without case, accents, punctuation and a leading 'The': what two spellings of one name have in common. A name of
 * nothing but signs ('!!!') stays as it is.
 */
export function fold(name: string): string {
  const known = folded.get(name);
  if (known !== undefined) return known;
  if (folded.size >= MAX_FOLDED) folded.clear();
  const result = folding(name);
  folded.set(name, result);
  return result;
}

function folding(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .replace(/[ßæœøđðþłħı]/g, (letter) => LETTERS[letter] as string)
    .replace(/&|\+/g, ' and ');
  const words = plain
    .replace(/['’ʼ`´]/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
  if (words === '' || words === 'and') return name.normalize('NFKC').toLowerCase().trim();
  return words.replace(/^the (?=.)/, '').replace(/(?<=.) the$/, /, *the$/.test(plain) ? '' : '$&');
}

/** 'A feat. B', 'A (ft. B)', 'A [featuring B]'. 'with' and '&' may be part of a name: they stay. */
const GUESTS = /\s+(?:[([]\s*)?(?:feat\.?|ft\.?|featuring)\s+.*$/i;

/** An artist without the guests of a track. */
export const mainArtist = (artist: string): string => artist.replace(GUESTS, '').trim() || artist;

/** A title without the guests, who stand there as often as among the artists. */
export const mainTitle = (title: string): string =>
  title.replace(/\s+[([]\s*(?:feat\.?|ft\.?|featuring)\s+[^)\]]*[)\]]/gi, '').trim() || title;

export const VARIOUS = 'Various Artists';
const VARIOUS_NAMES = new Set(['various artists', 'various', 'va', 'v a', 'compilation']);

export const isVarious = (artist: string): boolean => VARIOUS_NAMES.has(fold(artist));

/** A group's key has at most 1,024 bytes; two parts of these, and what is between them, have fewer. */
const MAX_PART_BYTES = 400;

/** A part of a group's key: a long one by its beginning and its hash. */
export function keyPart(text: string): string {
  if (Buffer.byteLength(text) <= MAX_PART_BYTES) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 32);
  return `${[...text].slice(0, 80).join('')}~${hash}`;
}

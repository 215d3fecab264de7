import type { ByteFile } from './byte-file.ts';
import { type Collector, PRIORITY } from './collect.ts';
import { unsure } from './unsure.ts';

export const ID3V1_BYTES = 128;
const APE = Buffer.from('APETAGEX');
/** Numbers from here on have no name. */
const GENRES = 192;

/** Refuses what else stands at the end of a file: APE tags and Lyrics3 are the library's. */
export function hasId3v1(file: ByteFile): boolean {
  const tail = file.at(Math.max(0, file.size - 160), 160);
  if (tail.includes(APE)) unsure();
  const header = tail.subarray(Math.max(0, tail.length - ID3V1_BYTES));
  if (header.toString('latin1', 0, 3) !== 'TAG' || header.length < ID3V1_BYTES) return false;
  if (file.at(file.size - 137, 9).toString('latin1') === 'LYRICS200') unsure();
  return true;
}

/** Fills what the tag at the start leaves open. */
export function readId3v1(file: ByteFile, collector: Collector): void {
  const tag = file.at(file.size - ID3V1_BYTES, ID3V1_BYTES);
  const add = (field: string, value: string): void => {
    if (value !== '') collector.add(PRIORITY.id3v1, field, value);
  };
  const cut = (from: number, length: number): string => {
    const raw = tag.toString('latin1', from, from + length);
    const end = raw.indexOf('\0');
    return (end < 0 ? raw : raw.slice(0, end)).trim();
  };
  add('title', cut(3, 30));
  add('artist', cut(33, 30));
  add('album', cut(63, 30));
  const track = tag[125] === 0 ? (tag[126] as number) : 0;
  if (track !== 0) add('track', String(track));
  add('year', cut(93, 4));
  const genre = tag[127] as number;
  // Its name is in a list that the library has.
  if (genre < GENRES && collector.fields().genre === undefined) unsure();
}

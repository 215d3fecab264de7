import type { ByteFile } from './byte-file.ts';
import { type Collector, PRIORITY } from './collect.ts';
import { id3Text, latin1 } from './text.ts';
import { unsure } from './unsure.ts';

/** The letters of a frame's name as a number: no text is made of those that are known. */
const word = (id: string): number => Buffer.from(id, 'latin1').readUIntBE(0, id.length);
const byWord = (fields: Readonly<Record<string, string>>): Map<number, string> =>
  new Map(Object.entries(fields).map(([id, field]) => [word(id), field]));

/** Text frames of versions 2.3 and 2.4 (id3.org) by the field they fill. */
const FRAMES = byWord({
  TIT2: 'title',
  TPE1: 'artist',
  TPE2: 'albumartist',
  TALB: 'album',
  TDRV: 'date',
  TDRC: 'date',
  TYER: 'year',
  TPOS: 'disk',
  TRCK: 'track',
  TCON: 'genre',
  TCMP: 'compilation',
  TSRC: 'isrc',
});

/** Of version 2.2. */
const FRAMES_2 = byWord({
  TT2: 'title',
  TP1: 'artist',
  TP2: 'albumartist',
  TAL: 'album',
  TYE: 'year',
  TDR: 'date',
  TPA: 'disk',
  TRK: 'track',
  TCO: 'genre',
  TCP: 'compilation',
});

/** TXXX frames by their description in capitals. */
const USER_TEXTS = new Map(
  Object.entries({
    ARTISTS: 'artists',
    DISCOGS_ARTISTS: 'artists',
    DISCOGS_ARTIST_NAME: 'artists',
    DISCOGS_ALBUM_ARTISTS: 'albumartist',
    DISCOGS_RELEASED: 'date',
    STYLE: 'genre',
    ISRC: 'isrc',
    'MUSICBRAINZ RELEASE TRACK ID': 'musicbrainz_trackid',
    'MUSICBRAINZ ALBUM ID': 'musicbrainz_albumid',
    'MUSICBRAINZ ARTIST ID': 'musicbrainz_artistid',
    'MUSICBRAINZ ALBUM ARTIST ID': 'musicbrainz_albumartistid',
    'MUSICBRAINZ RELEASE GROUP ID': 'musicbrainz_releasegroupid',
  }),
);

/** Other frames that no reading of goes wrong. Chapters, for one, hold frames of their own: they are the library's. */
const HARMLESS = new Set(['APIC', 'PIC', 'MCDI', 'PRIV', 'RVA2', 'RVAD', 'RVA', 'TXX', 'UFI']);
/** Fields that are never parted. */
const SINGLE = new Set(['track', 'disk', 'title']);
const COMMENTS = new Set(['COMM', 'COM', 'USLT', 'ULT']);

/** A text frame above this is none of a name. */
const MAX_FRAME_BYTES = 64 * 1024;
const MAX_FRAMES = 1000;
/** What follows the last frame must be zeros, or there are frames behind it. */
const MAX_PADDING_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(MAX_PADDING_BYTES);

const HEADER_BYTES = 10;
/** Of a tag that are looked at in one step: as many as the first read of a file has. */
const NEAR_BYTES = 8 * 1024;

/** Adds what the tag at the start of a file says, and gives the position behind it; 0 where there is no tag. */
export function readId3v2(file: ByteFile, collector: Collector): number {
  const header = file.at(0, HEADER_BYTES);
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, 3) !== 'ID3') return 0;
  const version = header[3] as number;
  const flags = header[5] as number;
  if (version < 2 || version > 4 || flags !== 0) unsure();
  const end = HEADER_BYTES + syncSafe(header, 6);
  if (end > file.size) unsure();
  const near = file.at(0, Math.min(end, NEAR_BYTES));
  const tag: Tag = { file, collector, version, end, near, nearAt: 0 };
  let at = HEADER_BYTES;
  for (let frames = 0; at < end; frames++) {
    if (frames === MAX_FRAMES) unsure();
    const next = readFrame(tag, at);
    if (next === undefined) break;
    at = next;
  }
  if (at < end) checkPadding(file.at(at, end - at));
  return end;
}

interface Tag {
  file: ByteFile;
  collector: Collector;
  version: number;
  end: number;
  /** The bytes around the frame, and where they begin. */
  near: Buffer;
  nearAt: number;
}

/** The place in `near` of `length` bytes from `at` on. */
function placeOf(tag: Tag, at: number, length: number): number {
  if (at < tag.nearAt || at + length > tag.nearAt + tag.near.length) {
    tag.near = tag.file.at(at, length);
    tag.nearAt = at;
  }
  return at - tag.nearAt;
}

/** Position of the next frame; undefined where the padding begins. */
function readFrame(tag: Tag, at: number): number | undefined {
  const { version, end } = tag;
  const long = version === 2 ? 6 : HEADER_BYTES;
  const place = placeOf(tag, at, Math.min(long, end - at));
  const header = tag.near;
  if (header[place] === 0 || end - at < long) return undefined;
  const name = version === 2 ? header.readUIntBE(place, 3) : header.readUInt32BE(place);
  const length =
    version === 2
      ? header.readUIntBE(place + 3, 3)
      : version === 3
        ? header.readUInt32BE(place + 4)
        : syncSafe(header, place + 4);
  const field = (version === 2 ? FRAMES_2 : FRAMES).get(name);
  const id = field ?? header.toString('latin1', place, place + (version === 2 ? 3 : 4));
  if (field === undefined && !/^[A-Z][A-Z0-9]{2,3}$/.test(id)) unsure();
  // Compression, encryption, grouping, unsynchronisation, a length indicator.
  if (version > 2 && header[place + 9] !== 0) unsure();
  const next = at + long + length;
  if (next > end) unsure();
  if (length === 0) return next;
  if (field !== undefined) addText(tag, field, dataOf(tag, at + long, length));
  else if (id === 'TXXX' || id === 'UFID' || COMMENTS.has(id)) {
    addFrame(tag, id, dataOf(tag, at + long, length));
  } else if (!HARMLESS.has(id) && !/^[TW]...?$/.test(id)) {
    unsure();
  } else if (/^WXXX|^TIPL|^TMCL|^WFED|^WFD/.test(id)) {
    checkEncoding(dataOf(tag, at + long, 1)[0] as number);
  }
  return next;
}

function dataOf(tag: Tag, at: number, length: number): Buffer {
  if (length > MAX_FRAME_BYTES) unsure();
  const place = placeOf(tag, at, length);
  return tag.near.subarray(place, place + length);
}

function addText({ collector, version }: Tag, field: string, data: Buffer): void {
  const text = withoutNuls(id3Text(data[0] as number, data, 1));
  if (SINGLE.has(field)) collector.add(PRIORITY.main, field, text);
  else {
    for (const value of valuesOf(field, text, version)) collector.add(PRIORITY.main, field, value);
  }
}

function addFrame({ collector, version }: Tag, id: string, data: Buffer): void {
  const encoding = data[0] as number;
  if (COMMENTS.has(id)) {
    if (data.length < 5) unsure();
    checkEncoding(encoding);
  } else if (id === 'UFID') {
    const value = recordingOf(data);
    if (value !== undefined) collector.add(PRIORITY.main, 'musicbrainz_recordingid', value);
  } else {
    const { description, value } = userText(encoding, data.subarray(1));
    const named = USER_TEXTS.get(description.toUpperCase());
    if (named === undefined) return;
    for (const one of splitValue(value, { version, slashes: true })) {
      collector.add(PRIORITY.main, named, one);
    }
  }
}

/** The id of a UFID frame, where it is MusicBrainz's. */
function recordingOf(data: Buffer): string | undefined {
  const zero = data.indexOf(0);
  if (zero < 0) unsure();
  const owner = latin1(data.subarray(0, zero));
  return owner === 'http://musicbrainz.org' ? latin1(data.subarray(zero + 1)) : undefined;
}

function valuesOf(field: string, text: string, version: number): string[] {
  if (version > 2 && (field === 'artist' || field === 'isrc')) {
    return splitValue(text, { version, slashes: true });
  }
  if (field === 'genre') {
    // Numbers of genres, in brackets or not, are names in a list that the library has.
    if (/[(\d]/.test(text)) unsure();
    return splitValue(text, { version, slashes: false }).filter((genre) => genre !== '');
  }
  return version === 4 ? splitValue(text, { version, slashes: false }) : [text];
}

/** Several values are parted by NUL, in versions before 2.4 of some frames by a slash. */
function splitValue(text: string, how: { version: number; slashes: boolean }): string[] {
  const sign = how.version < 4 && how.slashes && !text.includes('\0') ? '/' : '\0';
  if (!text.includes(sign)) return [withoutNuls(text).trim()];
  return text.split(sign).map((value) => withoutNuls(value).trim());
}

function userText(encoding: number, bytes: Buffer): { description: string; value: string } {
  const wide = encoding === 1 || encoding === 2;
  let zero = bytes.indexOf(0);
  if (wide) {
    zero = 0;
    while (zero + 1 < bytes.length && (bytes[zero] !== 0 || bytes[zero + 1] !== 0)) zero += 2;
  }
  if (zero < 0 || zero + 1 >= bytes.length) unsure();
  return {
    description: id3Text(encoding, bytes.subarray(0, zero)),
    value: withoutNuls(id3Text(encoding, bytes.subarray(zero + (wide ? 2 : 1)))),
  };
}

function withoutNuls(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** Wide texts of these frames may make the library refuse the file. */
function checkEncoding(encoding: number): void {
  if (encoding !== 0 && encoding !== 3) unsure();
}

function checkPadding(rest: Buffer): void {
  if (rest.length > MAX_PADDING_BYTES || !rest.equals(ZEROS.subarray(0, rest.length))) unsure();
}

/** 28 bits in four bytes of seven. */
function syncSafe(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) unsure();
    value = value * 128 + byte;
  }
  return value;
}

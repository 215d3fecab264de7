import type { ByteFile } from './byte-file.ts';
import { type Collector, newCollector, PRIORITY } from './collect.ts';
import { type FormatFields, type Tags, tagsOf } from './tags.ts';
import { unsure } from './unsure.ts';

/** Items of iTunes' list by the field they fill, in capitals. */
const ITEMS = new Map(
  Object.entries({
    '©NAM': 'title',
    '©ART': 'artist',
    AART: 'albumartist',
    '©ALB': 'album',
    '©DAY': 'date',
    TRKN: 'track',
    DISK: 'disk',
    '©GEN': 'genre',
    CPIL: 'compilation',
    '----:COM.APPLE.ITUNES:BAND': 'albumartist',
    '----:COM.APPLE.ITUNES:ARTISTS': 'artists',
    '----:COM.APPLE.ITUNES:ISRC': 'isrc',
    '----:COM.APPLE.ITUNES:MUSICBRAINZ TRACK ID': 'musicbrainz_recordingid',
    '----:COM.APPLE.ITUNES:MUSICBRAINZ RELEASE TRACK ID': 'musicbrainz_trackid',
    '----:COM.APPLE.ITUNES:MUSICBRAINZ ALBUM ID': 'musicbrainz_albumid',
    '----:COM.APPLE.ITUNES:MUSICBRAINZ ARTIST ID': 'musicbrainz_artistid',
    '----:COM.APPLE.ITUNES:MUSICBRAINZ ALBUM ARTIST ID': 'musicbrainz_albumartistid',
    '----:COM.APPLE.ITUNES:MUSICBRAINZ RELEASE GROUP ID': 'musicbrainz_releasegroupid',
  }),
);
const CODECS: Readonly<Record<string, string>> = { mp4a: 'MPEG-4/AAC', alac: 'ALAC' };

const MAX_ATOMS = 2000;
const MAX_VALUE_BYTES = 64 * 1024;
/** Sizes of samples: 4 bytes each, 43 a second. */
const MAX_TABLE_BYTES = 512 * 1024;

interface Atom {
  name: string;
  /** Position and length of what it holds. */
  at: number;
  length: number;
}

interface Track extends FormatFields {
  handler?: string;
  id?: number;
}

interface Movie {
  file: ByteFile;
  collector: Collector;
  tracks: number;
  track: Track;
  atoms: number;
}

/** M4A of one audio track: AAC or ALAC. */
export function readMp4(file: ByteFile): Tags {
  const movie: Movie = { file, collector: newCollector(), tracks: 0, track: {}, atoms: 0 };
  let movies = 0;
  eachAtom(movie, { name: '', at: 0, length: file.size }, (atom) => {
    if (atom.name === 'moof') unsure();
    if (atom.name === 'ftyp' && (atom.length < 8 || atom.length % 4 !== 0)) unsure();
    if (atom.name === 'moov') {
      movies += 1;
      readMovie(movie, atom);
    } else if (!/^(ftyp|mdat|free|skip|wide|uuid)$/.test(atom.name)) unsure();
  });
  const { track, tracks } = movie;
  if (movies !== 1 || tracks !== 1 || track.handler !== 'soun' || track.codec === undefined) {
    unsure();
  }
  if (track.id === undefined || track.sampleRate === undefined || track.duration === undefined) {
    unsure();
  }
  return tagsOf(movie.collector.fields(), track);
}

/** Atoms must tile what holds them, without a gap or a rest. */
function eachAtom(movie: Movie, within: Atom, visit: (atom: Atom) => void): void {
  const end = within.at + within.length;
  let at = within.at;
  while (at < end) {
    movie.atoms += 1;
    const header = movie.file.at(at, 8);
    if (header.length < 8 || movie.atoms > MAX_ATOMS) unsure();
    let length = header.readUInt32BE(0);
    let long = 8;
    if (length === 1) {
      const size = movie.file.at(at + 8, 8);
      if (size.length < 8 || size.readUInt32BE(0) > 0xfffff) unsure();
      length = Number(size.readBigUInt64BE(0));
      long = 16;
    }
    if (length < long || at + length > end) unsure();
    const name = header.toString('latin1', 4, 8);
    visit({ name, at: at + long, length: length - long });
    at += length;
  }
}

function readMovie(movie: Movie, moov: Atom): void {
  eachAtom(movie, moov, (atom) => {
    if (atom.name === 'trak') {
      movie.tracks += 1;
      readTrack(movie, atom);
    } else if (atom.name === 'udta') {
      eachAtom(movie, atom, (child) => {
        if (child.name === 'meta') readMeta(movie, child);
        else if (isContainer(child.name) || isParsed(child.name)) unsure();
      });
    } else if (atom.name === 'mvhd') {
      if (atom.length < 100) unsure();
    } else if (isContainer(atom.name) || isParsed(atom.name)) unsure();
  });
}

const isContainer = (name: string): boolean =>
  /^(moov|udta|mdia|minf|stbl|<id>|ilst|tref|moof|meta|trak|traf)$/.test(name);
/** Names that the library reads wherever they stand. */
const isParsed = (name: string): boolean => /^(mvhd|chap|mdat|ftyp|stsd|stsz|date)$/.test(name);

function readMeta(movie: Movie, meta: Atom): void {
  const start = movie.file.at(meta.at, 8);
  if (meta.length < 8) unsure();
  const gap = start.toString('latin1', 4, 8) === 'hdlr' ? 0 : 4;
  const inner = { name: 'meta', at: meta.at + gap, length: meta.length - gap };
  eachAtom(movie, inner, (atom) => {
    if (atom.name === 'ilst') eachAtom(movie, atom, (item) => readItem(movie, item));
    else if (isContainer(atom.name) || isParsed(atom.name)) unsure();
  });
}

function readItem(movie: Movie, item: Atom): void {
  const { file, collector } = movie;
  // Whatever has a picture's or a number's form is skipped by it; a container's name is the library's.
  if (isContainer(item.name)) unsure();
  let key = item.name;
  eachAtom(movie, item, (child) => {
    if (child.name === 'mean' || child.name === 'name') {
      if (child.length < 4 || child.length > 1024) unsure();
      key += `:${file.at(child.at + 4, child.length - 4).toString('utf8')}`;
      return;
    }
    if (child.name !== 'data' || child.length < 8) unsure();
    const field = ITEMS.get(key.toUpperCase());
    const kind = file.at(child.at, 4).readUInt32BE(0);
    if (field === undefined) {
      // A number of a genre is a name in a list that the library has; a set other than 0 it refuses.
      if (key === 'gnre' || key === 'rate' || kind > 0xffffff) unsure();
      if (kind === 21 || kind === 22) checkInteger(child.length - 8);
      return;
    }
    if (child.length > MAX_VALUE_BYTES) unsure();
    const value = file.at(child.at + 8, child.length - 8);
    collector.add(PRIORITY.main, field, fieldValue(field, kind, value));
  });
}

function checkInteger(bytes: number): void {
  if (![1, 2, 3, 4, 8].includes(bytes)) unsure();
}

function fieldValue(field: string, kind: number, value: Buffer): string {
  if (field === 'track' || field === 'disk') {
    if (kind !== 0 || value.length < 6) unsure();
    return `${value[3]}/${value[5]}`;
  }
  if (field === 'compilation') {
    if (kind !== 21 || value.length !== 1) unsure();
    return String(value[0]);
  }
  if (kind !== 1 || value[0] === 0xef) unsure();
  return value.toString('utf8');
}

function readTrack(movie: Movie, within: Atom): void {
  const { file, track } = movie;
  eachAtom(movie, within, (atom) => {
    const { name, at, length } = atom;
    if (/^(mdia|minf|stbl)$/.test(name)) readTrack(movie, atom);
    else if (name === 'tkhd') {
      const bytes = file.at(at, 20);
      if (length < 50 || bytes[0] !== 0) unsure();
      track.id = bytes.readUInt32BE(12);
    } else if (name === 'hdlr') {
      if (length < 28) unsure();
      track.handler = file.at(at + 8, 4).toString('latin1');
    } else if (name === 'mdhd') {
      const bytes = file.at(at, 24);
      if (length < 24 || bytes[0] !== 0 || track.duration !== undefined) unsure();
      const scale = bytes.readUInt32BE(12);
      const units = bytes.readUInt32BE(16);
      if (scale === 0 || units === 0) unsure();
      track.duration = units / scale;
    } else if (name === 'stsd') readDescription(movie, atom);
    else if (name === 'stsz') readSizes(movie, atom);
    else if (name === 'stts' || name === 'stsc' || name === 'stco') checkTable(movie, atom);
    else if (name === 'chap' || isContainer(name)) unsure();
  });
}

/** One description, of a sound: version 0 or 1 (QuickTime's file format, sound sample descriptions). */
function readDescription({ file, track }: Movie, { at, length }: Atom): void {
  const bytes = file.at(at, Math.min(length, 64));
  if (bytes.length < 44 || bytes.readUInt32BE(4) !== 1) unsure();
  const size = bytes.readUInt32BE(8);
  if (size < 36 || size > length - 8 || bytes.readInt16BE(24) > 1) unsure();
  const codec = CODECS[bytes.toString('latin1', 12, 16)];
  if (codec === undefined || track.codec !== undefined) unsure();
  track.codec = codec;
  track.sampleRate = bytes.readUInt16BE(40) + bytes.readUInt16BE(42) / 10_000;
}

function readSizes({ file, track }: Movie, { at, length }: Atom): void {
  if (length < 12 || length > MAX_TABLE_BYTES || track.bitrate !== undefined) unsure();
  const bytes = file.at(at, length);
  const entries = bytes.readInt32BE(8);
  if (length === 12) return;
  if (length - 12 !== entries * 4) unsure();
  let sum = 0;
  for (let i = 12; i < length; i += 4) sum += bytes.readInt32BE(i);
  if (track.duration === undefined || sum <= 0) unsure();
  track.bitrate = (8 * sum) / track.duration;
}

function checkTable({ file }: Movie, { name, at, length }: Atom): void {
  const entry = { stts: 8, stsc: 12, stco: 4 }[name] ?? 0;
  if (length < 8) unsure();
  const entries = file.at(at, 8).readInt32BE(4);
  if (length > 8 && length - 8 !== entries * entry) unsure();
}

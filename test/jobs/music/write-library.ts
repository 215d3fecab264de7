import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seeded } from '../../../lib/jobs/odds/sample-random.ts';
import { aiff, flac, m4a, mp3, opus, type Track, vorbis, wav, wma } from './write-audio.ts';

export interface LibraryOptions {
  folder: string;
  /** Files to write, the copies and the broken ones among them. */
  files: number;
  seed?: number;
}

/** What was written. */
export interface WrittenLibrary {
  files: number;
  bytes: number;
  artists: number;
  albums: number;
  /** Files that a scan keeps. */
  tracks: number;
  /** Copies byte by byte, and the same recordings at a lower bit rate under another spelling. */
  copies: number;
  recordings: number;
  broken: number;
}

const FIRST = [
  'Björn',
  'Zoë',
  'Renée',
  'Łukasz',
  'Chloé',
  'Jürgen',
  'Søren',
  'Ana',
  'Miles',
  'Nina',
  'Otis',
  'Yuki',
  'Íris',
  'Tomás',
  'Émile',
  'Kofi',
];
const LAST = [
  'Holm',
  'Ångström',
  'da Silva',
  'Novák',
  'Brown',
  'Okafor',
  'Tanaka',
  'Müller',
  'García',
  'O’Neil',
  'Lindqvist',
  'Kaur',
  'Çelik',
  'Dubois',
  'Rossi',
  'Ito',
];
const BANDS = [
  'The Paper Kites',
  'Night Owls',
  'The Long Way',
  'Río Ancho',
  'Сплин',
  '椎名',
  'Slow & Low',
  'Ætherlight',
];
const WORDS = [
  'River',
  'Night',
  'Glass',
  'Été',
  'Over',
  'Under',
  'Blue',
  'Señal',
  'Stone',
  'Garden',
  'Fjord',
  'Paper',
  'Light',
  'Ночь',
  'Road',
  'Winter',
];
const GENRES = ['Rock', 'Jazz', 'Electronic', 'Folk', 'Classical', 'Hip-Hop', 'Soul', 'Ambient'];

const of = <T>(list: readonly T[], random: Random): T => list[random.below(list.length)] as T;
const words = (random: Random, n: number): string =>
  Array.from({ length: n }, () => of(WORDS, random)).join(' ');

const COVER = Buffer.alloc(6000, 0x5a);
const uuid = (random: Random): string => {
  const hex = Array.from({ length: 32 }, () => random.below(16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
};

interface Written {
  extension: string;
  bytes: Buffer;
}

/** About as libraries are: mostly MP3 of three tag versions, then FLAC, M4A, Ogg, and two in a hundred of rare kinds. */
function encoded(track: Track, noise: number, random: Random): Written {
  const cover = random.chance(0.2) ? COVER : undefined;
  const seconds = 120 + random.below(240);
  const share = random.next();
  const made = (extension: string, bytes: Buffer): Written => ({ extension, bytes });
  if (share < 0.55) {
    const kind = random.below(10);
    const version = kind < 5 ? 3 : kind < 9 ? 4 : 2;
    const encoding = version === 4 ? 'utf8' : 'utf16';
    const options = {
      version,
      encoding,
      cover,
      noise,
      padding: random.chance(0.5) ? 1024 : 0,
    } as const;
    const tail = { id3v1: random.chance(0.4), ape: random.chance(0.01) };
    return made(
      'mp3',
      mp3(track, {
        ...options,
        ...tail,
        variable: random.chance(0.4),
        frames: 8 + random.below(4),
      }),
    );
  }
  if (share < 0.77)
    return made(
      'flac',
      flac(track, { seconds, cover, noise, padding: random.chance(0.5) ? 2048 : 0 }),
    );
  if (share < 0.88)
    return made(
      'm4a',
      m4a(track, {
        seconds,
        cover,
        noise,
        lossless: random.chance(0.2),
        audioFirst: random.chance(0.5),
      }),
    );
  if (share < 0.95) return made('ogg', vorbis(track, { seconds, noise }));
  if (share < 0.985) return made('opus', opus(track, { seconds, noise }));
  if (share < 0.99) return made('wav', wav(track, { noise }));
  if (share < 0.995) return made('aiff', aiff(track, { noise }));
  return made('wma', wma(track, { noise, seconds }));
}

/** The same names as somebody else writes them. */
const respelled = (name: string): string =>
  name
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toUpperCase()
    .replace(/^THE (.*)$/, '$1, THE');

const fileName = (text: string): string => text.replace(/[/\\:*?"<>|\0]/g, '_').slice(0, 80);

/**
 * Writes a music library: the same files and seed give the same bytes. 3 % are copies in another folder, 2 % the same
 * recordings again at a lower bit rate and under another spelling, 0.5 % are broken, 4 % of the albums have many artists.
 */
export function writeLibrary({ folder, files, seed = 1 }: LibraryOptions): WrittenLibrary {
  const random = seeded(seed);
  const made = new Set<string>();
  const written = {
    files: 0,
    bytes: 0,
    artists: 0,
    albums: 0,
    tracks: 0,
    copies: 0,
    recordings: 0,
    broken: 0,
  };
  /** Files have times of change that do not depend on when they were written. */
  const put = (parts: readonly string[], bytes: Buffer): void => {
    const inside = join(folder, ...parts.slice(0, -1).map(fileName));
    if (!made.has(inside)) mkdirSync(inside, { recursive: true });
    made.add(inside);
    const path = join(inside, fileName(parts.at(-1) as string));
    writeFileSync(path, bytes);
    const time = 1_600_000_000 + written.files;
    utimesSync(path, time, time);
    written.files += 1;
    written.bytes += bytes.length;
  };
  let artist = '';
  for (let album = 0; written.files < files; album++) {
    // Three albums an artist.
    if (album % 3 === 0) {
      written.artists += 1;
      const number = written.artists;
      artist = random.chance(0.4)
        ? `${of(BANDS, random)} ${number}`
        : `${of(FIRST, random)} ${of(LAST, random)} ${number}`;
    }
    writeAlbum({ artist, album, random, files, written, put });
  }
  return written;
}

interface AlbumToWrite {
  artist: string;
  album: number;
  random: Random;
  files: number;
  written: WrittenLibrary;
  put(parts: readonly string[], bytes: Buffer): void;
}

function writeAlbum({ artist, album, random, files, written, put }: AlbumToWrite): void {
  written.albums += 1;
  const various = random.chance(0.04);
  const title = `${words(random, 2)} ${album}`;
  const tracks = 8 + random.below(8);
  const release = uuid(random);
  const year = 1960 + random.below(65);
  const genre = of(GENRES, random);
  for (let n = 1; n <= tracks && written.files < files; n++) {
    const guest = random.chance(0.05);
    const who = various ? `${of(FIRST, random)} ${of(LAST, random)}` : artist;
    const track: Track = {
      title: `${words(random, 1 + random.below(3))} ${n}`,
      artist: guest ? `${who} feat. ${of(FIRST, random)} ${of(LAST, random)}` : who,
      ...(various
        ? { albumArtist: 'Various Artists', compilation: true }
        : random.chance(0.7)
          ? { albumArtist: artist }
          : {}),
      album: title,
      track: n,
      tracks,
      disc: 1,
      discs: 1,
      year,
      genre,
      isrc: `QZ${String(written.files).padStart(10, '0')}`,
      musicBrainz: { recording: uuid(random), release },
    };
    const place = [various ? 'Various Artists' : artist, title];
    if (random.chance(0.005)) {
      written.broken += 1;
      put([...place, `${n} broken.mp3`], broken(random));
      continue;
    }
    const { extension, bytes } = encoded(track, written.files, random);
    const name = `${String(n).padStart(2, '0')} ${track.title}.${extension}`;
    put([...place, name], bytes);
    written.tracks += 1;
    if (written.files < files && random.chance(0.03)) {
      written.copies += 1;
      put(['copies', title, name], bytes);
    }
    if (written.files < files && random.chance(0.02)) {
      const seconds = 200;
      const low = { noise: written.files, seconds };
      const other = {
        ...track,
        artist: respelled(track.artist),
        album: respelled(title),
        ...(track.albumArtist === undefined ? {} : { albumArtist: respelled(track.albumArtist) }),
      };
      // A recording twice: FLAC, and Ogg of the same length.
      put(
        ['again', title, `${n}.flac`],
        flac({ ...track, track: n + 100 }, { noise: written.files, seconds }),
      );
      written.tracks += 1;
      if (written.files < files) {
        put(['again', title, `${n}.ogg`], vorbis({ ...other, track: n + 100 }, low));
        written.recordings += 1;
      }
    }
  }
}

/** Nothing, noise, or the beginning of a file. */
function broken(random: Random): Buffer {
  const kind = random.below(3);
  if (kind === 0) return Buffer.alloc(0);
  const noise = Buffer.from(Array.from({ length: 600 }, () => random.below(128)));
  if (kind === 1) return noise;
  return Buffer.concat([Buffer.from('fLaC\0\0\0\x22'), noise.subarray(0, 20)]);
}

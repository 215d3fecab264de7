/** What is known of a recording; what a file does not say is undefined, and left out of its JSON. All fields are there: so all tags have one form. */
export interface Tags {
  title?: string | undefined;
  /** As written: 'A & B feat. C'. */
  artist?: string | undefined;
  /** One by one, where the file has them so. */
  artists?: string[] | undefined;
  albumArtist?: string | undefined;
  album?: string | undefined;
  track?: number | undefined;
  trackTotal?: number | undefined;
  disc?: number | undefined;
  discTotal?: number | undefined;
  year?: number | undefined;
  genres?: string[] | undefined;
  compilation?: true | undefined;
  /** To the millisecond. Not there where only reading the whole file would tell (MP3 of variable bit rate without a header). */
  seconds?: number | undefined;
  /** MP3, AAC, ALAC, FLAC, Vorbis, Opus, PCM, ... */
  codec?: string | undefined;
  /** Bits a second. */
  bitRate?: number | undefined;
  /** Hertz. */
  sampleRate?: number | undefined;
  isrc?: string[] | undefined;
  musicBrainz?: MusicBrainzIds | undefined;
}

/** Identifiers of musicbrainz.org. */
export interface MusicBrainzIds {
  recording?: string | undefined;
  releaseTrack?: string | undefined;
  release?: string | undefined;
  releaseGroup?: string | undefined;
  artists?: string[] | undefined;
  albumArtists?: string[] | undefined;
}

/** Fields as they are collected from a file's tags, in music-metadata's words; both readers end here. */
export interface CommonFields {
  title?: string | undefined;
  artist?: string | undefined;
  artists?: string[] | undefined;
  albumartist?: string | undefined;
  album?: string | undefined;
  track: { no: number | null; of: number | null };
  disk: { no: number | null; of: number | null };
  year?: number | undefined;
  genre?: string[] | undefined;
  compilation?: boolean | undefined;
  isrc?: string[] | undefined;
  musicbrainz_recordingid?: string | undefined;
  musicbrainz_trackid?: string | undefined;
  musicbrainz_albumid?: string | undefined;
  musicbrainz_releasegroupid?: string | undefined;
  musicbrainz_artistid?: string[] | undefined;
  musicbrainz_albumartistid?: string[] | undefined;
}

export interface FormatFields {
  /** Seconds. */
  duration?: number | undefined;
  /** As music-metadata names it. */
  codec?: string | undefined;
  /** Bits a second. */
  bitrate?: number | undefined;
  sampleRate?: number | undefined;
}

export const tagsOf = (common: CommonFields, format: FormatFields): Tags => ({
  title: text(common.title),
  artist: text(common.artist),
  artists: texts(common.artists),
  albumArtist: text(common.albumartist),
  album: text(common.album),
  track: count(common.track.no),
  trackTotal: count(common.track.of),
  disc: count(common.disk.no),
  discTotal: count(common.disk.of),
  year: count(common.year),
  genres: texts(common.genre),
  compilation: common.compilation === true ? true : undefined,
  seconds: seconds(format.duration),
  codec: codecName(format.codec),
  bitRate: positive(format.bitrate, 1),
  sampleRate: positive(format.sampleRate, 1),
  isrc: texts(common.isrc),
  musicBrainz: idsOf(common),
});

function idsOf(common: CommonFields): MusicBrainzIds | undefined {
  const recording = text(common.musicbrainz_recordingid);
  const releaseTrack = text(common.musicbrainz_trackid);
  const release = text(common.musicbrainz_albumid);
  const releaseGroup = text(common.musicbrainz_releasegroupid);
  const artists = texts(common.musicbrainz_artistid);
  const albumArtists = texts(common.musicbrainz_albumartistid);
  const any = recording ?? releaseTrack ?? release ?? releaseGroup ?? artists ?? albumArtists;
  if (any === undefined) return undefined;
  return { recording, releaseTrack, release, releaseGroup, artists, albumArtists };
}

/** A tag longer than this is no name: 1,024 characters of it are kept. */
const MAX_TEXT = 1024;
/** Values of one field that are kept. */
const MAX_VALUES = 32;

/** NUL and other control characters end up in tags; PostgreSQL takes no NUL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f]+/g;

function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const clean = value.replace(CONTROLS, ' ').trim();
  if (clean === '') return undefined;
  return clean.length <= MAX_TEXT ? clean : clean.slice(0, MAX_TEXT).replace(/\p{Surrogate}/gu, '');
}

function texts(values: readonly unknown[] | undefined): string[] | undefined {
  if (!Array.isArray(values)) return undefined;
  const kept = values
    .slice(0, MAX_VALUES)
    .map(text)
    .filter((value) => value !== undefined);
  return kept.length === 0 ? undefined : kept;
}

/** Whole numbers from 1 on that a 32-bit column holds. */
const count = (value: number | null | undefined): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 0x7fffffff
    ? value
    : undefined;

const positive = (value: number | undefined, scale: number): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 0x7fffffff
    ? Math.round(value * scale) / scale
    : undefined;

/** Longer is a damaged header: 1,000 hours. */
const MAX_SECONDS = 3_600_000;

const seconds = (value: number | undefined): number | undefined =>
  value !== undefined && value <= MAX_SECONDS ? positive(value, 1000) : undefined;

function codecName(codec: string | undefined): string | undefined {
  if (codec === undefined) return undefined;
  const mpeg = /^MPEG \S+ Layer ([123])$/.exec(codec);
  if (mpeg !== null) return `MP${mpeg[1]}`;
  if (codec.startsWith('MPEG-4/AAC')) return 'AAC';
  if (codec.startsWith('Vorbis')) return 'Vorbis';
  return text(codec);
}

import type { GroupContext, GroupStep } from '../../index.ts';
import { currentTables } from '../../sinks/table-sink.ts';
import type { AlbumRow, ArtistRow, Row, TrackRow } from './album.ts';
import { keyPart } from './names.ts';

/** Rows of one transaction. */
export const GROUP = 1000;
/** PostgreSQL's index entries have at most 2,704 bytes (a third of a page); a path may have 4,096. */
const MAX_ID_BYTES = 2000;

const artists = {
  table: 'artists',
  unique: 'id',
  newest: 'seen_at',
  columns: { id: 'text', name: 'text', seen_at: 'integer' },
  row: ({ id, name }: ArtistRow, { now }: GroupContext) => ({ id, name, seen_at: now }),
} as const;

const albums = {
  table: 'albums',
  unique: 'id',
  newest: 'seen_at',
  columns: {
    id: 'text',
    artist: 'text',
    title: 'text',
    year: 'integer',
    tracks: 'integer',
    duplicates: 'integer',
    doubts: 'integer',
    spellings: 'integer',
    musicbrainz_release: 'text',
    seen_at: 'integer',
  },
  row: ({ release, ...album }: AlbumRow, { now }: GroupContext) => ({
    ...album,
    musicbrainz_release: release,
    seen_at: now,
  }),
} as const;

const tracks = {
  table: 'tracks',
  unique: 'id',
  newest: 'seen_at',
  columns: {
    id: 'text',
    path: 'text',
    album: 'text',
    artist: 'text',
    title: 'text',
    credit: 'text',
    track: 'integer',
    disc: 'integer',
    year: 'integer',
    genre: 'text',
    seconds: 'real',
    codec: 'text',
    bit_rate: 'integer',
    sample_rate: 'integer',
    isrc: 'text',
    musicbrainz_recording: 'text',
    size: 'integer',
    mtime: 'integer',
    print: 'text',
    duplicate: 'text',
    duplicate_of: 'text',
    doubt: 'text',
    tags: 'json',
    seen_at: 'integer',
  },
  row: (
    { id, album, artist, file, duplicate, duplicateOf, doubt }: TrackRow,
    { now }: GroupContext,
  ) => {
    const { path, size, mtime, print, tags } = file;
    return {
      id: Buffer.byteLength(id) <= MAX_ID_BYTES ? id : keyPart(id),
      path,
      album,
      artist,
      title: tags.title ?? null,
      credit: tags.artist ?? null,
      track: tags.track ?? null,
      disc: tags.disc ?? null,
      year: tags.year ?? null,
      genre: tags.genres?.[0] ?? null,
      seconds: tags.seconds ?? null,
      codec: tags.codec ?? null,
      bit_rate: tags.bitRate ?? null,
      sample_rate: tags.sampleRate ?? null,
      isrc: tags.isrc?.[0] ?? null,
      musicbrainz_recording: tags.musicBrainz?.recording ?? null,
      size,
      mtime,
      print,
      duplicate,
      duplicate_of: duplicateOf,
      doubt,
      tags,
      seen_at: now,
    };
  },
} as const;

/**
 * Writes rows to the tables `artists`, `albums` and `tracks`, a thousand a transaction. A repeat changes nothing; a later
 * scan replaces what it finds anew, and `seen_at` is the start of the last one that found it.
 */
export const musicTables = (url: string | ((ctx: GroupContext) => string)): GroupStep<Row, Row> =>
  // Artists and albums are there before what points to them.
  currentTables({ url, group: GROUP, tables: [artists, albums, tracks], of: (row) => row.table });

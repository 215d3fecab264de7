import type { GroupContext, GroupStep } from '../../index.ts';
import { currentTables } from '../../sinks/table-sink.ts';
import type { Insert, Values } from './inserts.ts';

/** Items of one transaction: about a thousand rows. */
export const GROUP = 125;

const current = {
  unique: 'id',
  newest: 'seen_at',
  row: (values: Values, { now }: GroupContext) => [...values, now],
} as const;

// The order of columns is that of an item's values.
const artists = {
  ...current,
  table: 'artists',
  columns: { id: 'text', name: 'text', seen_at: 'integer' },
} as const;

const albums = {
  ...current,
  table: 'albums',
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
} as const;

const tracks = {
  ...current,
  table: 'tracks',
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
    tags: 'json-text',
    seen_at: 'integer',
  },
} as const;

/** Artists and albums are there before what points to them. */
export const TABLES = { artists, albums, tracks } as const;

/**
 * Writes albums to the tables `artists`, `albums` and `tracks`, some thousand rows a transaction. A repeat changes nothing; a later
 * scan replaces what it finds anew, and `seen_at` is the start of the last one that found it.
 */
export const musicTables = (
  url: string | ((ctx: GroupContext) => string),
): GroupStep<Insert, Insert> =>
  currentTables({
    url,
    group: GROUP,
    tables: Object.values(TABLES),
    rows: (item) => ({ artists: item.artists, albums: item.albums, tracks: item.tracks }),
  });

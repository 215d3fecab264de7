import { type GroupContext, type GroupResult, type GroupStep, inBatches } from '../../index.ts';
import { currentTable } from '../../sinks/table-sink.ts';
import type { AlbumRow, ArtistRow, Row, TrackRow } from './album.ts';
import { keyPart } from './names.ts';

/** Rows of one transaction. */
export const GROUP = 1000;
/** PostgreSQL's index entries have at most 2,704 bytes (a third of a page); a path may have 4,096. */
const MAX_ID_BYTES = 2000;

type Seen<T> = T & { seen: number };

const artists = {
  table: 'artists',
  unique: 'id',
  newest: 'seen_at',
  columns: { id: 'text', name: 'text', seen_at: 'integer' },
  row: ({ id, name, seen }: Seen<ArtistRow>) => ({ id, name, seen_at: seen }),
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
  row: ({ id, artist, title, year, release, seen, ...counts }: Seen<AlbumRow>) => {
    const { tracks, duplicates, doubts, spellings } = counts;
    const given = { id, artist, title, year, tracks, duplicates, doubts, spellings };
    return { ...given, musicbrainz_release: release, seen_at: seen };
  },
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
  row: ({ id, album, artist, file, duplicate, duplicateOf, doubt, seen }: Seen<TrackRow>) => {
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
      seen_at: seen,
    };
  },
} as const;

/**
 * Writes rows to the tables `artists`, `albums` and `tracks`, a thousand a transaction. A repeat changes nothing; a later
 * scan replaces what it finds anew, and `seen_at` is the start of the last one that found it.
 */
export function musicTables(url: string | ((ctx: GroupContext) => string)): GroupStep<Row, Row> {
  const sinks = {
    artists: currentTable<Seen<ArtistRow>>({ ...artists, url, group: GROUP }),
    albums: currentTable<Seen<AlbumRow>>({ ...albums, url, group: GROUP }),
    tracks: currentTable<Seen<TrackRow>>({ ...tracks, url, group: GROUP }),
  };
  return inBatches<Row, Row>(
    GROUP,
    async (rows, ctx) => {
      const results: GroupResult<Row>[] = [];
      const file = isFile(url, ctx);
      const written = [];
      for (const table of ['artists', 'albums', 'tracks'] as const) {
        const places = [...rows.keys()].filter((at) => rows[at]?.table === table);
        if (places.length === 0) continue;
        const some = places.map((at) => ({ ...(rows[at] as Row), seen: ctx.now }));
        const items = places.map((at) => ctx.items[at] as GroupContext['items'][number]);
        const sink = sinks[table] as unknown as GroupStep<Seen<Row>, Row>;
        const answer = sink.run(some, withItems(ctx, items));
        written.push({ places, answer });
        // In a file all three are one transaction; else artists and albums are there before what points to them.
        if (!file) await answer;
      }
      const answers = await Promise.all(written.map(({ answer }) => answer));
      for (const [which, { places }] of written.entries()) {
        for (const [i, at] of places.entries()) {
          const result = answers[which]?.[i] as GroupResult<Row>;
          results[at] =
            result instanceof Error || result.status !== 'ok'
              ? result
              : { status: 'ok', value: rows[at] as Row };
        }
      }
      return results;
    },
    sinks.tracks.retry,
  );
}

/** Whether rows go to an SQLite file. A URL that cannot be told is the sink's to complain of. */
function isFile(url: string | ((ctx: GroupContext) => string), ctx: GroupContext): boolean {
  try {
    return (typeof url === 'string' ? url : url(ctx)).startsWith('sqlite:');
  } catch {
    return false;
  }
}

/** The context for some of its rows. Not a copy: its parts are made when they are asked for. */
const withItems = (ctx: GroupContext, items: GroupContext['items']): GroupContext =>
  Object.create(ctx, { items: { value: items, enumerable: true } }) as GroupContext;

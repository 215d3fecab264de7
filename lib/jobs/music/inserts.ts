import type { Album, TrackRow } from './album.ts';
import type { FileTags } from './file-tags.ts';
import { keyPart } from './names.ts';

/** A row's values in the order of its table's columns (`tables.ts`), without the number of the scan. */
export type Values = readonly (string | number | null)[];

/**
 * An item of `insert`: an album with the tracks that stay, or one duplicate. A row an item cost 68 us of insert's thread,
 * of which SQLite has 10 where nothing changed; and an item of 14 rows is one text that is parsed, one outcome and one step.
 */
export interface Insert {
  /** The album's id, or the duplicate's path. */
  id: string;
  artists: Values[];
  albums: Values[];
  tracks: Values[];
  /** Of a duplicate: what it is, and of which file. */
  duplicate?: string;
}

/** Tracks of one item: an album of 30,000 is several. */
const MAX_TRACKS = 100;

/**
 * What `insert` gets of an album. Values are made here: two threads work that wait for no file.
 *
 * @param id of the album
 */
export function insertsOf(id: string, { artists, albums, tracks }: Album): Insert[] {
  const kept = tracks.filter(({ duplicate }) => duplicate === null).map(valuesOf);
  const inserts: Insert[] = [
    {
      id,
      artists: artists.map((artist) => [artist.id, artist.name]),
      albums: albums.map((album) => [
        album.id,
        album.artist,
        album.title,
        album.year,
        album.tracks,
        album.duplicates,
        album.doubts,
        album.spellings,
        album.release,
      ]),
      tracks: kept.slice(0, MAX_TRACKS),
    },
  ];
  for (let from = MAX_TRACKS; from < kept.length; from += MAX_TRACKS) {
    inserts.push({ id, artists: [], albums: [], tracks: kept.slice(from, from + MAX_TRACKS) });
  }
  for (const track of tracks) {
    const { file, duplicate, duplicateOf } = track;
    if (duplicate === null) continue;
    const why = `${duplicate} of ${duplicateOf}`;
    const alone = { artists: [], albums: [], tracks: [valuesOf(track)] };
    inserts.push({ id: file.path, ...alone, duplicate: why });
  }
  return inserts;
}

function valuesOf({ album, artist, file, duplicate, duplicateOf, doubt }: TrackRow): Values {
  const { path, size, mtime, print, tags } = file;
  return [
    trackId(file),
    path,
    album,
    artist,
    tags.title ?? null,
    tags.artist ?? null,
    tags.track ?? null,
    tags.disc ?? null,
    tags.year ?? null,
    tags.genres?.[0] ?? null,
    tags.seconds ?? null,
    tags.codec ?? null,
    tags.bitRate ?? null,
    tags.sampleRate ?? null,
    tags.isrc?.[0] ?? null,
    tags.musicBrainz?.recording ?? null,
    size,
    mtime,
    print,
    duplicate,
    duplicateOf,
    doubt,
    JSON.stringify(tags),
  ];
}

/** PostgreSQL's index entries have at most 2,704 bytes (a third of a page); a path may have 4,096. */
const MAX_ID_BYTES = 2000;

const trackId = ({ path }: FileTags): string =>
  Buffer.byteLength(path) <= MAX_ID_BYTES ? path : keyPart(path);

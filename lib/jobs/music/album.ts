import { judge } from './duplicates.ts';
import { albumArtistOf, type FileTags } from './file-tags.ts';
import { fold, keyPart, mainArtist } from './names.ts';

/** The rows of one album, by table; `id` is the primary key of a row. */
export interface Album {
  /** Its own, and those of its tracks. */
  artists: ArtistRow[];
  /** Itself; none where no file has a title of one. */
  albums: AlbumRow[];
  tracks: TrackRow[];
}

export interface ArtistRow {
  /** The name, folded. */
  id: string;
  name: string;
}

export interface AlbumRow {
  /** The group's key. */
  id: string;
  artist: string | null;
  title: string;
  year: number | null;
  /** Tracks that stay, and files that are in the place of others. */
  tracks: number;
  duplicates: number;
  doubts: number;
  /** The year, title or artist is written in more than one way: the most frequent one is taken. */
  spellings: number;
  release: string | null;
}

export interface TrackRow {
  album: string | null;
  artist: string | null;
  file: FileTags;
  duplicateOf: string | null;
  duplicate: string | null;
  doubt: string | null;
}

/**
 * The rows of one album; its tracks are all files, in the order of the input.
 *
 * @param key of the group, which is the album's id
 * @param files of the group, one or more
 */
export function albumRows(key: string, files: readonly FileTags[]): Album {
  const judged = judge(files);
  const kept = judged.filter(({ duplicate }) => duplicate === undefined);
  const tags = kept.map(({ file }) => file.tags);
  const artist = frequent(tags.map(albumArtistOf));
  const title = frequent(tags.map(({ album }) => album));
  const year = frequent(tags.map((tag) => tag.year));
  const artists = new Map<string, string>();
  const artistId = (name: string | undefined): string | null => {
    if (name === undefined) return null;
    const id = keyPart(fold(name));
    if (!artists.has(id)) artists.set(id, name);
    return id;
  };
  const own = artistId(artist.value);
  const albums: AlbumRow[] =
    title.value === undefined
      ? []
      : [
          {
            id: key,
            artist: own,
            title: title.value,
            year: year.value ?? null,
            tracks: kept.length,
            duplicates: judged.length - kept.length,
            doubts: judged.filter((one) => one.doubt !== undefined).length,
            spellings: Math.max(artist.ways, title.ways, year.ways),
            release: frequent(tags.map((tag) => tag.musicBrainz?.release)).value ?? null,
          },
        ];
  const tracks = judged.map(
    ({ file, duplicateOf, duplicate, doubt }): TrackRow => ({
      album: title.value === undefined ? null : key,
      artist: artistId(
        file.tags.artist === undefined ? artist.value : mainArtist(file.tags.artist),
      ),
      file,
      duplicateOf: duplicateOf ?? null,
      duplicate: duplicate ?? null,
      doubt: doubt ?? null,
    }),
  );
  return { artists: [...artists].map(([id, name]) => ({ id, name })), albums, tracks };
}

/** The value that most have; of several the first. And how many there are. */
function frequent<T extends string | number>(
  values: readonly (T | undefined)[],
): { value: T | undefined; ways: number } {
  const counts = new Map<T, number>();
  for (const value of values) {
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  let best: T | undefined;
  for (const [value, count] of counts) {
    if (best === undefined || count > (counts.get(best) as number)) best = value;
  }
  return { value: best, ways: counts.size };
}

import type { CommonFields } from './tags.ts';

/** Where a value is from: the better tag wins. `artificial` fills one artist field from another. */
export const PRIORITY = { main: 1, id3v1: 11, artificial: 500 } as const;
type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** What becomes of the values of a field: one that stays, all of them, each once. */
type Kind =
  | 'one'
  | 'all'
  | 'each'
  | 'singular'
  | 'plural'
  | 'number'
  | 'total'
  | 'year'
  | 'date'
  | 'compilation';

const KINDS = new Map<string, Kind>(
  Object.entries({
    title: 'one',
    album: 'one',
    musicbrainz_recordingid: 'one',
    musicbrainz_trackid: 'one',
    musicbrainz_albumid: 'one',
    musicbrainz_releasegroupid: 'one',
    musicbrainz_artistid: 'all',
    musicbrainz_albumartistid: 'all',
    genre: 'each',
    artist: 'singular',
    albumartist: 'singular',
    artists: 'plural',
    albumartists: 'plural',
    track: 'number',
    disk: 'number',
    totaltracks: 'total',
    totaldiscs: 'total',
    year: 'year',
    date: 'date',
    compilation: 'compilation',
    isrc: 'each',
  }),
);

const PLURAL: Readonly<Record<string, string>> = {
  artist: 'artists',
  albumartist: 'albumartists',
};
const SINGULAR: Readonly<Record<string, string>> = {
  artists: 'artist',
  albumartists: 'albumartist',
};

interface Found extends CommonFields {
  albumartists?: string[] | undefined;
  [field: string]: unknown;
}

const noFields = (): Found => ({
  title: undefined,
  artist: undefined,
  artists: undefined,
  albumartist: undefined,
  albumartists: undefined,
  album: undefined,
  track: { no: null, of: null },
  disk: { no: null, of: null },
  year: undefined,
  genre: undefined,
  compilation: undefined,
  isrc: undefined,
  musicbrainz_recordingid: undefined,
  musicbrainz_trackid: undefined,
  musicbrainz_albumid: undefined,
  musicbrainz_releasegroupid: undefined,
  musicbrainz_artistid: undefined,
  musicbrainz_albumartistid: undefined,
});

/** Below any priority. */
const NONE = 1000;

const noOrigins = (): Record<string, number> => ({
  title: NONE,
  artist: NONE,
  artists: NONE,
  albumartist: NONE,
  albumartists: NONE,
  album: NONE,
  year: NONE,
  genre: NONE,
  compilation: NONE,
  isrc: NONE,
  musicbrainz_recordingid: NONE,
  musicbrainz_trackid: NONE,
  musicbrainz_albumid: NONE,
  musicbrainz_releasegroupid: NONE,
  musicbrainz_artistid: NONE,
  musicbrainz_albumartistid: NONE,
});

export interface Collector {
  add(priority: Priority, field: string, value: string): void;
  fields(): CommonFields;
}

/**
 * Puts the tags of a file together as music-metadata 11.16 does (its MetadataCollector), for the fields of `Tags`: which
 * of several values stays, and what fills `artists` where there is only `artist`.
 */
export const newCollector = (): Collector => new FieldCollector();

/** Its objects have all fields from the beginning, so that they have one form: what grows by each file's own tags is read slowly ever after. */
class FieldCollector implements Collector {
  readonly #found = noFields();
  readonly #origins = noOrigins();

  fields(): CommonFields {
    return this.#found;
  }

  add(priority: Priority, field: string, value: string): void {
    const kind = KINDS.get(field);
    if (kind === 'singular') this.#addSingular(priority, field, value);
    else if (kind === 'plural') this.#addPlural(priority, field, value);
    else if (kind === 'number') this.#setNumber(field as 'track' | 'disk', value);
    else if (kind === 'total') {
      const of = Number.parseInt(value, 10);
      this.#found[field === 'totaltracks' ? 'track' : 'disk'].of = Number.isNaN(of) ? null : of;
    } else if (kind === 'year') this.#setOne(priority, field, Number.parseInt(value, 10));
    else if (kind === 'date') {
      const year = Number.parseInt(value.slice(0, 4), 10);
      if (!Number.isNaN(year)) this.#found.year = year;
    } else if (kind === 'compilation') this.#setOne(priority, field, value === '1');
    else if (kind === 'one') this.#setOne(priority, field, value);
    else this.#addTo(priority, field, value);
  }

  #setOne(priority: Priority, field: string, value: unknown): void {
    if (priority > (this.#origins[field] as number)) return;
    this.#found[field] = value;
    this.#origins[field] = priority;
  }

  #addTo(priority: Priority, field: string, value: string): void {
    const before = this.#origins[field] as number;
    if (priority > before) return;
    if (priority < before) {
      this.#found[field] = [value];
      this.#origins[field] = priority;
      return;
    }
    const list = this.#found[field] as string[];
    if (KINDS.get(field) === 'all' || !list.includes(value)) list.push(value);
  }

  #addPlural(priority: Priority, plural: string, value: string): void {
    const singular = SINGULAR[plural] as string;
    if (!this.#found[singular] || this.#origins[singular] === PRIORITY.artificial) {
      const list = (this.#found[plural] ?? []) as string[];
      if (!list.includes(value)) {
        this.#setOne(PRIORITY.artificial, singular, joined([...list, value]));
      }
    }
    this.#addTo(priority, plural, value);
  }

  #addSingular(priority: Priority, singular: string, value: string): void {
    const plural = PLURAL[singular] as string;
    if (this.#origins[singular] === priority) {
      this.#addPlural(PRIORITY.artificial, plural, value);
      return;
    }
    if (!this.#found[plural]) this.#addTo(PRIORITY.artificial, plural, value);
    this.#setOne(priority, singular, value);
  }

  #setNumber(field: 'track' | 'disk', value: string): void {
    const numbers = this.#found[field];
    const slash = value.indexOf('/');
    numbers.no = Number.parseInt(value, 10) || null;
    if (slash >= 0) numbers.of ??= Number.parseInt(value.slice(slash + 1), 10) || null;
  }
}

function joined(names: readonly string[]): string {
  if (names.length <= 2) return names.join(' & ');
  return `${names.slice(0, -1).join(', ')} & ${names.at(-1)}`;
}

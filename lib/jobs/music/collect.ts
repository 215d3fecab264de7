import type { CommonFields } from './tags.ts';

/** Where a value is from: the better tag wins. `artificial` fills one artist field from another. */
export const PRIORITY = { main: 1, id3v1: 11, artificial: 500 } as const;
type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

const SINGLE = new Set([
  'title',
  'album',
  'year',
  'musicbrainz_recordingid',
  'musicbrainz_trackid',
  'musicbrainz_albumid',
  'musicbrainz_releasegroupid',
]);
/** Fields of several values, each once. */
const UNIQUE = new Set(['artists', 'albumartists', 'genre']);

const PLURAL: Readonly<Record<string, string>> = {
  artist: 'artists',
  albumartist: 'albumartists',
};
const SINGULAR: Readonly<Record<string, string>> = {
  artists: 'artist',
  albumartists: 'albumartist',
};

export interface Collector {
  add(priority: Priority, field: string, value: string): void;
  fields(): CommonFields;
}

/**
 * Puts the tags of a file together as music-metadata 11.16 does (its MetadataCollector), for the fields of `Tags`: which
 * of several values stays, and what fills `artists` where there is only `artist`.
 */
export function newCollector(): Collector {
  const found: Record<string, unknown> = {};
  const origins: Record<string, number> = {};
  const numbers: Pick<CommonFields, 'track' | 'disk'> = {
    track: { no: null, of: null },
    disk: { no: null, of: null },
  };

  const set = (priority: Priority, field: string, value: unknown): void => {
    const before = origins[field] ?? 1000;
    if (SINGLE.has(field) || field in PLURAL || field === 'compilation') {
      if (priority > before) return;
      found[field] = value;
    } else if (priority === before) {
      const list = found[field] as unknown[];
      if (!UNIQUE.has(field) || !list.includes(value)) list.push(value);
    } else if (priority < before) {
      found[field] = [value];
    } else {
      return;
    }
    origins[field] = priority;
  };

  const addPlural = (priority: Priority, plural: string, value: string): void => {
    const singular = SINGULAR[plural] as string;
    if (!found[singular] || origins[singular] === PRIORITY.artificial) {
      const list = (found[plural] ?? []) as string[];
      if (!list.includes(value)) set(PRIORITY.artificial, singular, joined([...list, value]));
    }
    set(priority, plural, value);
  };

  const addSingular = (priority: Priority, singular: string, value: string): void => {
    const plural = PLURAL[singular] as string;
    if (origins[singular] === priority) {
      addPlural(PRIORITY.artificial, plural, value);
      return;
    }
    if (!found[plural]) set(PRIORITY.artificial, plural, value);
    set(priority, singular, value);
  };

  const setNumber = (field: 'track' | 'disk', value: string): void => {
    const [no = '', of = ''] = value.split('/');
    const read = (text: string): number | null => Number.parseInt(text, 10) || null;
    numbers[field] = { no: read(no), of: numbers[field].of ?? read(of) };
  };

  const add = (priority: Priority, field: string, value: string): void => {
    if (field in PLURAL) addSingular(priority, field, value);
    else if (field in SINGULAR) addPlural(priority, field, value);
    else if (field === 'track' || field === 'disk') setNumber(field, value);
    else if (field === 'totaltracks' || field === 'totaldiscs') {
      const of = Number.parseInt(value, 10);
      numbers[field === 'totaltracks' ? 'track' : 'disk'].of = Number.isNaN(of) ? null : of;
    } else if (field === 'year') set(priority, field, Number.parseInt(value, 10));
    else if (field === 'date') {
      const year = Number.parseInt(value.slice(0, 4), 10);
      if (!Number.isNaN(year)) found['year'] = year;
    } else if (field === 'compilation') set(priority, field, value === '1');
    else if (field !== 'isrc' || !(found['isrc'] as string[] | undefined)?.includes(value)) {
      set(priority, field, value);
    }
  };

  return { add, fields: () => ({ ...found, ...numbers }) };
}

function joined(names: readonly string[]): string {
  if (names.length <= 2) return names.join(' & ');
  return `${names.slice(0, -1).join(', ')} & ${names.at(-1)}`;
}

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { albumRows } from '../../../lib/jobs/music/album.ts';
import { judge } from '../../../lib/jobs/music/duplicates.ts';
import { albumKey, type FileTags } from '../../../lib/jobs/music/file-tags.ts';
import { type Insert, insertsOf, type Values } from '../../../lib/jobs/music/inserts.ts';
import { fold, keyPart, mainArtist, mainTitle } from '../../../lib/jobs/music/names.ts';
import { TABLES } from '../../../lib/jobs/music/tables.ts';
import type { Tags } from '../../../lib/jobs/music/tags.ts';

test('values lie in the order of the columns, each under its name', () => {
  const tags: Tags = {
    title: 'Title',
    artist: 'Artist',
    album: 'Album',
    albumArtist: 'Artist',
    track: 3,
    disc: 4,
    year: 2005,
    genres: ['Genre', 'Other'],
    seconds: 6.5,
    codec: 'codec',
    bitRate: 7,
    sampleRate: 8,
    isrc: ['ISRC'],
    musicBrainz: { recording: 'recording', release: 'release' },
  } as Tags;
  const one: FileTags = { path: '/p.mp3', size: 9, mtime: 10, print: 'print', tags };
  const copy: FileTags = { ...one, path: '/q.mp3' };
  const [album, duplicate] = insertsOf('key', albumRows('key', [one, copy])) as [Insert, Insert];
  const named = (table: { columns: object }, values: Values | undefined) =>
    Object.fromEntries(Object.keys(table.columns).map((name, at) => [name, values?.[at]]));
  const track = {
    ...{ id: '/p.mp3', path: '/p.mp3', album: 'key', artist: 'artist', title: 'Title' },
    ...{ credit: 'Artist', track: 3, disc: 4, year: 2005, genre: 'Genre', seconds: 6.5 },
    ...{ codec: 'codec', bit_rate: 7, sample_rate: 8, isrc: 'ISRC', size: 9, mtime: 10 },
    ...{ musicbrainz_recording: 'recording', print: 'print', tags: JSON.stringify(tags) },
    ...{ duplicate: null, duplicate_of: null, doubt: null, seen_at: undefined },
  };
  expect(named(TABLES.tracks, album.tracks[0])).toEqual(track);
  expect(named(TABLES.tracks, duplicate.tracks[0])).toEqual({
    ...{ ...track, id: '/q.mp3', path: '/q.mp3', duplicate: 'copy', duplicate_of: '/p.mp3' },
  });
  expect(named(TABLES.albums, album.albums[0])).toEqual({
    ...{ id: 'key', artist: 'artist', title: 'Album', year: 2005, tracks: 1, duplicates: 1 },
    ...{ doubts: 0, spellings: 1, musicbrainz_release: 'release', seen_at: undefined },
  });
  expect(named(TABLES.artists, album.artists[0])).toEqual({
    ...{ id: 'artist', name: 'Artist', seen_at: undefined },
  });
});

let files = 0;
const file = (tags: Tags, more: Partial<FileTags> = {}): FileTags => {
  files += 1;
  return {
    path: `/m/${files}.mp3`,
    size: 1000 + files,
    mtime: 1,
    print: `p${files}`,
    tags,
    ...more,
  };
};
const song = (more: Tags = {}): Tags => ({
  title: 'Jóga',
  artist: 'Björk',
  album: 'Homogenic',
  track: 2,
  disc: 1,
  seconds: 300,
  bitRate: 128_000,
  ...more,
});

test('an id is never longer than an index of PostgreSQL takes', () => {
  const name = '椎'.repeat(1024);
  const path = `/${'m/'.repeat(1500)}.mp3`;
  const long = file(song({ artist: name, album: name }), { path });
  const [{ artists, tracks }] = insertsOf('k', albumRows('k', [long])) as [Insert];
  for (const id of [artists[0]?.[0], tracks[0]?.[0], tracks[0]?.[3]]) {
    expect(Buffer.byteLength(id as string)).toBeLessThan(2704);
  }
  expect(tracks[0]?.[3]).toBe(artists[0]?.[0]);
  expect(tracks[0]?.[1]).toBe(path);
});

test.each([
  ['Björk', 'bjork'],
  ['BJÖRK', 'bjork'],
  ['The Beatles', 'beatles'],
  ['Beatles, The', 'beatles'],
  ['The The', 'the'],
  ['The', 'the'],
  ['Simon & Garfunkel', 'simon and garfunkel'],
  ['Guns N’ Roses', 'guns n roses'],
  ["Guns N' Roses", 'guns n roses'],
  ['AC/DC', 'ac dc'],
  ['Sigur Rós', 'sigur ros'],
  ['Ænima', 'aenima'],
  ['Røyksopp', 'royksopp'],
  ['Straße', 'strasse'],
  ['Ｆｕｌｌ Ｗｉｄｔｈ', 'full width'],
  ['!!!', '!!!'],
  ['?', '?'],
  ['Мумий Тролль', 'мумии тролль'],
  ['椎名林檎', '椎名林檎'],
])('%s folds to %s', (name, folded) => expect(fold(name)).toBe(folded));

test('folding a folded name changes nothing, and accents and case never matter', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (name) => {
      const once = fold(name);
      // A leading article is taken off once: 'The The Band' is not 'Band'.
      if (!once.startsWith('the ')) expect(fold(once)).toBe(once);
      expect(fold(name.normalize('NFD'))).toBe(fold(name.normalize('NFC')));
    }),
  );
});

test.each([
  ['A feat. B', 'A'],
  ['A (feat. B & C)', 'A'],
  ['A ft. B', 'A'],
  ['A [featuring B]', 'A'],
  ['Little Feat', 'Little Feat'],
  ['A with B', 'A with B'],
  ['Feat. B', 'Feat. B'],
])('%s is by %s', (artist, main) => expect(mainArtist(artist)).toBe(main));

test('a title loses its guests, and keeps what else is in brackets', () => {
  expect(mainTitle('Song (feat. B) [Live]')).toBe('Song [Live]');
  expect(mainTitle('Song (Remix)')).toBe('Song (Remix)');
});

describe('the key of a group', () => {
  it('is the same for other spellings, guests and the album artist', () => {
    for (const tags of [
      { artist: 'Björk', album: 'Homogenic' },
      { artist: 'BJORK feat. Somebody', album: 'homogenic!' },
      { artist: 'Somebody', albumArtist: 'björk', album: 'HOMOGÉNIC' },
    ]) {
      expect(albumKey(file(tags))).toBe('bjork / homogenic');
    }
  });
  it('puts compilations under Various Artists', () => {
    for (const tags of [
      { artist: 'A', albumArtist: 'VA', album: 'Hits' },
      { artist: 'A', compilation: true as const, album: 'Hits' },
      { artist: 'various artists', album: 'Hits' },
    ]) {
      expect(albumKey(file(tags))).toBe('various artists / hits');
    }
  });
  it('keeps files without an album apart, by title, then by content', () => {
    expect(albumKey(file({ artist: 'A', title: 'Song (feat. B)' }))).toBe('a / [no album] / song');
    expect(albumKey(file({}, { print: 'abc' }))).toBe('[no artist] / [no album] / [abc]');
  });
  it('fits whatever the names are', () => {
    const long = '界'.repeat(1024);
    const key = albumKey(file({ artist: long, album: long }));
    expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1024);
    expect(key).not.toBe(albumKey(file({ artist: long, album: `${long.slice(1)}x` })));
    expect(keyPart('short')).toBe('short');
  });
});

describe('duplicates', () => {
  const verdicts = (...list: FileTags[]) =>
    judge(list).map(({ duplicate, duplicateOf, doubt }) => [
      duplicate ?? doubt ?? 'kept',
      duplicateOf === undefined ? -1 : list.findIndex(({ path }) => path === duplicateOf),
    ]);

  it('are copies first: one size and one print, and the first stays', () => {
    const a = file(song());
    const b = file(song(), { size: a.size, print: a.print });
    expect(verdicts(a, b)).toEqual([
      ['kept', -1],
      ['copy', 0],
    ]);
  });
  it('are recordings of one place, title and length: the best bit rate stays, then the larger', () => {
    const low = file(song());
    const high = file(song({ bitRate: 320_000, seconds: 301.9, title: 'JOGA (feat. X)' }));
    expect(verdicts(low, high)).toEqual([
      ['recording', 1],
      ['kept', -1],
    ]);
    expect(verdicts(file(song(), { size: 5 }), file(song(), { size: 9 }))).toEqual([
      ['recording', 1],
      ['kept', -1],
    ]);
    expect(verdicts(file(song({ bitRate: 320_000 })), file(song({ bitRate: 128_000 })))).toEqual([
      ['kept', -1],
      ['recording', 0],
    ]);
  });
  it('no disc is the first disc', () => {
    const { disc: _, ...none } = song();
    expect(verdicts(file(none), file(song())).flat()).toContain('recording');
    expect(verdicts(file(song({ disc: 2 })), file(song())).flat()).not.toContain('recording');
  });
  it.each([
    ['length', song({ seconds: 302.1 })],
    ['length', { ...song(), seconds: undefined } as unknown as Tags],
    ['place', song({ title: 'Bachelorette', seconds: 310 })],
    ['number', song({ track: 9 })],
  ])('what is less clear is kept, with a doubt: %s (%#)', (doubt, other) => {
    expect(verdicts(file(song()), file(other))).toEqual([
      [doubt, -1],
      [doubt, -1],
    ]);
  });
  it('chains of lengths do not make one recording of all', () => {
    const at = (seconds: number) => file(song({ seconds }));
    const found = verdicts(at(300), at(301.5), at(303));
    expect(found.filter(([verdict]) => verdict === 'recording')).toHaveLength(1);
  });
  it('every file is judged once, and what it is a duplicate of stays', () => {
    const small = fc.record({
      title: fc.constantFrom('a', 'b', undefined),
      track: fc.constantFrom(1, 2, undefined),
      disc: fc.constantFrom(1, 2, undefined),
      seconds: fc.constantFrom(1, 2.5, 4, 9, undefined),
      bitRate: fc.constantFrom(1, 2),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(small, fc.nat(3)), { maxLength: 12 }), (list) => {
        const given = list.map(
          ([tags, n], i): FileTags => ({
            path: `/${i}`,
            size: n,
            mtime: 0,
            print: `${n > 1 ? i : n}`,
            tags: tags as Tags,
          }),
        );
        const judged = judge(given);
        expect(judged.map((one) => one.file)).toEqual(given);
        const kept = new Set(
          judged.filter((one) => one.duplicate === undefined).map((one) => one.file.path),
        );
        for (const { duplicate, duplicateOf } of judged) {
          // A copy may be of a file that is itself a worse recording: the chain ends at one that stays.
          let place = duplicateOf;
          for (let steps = 0; place !== undefined && !kept.has(place); steps++) {
            expect(steps).toBeLessThan(3);
            place = judged.find((one) => one.file.path === place)?.duplicateOf;
          }
          expect(place === undefined).toBe(duplicate === undefined);
        }
      }),
    );
  });
});

test('an album takes the spelling that most files have, and has each artist once', () => {
  const { artists, albums, tracks } = albumRows('bjork / homogenic', [
    file(song({ artist: 'BJORK', track: 1, title: 'Hunter', seconds: 100 })),
    file(song({ year: 1997 })),
    file(song({ track: 3, title: 'Unravel', artist: 'Björk feat. Guest', seconds: 7 })),
  ]);
  expect(artists).toEqual([{ id: 'bjork', name: 'Björk' }]);
  expect(albums).toHaveLength(1);
  expect(albums[0]).toMatchObject({
    id: 'bjork / homogenic',
    title: 'Homogenic',
    year: 1997,
    tracks: 3,
    duplicates: 0,
    spellings: 2,
  });
  expect(tracks.map(({ artist }) => artist)).toEqual(['bjork', 'bjork', 'bjork']);
});

test('an album of many tracks is several items to insert, and each duplicate one of its own', () => {
  const files = Array.from({ length: 205 }, (_, at) =>
    file(song({ title: `t${at}`, track: at + 1, seconds: 10 * at })),
  );
  const copied = { ...(files[3] as FileTags), path: '/m/copy.mp3' };
  const inserts = insertsOf('x', albumRows('x', [...files, copied]));
  expect(
    inserts.map((one) => [one.id, one.artists.length, one.albums.length, one.tracks.length]),
  ).toEqual([
    ['x', 1, 1, 100],
    ['x', 0, 0, 100],
    ['x', 0, 0, 5],
    ['/m/copy.mp3', 0, 0, 1],
  ]);
  expect(inserts.map(({ duplicate }) => duplicate)).toEqual([
    undefined,
    undefined,
    undefined,
    `copy of ${files[3]?.path}`,
  ]);
});

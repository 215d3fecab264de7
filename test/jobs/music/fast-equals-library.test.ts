import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ByteFile, bytesInMemory } from '../../../lib/jobs/music/byte-file.ts';
import { readFast } from '../../../lib/jobs/music/fast.ts';
import { kindOf } from '../../../lib/jobs/music/format.ts';
import { readWithLibrary } from '../../../lib/jobs/music/library.ts';
import type { Tags } from '../../../lib/jobs/music/tags.ts';
import { seeded } from '../../../lib/jobs/odds/sample-random.ts';
import { aiff, flac, m4a, mp3, opus, type Track, vorbis, wav, wma } from './write-audio.ts';

const FULL = process.env['SLUICE_FULL'] === '1';
const RUNS = FULL ? 3000 : 150;

async function both(
  bytes: Buffer,
  name: string,
): Promise<{ fast: Tags | undefined; library: Tags }> {
  const kind = kindOf(bytes.subarray(0, 8192), name);
  const file = bytesInMemory(bytes);
  const library = await readWithLibrary(file, kind.mime, { wholeFile: true });
  return { fast: readFast(file, kind.format), library };
}

/** Names as they are: accents, other scripts, emoji, slashes, what looks like a number. */
const name = fc.oneof(
  fc.constantFrom(
    'Björk',
    'AC/DC',
    'Ænima',
    '椎名林檎',
    'Мумий Тролль',
    'A & B feat. C',
    '1999',
    '(Untitled)',
    'x',
    ' spaced ',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  fc.string({ minLength: 1, maxLength: 60 }),
);
const latinName = fc.oneof(
  fc.constantFrom('Café Tacvba', 'Mötley Crüe', 'AC/DC'),
  fc.string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 40,
  }),
);

const trackOf = (text: fc.Arbitrary<string>): fc.Arbitrary<Track> =>
  fc.record(
    {
      title: text,
      artist: text,
      artists: fc.array(text, { minLength: 1, maxLength: 3 }),
      albumArtist: text,
      album: text,
      track: fc.integer({ min: 0, max: 255 }),
      tracks: fc.integer({ min: 0, max: 255 }),
      disc: fc.integer({ min: 0, max: 9 }),
      discs: fc.integer({ min: 0, max: 9 }),
      year: fc.integer({ min: 1, max: 2030 }),
      genre: fc.oneof(text, fc.constantFrom('Rock', 'Duo Cello/Piano', '(17)', '17', '')),
      compilation: fc.constant(true),
      isrc: fc.constantFrom('USRC17607839', 'A/B', ''),
      musicBrainz: fc.record({ recording: fc.uuid(), release: fc.uuid(), artist: fc.uuid() }),
    },
    { requiredKeys: ['title', 'artist', 'album', 'track', 'year', 'genre'] },
  );

const bytesOf = (max: number) =>
  fc.option(
    fc.uint8Array({ minLength: 1, maxLength: max }).map((bytes) => Buffer.from(bytes)),
    { nil: undefined },
  );

const id3 = fc.record({
  version: fc.constantFrom(2 as const, 3 as const, 4 as const),
  padding: fc.constantFrom(0, 1, 9, 10, 2000),
  cover: bytesOf(3000),
  bigEndian: fc.boolean(),
  frames: fc.integer({ min: 1, max: 16 }),
  variable: fc.boolean(),
  info: fc.boolean(),
  mono: fc.boolean(),
  id3v1: fc.boolean(),
  ape: fc.constantFrom(false, false, false, true),
  bare: fc.constantFrom(false, false, false, true),
  comment: fc.constantFrom('a comment', ''),
  noise: fc.nat(0xffff),
});

const mp3s = fc.oneof(
  fc
    .tuple(trackOf(latinName), id3)
    .map(([track, options]) => mp3(track, { ...options, encoding: 'latin1' })),
  fc
    .tuple(
      trackOf(name),
      id3,
      fc.constantFrom('utf16' as const, 'utf16be' as const, 'utf8' as const),
    )
    .map(([track, options, encoding]) => mp3(track, { ...options, encoding })),
);
const seconds = fc.integer({ min: 1, max: 4000 });
const files: Record<string, fc.Arbitrary<Buffer>> = {
  'a.mp3': mp3s,
  'a.flac': fc
    .tuple(
      trackOf(name),
      fc.record({
        seconds: fc.oneof(fc.constant(0), seconds),
        sampleRate: fc.constantFrom(8000, 44_100, 48_000, 192_000, 655_350),
        padding: fc.constantFrom(0, 4096),
        cover: bytesOf(2000),
        audio: fc.integer({ min: 12, max: 6000 }),
        id3v1: fc.constantFrom(false, false, true),
      }),
    )
    .map(([track, options]) => flac(track, options)),
  'a.ogg': fc
    .tuple(
      trackOf(name),
      fc.record({ seconds, pages: fc.integer({ min: 1, max: 20 }), cover: bytesOf(2000) }),
    )
    .map(([track, options]) => vorbis(track, options)),
  'a.opus': fc
    .tuple(
      trackOf(name),
      fc.record({ seconds, pages: fc.integer({ min: 1, max: 20 }), cover: bytesOf(2000) }),
    )
    .map(([track, options]) => opus(track, options)),
  'a.m4a': fc
    .tuple(
      trackOf(name),
      fc.record({
        seconds,
        cover: bytesOf(2000),
        lossless: fc.boolean(),
        audioFirst: fc.boolean(),
        samples: fc.integer({ min: 1, max: 60 }),
      }),
    )
    .map(([track, options]) => m4a(track, options)),
};

/** Of files as they are written for these tests: what the fast reader answers itself, at least. */
const SURE: Readonly<Record<string, number>> = {
  'a.mp3': 0.1,
  'a.flac': 0.5,
  'a.ogg': 0.5,
  'a.opus': 0.5,
  'a.m4a': 0.5,
};

test.each(Object.entries(files))(
  '%s: the fast reader gives what the library gives, or nothing',
  async (file, bytes) => {
    let sure = 0;
    let all = 0;
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        const { fast, library } = await both(content, file);
        all += 1;
        if (fast === undefined) return;
        sure += 1;
        expect(fast).toEqual(library);
      }),
      { numRuns: RUNS },
    );
    expect(sure / all).toBeGreaterThan(SURE[file] as number);
  },
);

/** What the library takes from pages that the fast reader does not look at. */
const NO_LENGTH = { seconds: undefined, bitRate: undefined };

/** One stream from the first page to the last, as far as a reader of pages sees (RFC 3533). */
function hasWholePages(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; ) {
    const segments = bytes[at + 26] ?? 0;
    const table = bytes.subarray(at + 27, at + 27 + segments);
    const end = at + 27 + segments + table.reduce((sum, length) => sum + length, 0);
    const flags = bytes[at + 5] ?? 0;
    const whole =
      bytes.toString('latin1', at, at + 4) === 'OggS' &&
      (flags & 2) === (at === 0 ? 2 : 0) &&
      (flags & 4) === (end === bytes.length ? 4 : 0) &&
      bytes.readUInt32LE(at + 14) === bytes.readUInt32LE(14) &&
      end <= bytes.length;
    if (!whole) return false;
    at = end;
  }
  return true;
}

test('damaged bytes: what the fast reader still answers is what the library says', {
  timeout: 240_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .constantFrom(...Object.entries(files))
        .chain(([file, bytes]) => fc.tuple(fc.constant(file), bytes)),
      fc.array(
        fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)),
        { maxLength: 4 },
      ),
      fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: 1 }),
      async ([file, content], flips, kept) => {
        const bytes = Buffer.from(content.subarray(0, Math.ceil(content.length * kept)));
        // Most of the flips at the front, where the tags are.
        for (const [at, value] of flips) bytes[Math.floor(at * at * bytes.length)] = value;
        const kind = kindOf(bytes.subarray(0, 8192), file);
        const fast = readFast(bytesInMemory(bytes), kind.format);
        if (fast === undefined) return;
        // The library reads Ogg pages between the tags and the end as well, and may trip over them.
        const library = await readOrFault(bytesInMemory(bytes), kind.mime, true);
        if (kind.format === 'ogg' && typeof library === 'string') return;
        if (kind.format !== 'ogg' || hasWholePages(bytes)) expect(fast).toEqual(library);
        else expect({ ...fast, ...NO_LENGTH }).toEqual({ ...(library as object), ...NO_LENGTH });
      },
    ),
    { numRuns: FULL ? 20_000 : 300 },
  );
});

const TRACK: Track = {
  title: 'Jóga',
  artist: 'Björk',
  albumArtist: 'Björk',
  album: 'Homogenic',
  track: 2,
  tracks: 10,
  disc: 1,
  discs: 1,
  year: 1997,
  genre: 'Electronic',
  isrc: 'GBAAW9700172',
  musicBrainz: {
    recording: '27fc0a06-8b6e-4e0d-8c1e-9e5f3b2c6a7d',
    release: 'f3f7a9f0-6b5e-4a9e-9d39-6e1b9c3f2a10',
    artist: '87c5dedd-371d-4a53-9f7f-80522fb7f3cb',
  },
};

const KEPT = {
  title: 'Jóga',
  artist: 'Björk',
  album: 'Homogenic',
  track: 2,
  year: 1997,
  genres: ['Electronic'],
};

test.each([
  [
    'a.mp3',
    mp3(TRACK),
    {
      ...KEPT,
      trackTotal: 10,
      isrc: ['GBAAW9700172'],
      codec: 'MP3',
      bitRate: 128_000,
      sampleRate: 44_100,
      seconds: 0.209,
      musicBrainz: {
        recording: TRACK.musicBrainz?.recording,
        release: TRACK.musicBrainz?.release,
        artists: [TRACK.musicBrainz?.artist],
      },
    },
  ],
  [
    'a.mp3',
    mp3(TRACK, { version: 3, encoding: 'utf16', variable: true, cover: Buffer.alloc(30_000, 9) }),
    { ...KEPT, codec: 'MP3' },
  ],
  ['a.mp3', mp3(TRACK, { version: 2, encoding: 'latin1' }), { ...KEPT, codec: 'MP3' }],
  ['a.flac', flac(TRACK), { ...KEPT, codec: 'FLAC', seconds: 200, discTotal: 1 }],
  ['a.ogg', vorbis(TRACK), { ...KEPT, codec: 'Vorbis', seconds: 180, bitRate: 160_000 }],
  ['a.ogg', vorbis(TRACK, { cover: Buffer.alloc(100_000, 5) }), { ...KEPT, codec: 'Vorbis' }],
  ['a.opus', opus(TRACK), { ...KEPT, codec: 'Opus', seconds: 180 }],
  ['a.m4a', m4a(TRACK), { ...KEPT, codec: 'AAC', seconds: 180, sampleRate: 44_100 }],
  [
    'a.m4a',
    m4a(TRACK, { lossless: true, audioFirst: true, cover: Buffer.alloc(40_000, 3) }),
    { ...KEPT, codec: 'ALAC' },
  ],
])('a usual %s is read by the fast reader alone (%#)', async (file, bytes, expected) => {
  const { fast, library } = await both(bytes, file);
  expect(fast).toMatchObject(expected);
  expect(fast).toEqual(library);
});

test.each([
  ['a.wav', wav(TRACK), { ...KEPT, codec: 'PCM' }],
  ['a.aiff', aiff(TRACK), { ...KEPT, codec: 'PCM' }],
  ['a.wma', wma(TRACK), { ...KEPT, seconds: 180 }],
  ['a.mp3', mp3(TRACK, { bare: true, ape: true }), KEPT],
  ['a.mp3', mp3({ ...TRACK, genre: '(52)' }), KEPT],
])('%s is read by the library (%#)', async (file, bytes, expected) => {
  const { fast, library } = await both(bytes, file);
  expect(fast).toBeUndefined();
  expect(library).toMatchObject(expected);
});

/** Real files, from the test sets of lofty and of the FLAC working group. */
const { SLUICE_DATA = '../shared/data' } = process.env;
const REAL = `${SLUICE_DATA}/music`;

function realFiles(): string[] {
  return readdirSync(REAL, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(mp3|flac|ogg|opus|m4a|aac|wav)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

const withReal = test.skipIf(!existsSync(REAL));
const readOrFault = (file: ByteFile, mime: string, wholeFile: boolean): Promise<Tags | string> =>
  readWithLibrary(file, mime, { wholeFile }).catch((fault: Error) => `fails: ${fault.message}`);

withReal('real files (SLUICE_DATA): the same from both readers', async () => {
  const read = realFiles();
  expect(read.length).toBeGreaterThan(20);
  for (const path of read) {
    const bytes = readFileSync(path);
    const kind = kindOf(bytes.subarray(0, 8192), path);
    const fast = readFast(bytesInMemory(bytes), kind.format);
    if (fast === undefined) continue;
    expect([path, fast]).toEqual([path, await readOrFault(bytesInMemory(bytes), kind.mime, true)]);
  }
});

withReal(
  'real files cut and with flipped bits: read or refused, within the bound of bytes, never hung',
  async () => {
    for (const path of realFiles()) {
      const whole = readFileSync(path);
      const random = seeded(whole.length);
      for (let round = 0; round < (FULL ? 200 : 6); round++) {
        const bytes = Buffer.from(
          whole.subarray(0, round % 2 === 0 ? random.below(whole.length + 1) : whole.length),
        );
        for (let flips = round % 4; flips > 0 && bytes.length > 0; flips--) {
          bytes[random.below(Math.min(bytes.length, flips === 3 ? 64 : bytes.length))] =
            random.below(256);
        }
        const kind = kindOf(bytes.subarray(0, 8192), path);
        const fast = readFast(bytesInMemory(bytes), kind.format);
        const library = await readOrFault(bytesInMemory(bytes), kind.mime, true);
        if (fast !== undefined) expect([path, round, fast]).toEqual([path, round, library]);
        await readOrFault(bytesInMemory(bytes), kind.mime, false);
      }
    }
  },
);

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { albumKey, type FileTags } from '../../../lib/jobs/music/file-tags.ts';

const name = fc.constantFrom('A', 'B', 'VA', undefined);
const tags = fc.record({
  album: name,
  artist: name,
  albumArtist: name,
  title: name,
  compilation: fc.constantFrom(true, undefined),
});
const keyOf = (of: object): string =>
  albumKey({ path: '', size: 1, mtime: 1, print: 'p', tags: of } as FileTags);

test("a file's album is told by its own tags, whatever file was asked for before", () => {
  const field = fc.constantFrom(
    'album',
    'artist',
    'albumArtist',
    'compilation',
  ) as fc.Arbitrary<'album'>;
  fc.assert(
    fc.property(tags, tags, field, (one, other, changed) => {
      const another = { album: 'another', artist: 'another' };
      expect(keyOf(another)).toBe('another / another');
      const alone = keyOf(one);
      expect(keyOf(another)).toBe('another / another');
      keyOf({ ...one, [changed]: other[changed] });
      expect(keyOf(one)).toBe(alone);
    }),
    { numRuns: 2000 },
  );
});

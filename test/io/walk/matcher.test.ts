import fc from 'fast-check';
import picomatch from 'picomatch';
import { describe, expect, it } from 'vitest';
import { newMatcher } from '../../../lib/io/walk/matcher.ts';

const PATTERNS = ['**/*.mp3', '**/*.tar.gz', '**/*.a-b', '**/*.K', '*.mp3', 'b/**', '**/*.m?'];
const name = fc
  .array(
    fc.constantFrom(...['a', 'b', '.', '.mp3', '.MP3', '.tar.gz', '.A-b', '.k', '.\u212a', '\n']),
    { maxLength: 3 },
  )
  .map((parts) => parts.join(''));
/** No path of a file ends with a slash. */
const path = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'))
  .filter((text) => text !== '' && !text.endsWith('/'));

describe('a matcher', () => {
  it('says of patterns that are an end what picomatch says', () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...PATTERNS), { minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        path,
        (include, dot, ignoreCase, file) => {
          const wanted = (options: object): boolean =>
            picomatch([...include], { ...options, flags: ignoreCase ? 'is' : 's' })(file);
          const given = { dot, ignoreCase };
          expect(newMatcher({ include, exclude: [], ...given }).file(file)).toBe(wanted({ dot }));
          const all = { include: ['**', '**/.*', '**/.*/**'], exclude: include };
          const left = newMatcher({ ...all, ...given }).file(file);
          if (wanted({ dot: true })) expect(left).toBe(false);
        },
      ),
      { numRuns: process.env['SLUICE_FULL'] ? 20_000 : 500 },
    ));

  it('takes names with line ends', () => {
    const { file } = newMatcher({
      include: ['**/*.mp3', '**/x*'],
      exclude: [],
      dot: false,
      ignoreCase: false,
    });
    expect(['a\nb/c\n.mp3', 'a\nb/x\n', 'a\nb/c\n'].map(file)).toEqual([true, true, false]);
  });
});

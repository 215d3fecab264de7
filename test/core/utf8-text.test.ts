import fc from 'fast-check';
import { expect, it } from 'vitest';
import { utf8Text } from '../../lib/core/utf8-text.ts';

/** Pieces that are text, and such as break it off or make it no UTF-8. */
const piece = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 3 }).map((text) => [...Buffer.from(text)]),
  fc.constantFrom([0xef, 0xbb, 0xbf], [0xef, 0xbb], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], [0xc0]),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 }),
);

it('is what a TextDecoder gives, whatever the bytes are and wherever they lie', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.nat({ max: 3 }), (pieces, before) => {
      const bytes = pieces.flat();
      const within = new Uint8Array([...new Array(before).fill(0x41), ...bytes, 0x42]);
      const view = within.subarray(before, before + bytes.length);
      expect(utf8Text(view)).toBe(new TextDecoder().decode(view));
    }),
    { numRuns: 1000 },
  );
});

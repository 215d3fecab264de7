import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newTextBytes } from '../../lib/engine/text-bytes.ts';

const LONG = 20_000;
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer({ min: 1, max: LONG }).map((length) => '€'.repeat(length)),
  fc.integer({ min: 1, max: 5 * LONG }).map((length) => 'a'.repeat(length)),
);

test('the bytes are those of the texts one after the other, whenever they are taken', () => {
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 12 }), { maxLength: 4 }), (takes) => {
      const bytes = newTextBytes();
      for (const texts of takes) {
        const lines = texts.map((text, at) => {
          if (at % 2 === 0) bytes.add(text);
          else bytes.addLine(Buffer.from(`<${text}>`), 1, 1 + Buffer.byteLength(text));
          return at % 2 === 0 ? text : `${text}\n`;
        });
        const whole = lines.join('');
        expect(bytes.length).toBeGreaterThanOrEqual(whole.length === 0 ? 0 : 1);
        expect(bytes.length).toBeLessThanOrEqual(Buffer.byteLength(whole));
        expect(bytes.take((taken) => taken.equals(Buffer.from(whole)))).toBe(true);
        expect(bytes.length).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
});

test('several at a time never see the memory of another, which they use in turn', () => {
  const several = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.boolean(), piece), {
    maxLength: 24,
  });
  fc.assert(
    fc.property(several, (steps) => {
      const all = [newTextBytes(), newTextBytes(), newTextBytes()];
      const wholes = ['', '', ''];
      for (const [at, taken, text] of steps) {
        all[at]?.add(text);
        wholes[at] += text;
        if (!taken) continue;
        const same = all[at]?.take((bytes) => bytes.equals(Buffer.from(wholes[at] ?? '')));
        expect(same).toBe(true);
        wholes[at] = '';
      }
      for (const [at, bytes] of all.entries()) {
        expect(bytes.take((rest) => rest.toString())).toBe(
          Buffer.from(wholes[at] ?? '').toString(),
        );
      }
    }),
    { numRuns: 40 },
  );
});

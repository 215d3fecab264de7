import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newNameList } from '../../../lib/io/walk/name-list.ts';

/** Bytes, a character each. */
const name = fc.string({
  unit: fc.constantFrom('a', 'B', '.', '/', '\xc3', '\xa9', '\x01'),
  minLength: 1,
  maxLength: 6,
});

async function listOf(names: readonly string[], texts?: number) {
  const list = newNameList(texts);
  for (const one of names) list.add(one);
  expect(list.count()).toBe(names.length);
  return list.sorted();
}

const allOf = (list: Awaited<ReturnType<typeof listOf>>) =>
  Array.from({ length: list.length }, (_, at) => list.at(at));

describe('names of a folder', () => {
  it('come by their bytes, whether they are packed or not', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(name, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        async (names, texts) => {
          const list = await listOf(names, texts);
          const sorted = names.map((one) => Buffer.from(one, 'latin1')).sort(Buffer.compare);
          expect(allOf(list)).toEqual(sorted.map((one) => one.toString('latin1')));
          expect(list.at(names.length)).toBeUndefined();
        },
      ),
      { numRuns: process.env['SLUICE_FULL'] ? 2000 : 100 },
    ));

  it('are found at any place, of more than are unpacked at once', async () => {
    const names = Array.from(
      { length: 25_250 },
      (_, at) => `track ${(at * 7919) % 25_250} of an album.mp3`,
    );
    const list = await listOf(names);
    names.sort();
    expect(list.length).toBe(names.length);
    // There and back, and over the ends of blocks again and again.
    for (const at of [0, 25_249, 999, 1000, 999, 10_000, 9_999, 24_999, 25_000, 1, 25_249]) {
      expect(list.at(at)).toBe(names[at]);
    }
    expect(allOf(list)).toEqual(names);
  });
});

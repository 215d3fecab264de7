import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../lib/core/rng.ts';
import { FOOT_BYTES } from '../../lib/engine/part.ts';
import { memberBytes, sectionsOf, unzipSection } from '../../lib/engine/read-part.ts';

/** Text that does not compress away: letters, so many of them. */
function text(length: number): string {
  const random = seededRandom(`text ${length}`);
  return Array.from({ length }, () => String.fromCharCode(97 + 26 * random())).join('');
}

// Zipped 20 bytes, under 1 KB, and 190 KB: on both sides of where unpacking leaves this thread.
describe.each([0, 1000, 300_000])('a section of %i characters', (length) => {
  const plain = text(length);
  const half = Math.floor(length / 2);
  const members = [plain.slice(0, half), plain.slice(half)].map((piece) => gzipSync(piece));
  const section = Buffer.concat(members);

  test('comes back whole from all its members', async () => {
    expect((await unzipSection('p', section)).toString()).toBe(plain);
  });

  test('is DAMAGED when it is cut or changed, and says which part', async () => {
    const flipped = Buffer.from(section);
    const at = section.length - 6;
    flipped[at] = (flipped[at] as number) ^ 1;
    const damaged = { code: 'DAMAGED', message: expect.stringContaining('Part p is damaged') };
    await expect(unzipSection('p', section.subarray(0, -1))).rejects.toMatchObject(damaged);
    await expect(unzipSection('p', flipped)).rejects.toMatchObject(damaged);
  });
});

test('text of highly repeated rows, far more than four times its zipped size, comes back whole', async () => {
  const plain = '{"status":"ok"}\n'.repeat(500_000);
  expect((await unzipSection('p', gzipSync(plain))).toString()).toBe(plain);
});

test('a member tells how much memory it needs, one byte more than it has; never more than 2 MiB, never too little', async () => {
  for (const length of [0, 62, 63, 64, 5000, 70_000]) {
    const member = gzipSync(text(length));
    expect(memberBytes(member)).toBe(Math.max(length + 1, 64));
    const plain = await unzipSection('p', member, memberBytes(member));
    expect(plain.toString()).toBe(text(length));
  }
  expect(memberBytes(gzipSync(Buffer.alloc(3_000_000)))).toBe(2 * 1024 * 1024);
  expect([memberBytes(Buffer.alloc(3)), memberBytes(Buffer.alloc(4, 255))]).toEqual([64, 2097152]);
});

describe('the foot of a part', () => {
  const foot = (facts: unknown): Buffer =>
    gzipSync(`${JSON.stringify(facts).padEnd(79)}\n`, { level: 0 });
  const size = 1 + 2 + 3 + 4 + FOOT_BYTES;

  test('says where the sections lie', () => {
    expect(sectionsOf('p', foot({ sluice: 'part/1', bytes: [1, 2, 3, 4] }), size)).toEqual({
      outcomes: { start: 0, end: 1 },
      attempts: { start: 1, end: 3 },
      log: { start: 3, end: 6 },
      trailer: { start: 6, end: 10 },
    });
  });

  test.each([
    ['NEWER', { sluice: 'part/3', bytes: [1, 2, 3, 4] }, 'part version 3, known: 2'],
    ['NEWER', { sluice: 'part/12', other: true }, 'part version 12, known: 2'],
    ['DAMAGED', { sluice: 'part/0', bytes: [1, 2, 3, 4] }, 'its foot is missing'],
    ['DAMAGED', { sluice: 'part/1', bytes: [1, 2, 3] }, 'its foot is missing'],
    ['DAMAGED', { sluice: 'part/1', bytes: [1, 2, 3, 4.5] }, 'its foot is missing'],
    ['DAMAGED', { sluice: 'part/1' }, 'its foot is missing'],
    ['DAMAGED', { bytes: [1, 2, 3, 4] }, 'its foot is missing'],
    ['DAMAGED', null, 'its foot is missing'],
    ['DAMAGED', { sluice: 'part/1', bytes: [1, 2, 3, 5] }, 'its sections make 114 bytes'],
  ])('is %s: %j', (code, facts, message) => {
    const error = { code, message: expect.stringContaining(message) };
    expect(() => sectionsOf('p', foot(facts), size)).toThrow(expect.objectContaining(error));
  });
});

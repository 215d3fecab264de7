import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bounded, bytesInMemory, openFile, ReadLimit } from '../../../lib/jobs/music/byte-file.ts';
import { readFast } from '../../../lib/jobs/music/fast.ts';
import { readWithLibrary } from '../../../lib/jobs/music/library.ts';
import { concat, latin } from './write-audio.ts';

test('a file gives the same bytes by position, whatever was asked for before', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bytes-'));
  try {
    for (const size of [0, 1, 5000, 8192, 8193, 12_288, 12_289, 50_000]) {
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255));
      const path = join(folder, `${size}`);
      writeFileSync(path, bytes);
      const file = openFile(path);
      try {
        expect(file.size).toBe(size);
        // Kept in caches and tables: a print must stay what it was.
        const tail = bytes.subarray(Math.max(8192, size - 4096));
        const marks = [Buffer.from(String(size)), bytes.subarray(0, 8192), tail];
        expect(file.marks.equals(Buffer.concat(marks))).toBe(true);
        fc.assert(
          fc.property(fc.nat(size + 10), fc.nat(20_000), (start, length) => {
            expect(file.at(start, length).equals(bytes.subarray(start, start + length))).toBe(true);
          }),
          { numRuns: 60 },
        );
      } finally {
        closeSync(file.fd);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('whoever asks for more than the bound gets an error, by bytes and by calls', () => {
  const file = bytesInMemory(Buffer.alloc(100));
  const bytes = bounded(file, { bytes: 150, calls: 100 });
  bytes.at(0, 100);
  expect(() => bytes.at(0, 100)).toThrow(ReadLimit);
  const calls = bounded(file, { bytes: 1e6, calls: 3 });
  for (let i = 0; i < 3; i++) calls.at(0, 1);
  expect(() => calls.at(0, 1)).toThrow('more than 1000000 bytes or 3 reads were needed');
});

test('a tag that claims 100 MB is refused by its bound, not read', async () => {
  const size = 101 * 1024 * 1024;
  const header = concat(latin('ID3'), Buffer.from([4, 0, 0, 0x31, 0x7f, 0x7f, 0x7f]));
  let asked = 0;
  const file = {
    size,
    at: (start: number, length: number) => {
      asked += length;
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - start)));
      if (start < header.length) header.copy(bytes, 0, start);
      return bytes;
    },
  };
  expect(readFast(file, 'mpeg')).toBeUndefined();
  await expect(readWithLibrary(file, 'audio/mpeg')).rejects.toMatchObject({ code: 'READ_LIMIT' });
  expect(asked).toBeLessThan(3 * 1024 * 1024);
});

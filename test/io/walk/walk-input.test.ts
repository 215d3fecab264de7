import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryObjectStore } from '../../../lib/adapters/memory/object-store.ts';
import { walkFolders } from '../../../lib/io/walk/walk-folders.ts';
import { openWalkInput } from '../../../lib/io/walk/walk-input.ts';
import type { Input } from '../../../lib/ports/input.ts';
import { cutsOf, recordsOf } from '../reading.ts';
import { ALL, inFolder, makeFiles, stepsOf } from './trees.ts';

const PATHS = Array.from({ length: 40 }, (_, at) => `${at % 3}/${at % 7}/${at}`);

const inputOver = (root: string, objects = memoryObjectStore(), items = 2): Input =>
  openWalkInput({
    ...{ objects, batch: 'b', items },
    walk: (after) =>
      walkFolders({ roots: [root], options: ALL, after, sizes: { files: 3, entries: 100 } }),
  });

describe('the input of a walk', () => {
  it('gives the items of the walk, whatever the chunks, and from each cursor on', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const items = (await stepsOf([root], {}, { files: 3 })).map(({ item }) => item);
      for (const size of [1, 2, 1000]) {
        expect(await recordsOf(inputOver(root, memoryObjectStore(), size))).toEqual(items);
      }
      const objects = memoryObjectStore();
      const cuts = await cutsOf(inputOver(root, objects));
      for (const [at, { cursor }] of cuts.entries()) {
        expect(await cutsOf(inputOver(root, objects), cursor)).toEqual(cuts.slice(at + 1));
      }
    }));

  it('what is cut is not walked again, though the folder has changed since', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const objects = memoryObjectStore();
      const cuts = await cutsOf(inputOver(root, objects));
      const before = await recordsOf(inputOver(root, objects));
      makeFiles(root, ['0/0/00-new', '2/6/zz-new']);
      const later = inputOver(root, objects);
      const rest = await cutsOf(later, cuts[2]?.cursor);
      const rows: unknown[] = [];
      for (const { range } of [...cuts.slice(0, 3), ...rest]) {
        for await (const block of later.records(range)) rows.push(...block.rows);
      }
      expect(JSON.stringify(rows)).not.toContain('00-new');
      expect(JSON.stringify(rows)).toContain('zz-new');
      expect(rows.slice(0, 6)).toEqual(before.slice(0, 6));
    }));

  it('has the digest of all that was found, and finds a changed byte of it', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const objects = memoryObjectStore();
      const input = inputOver(root, objects);
      const cursor = (await cutsOf(input)).at(-1)?.cursor as string;
      const digest = await input.digest(cursor);
      expect(await inputOver(root, objects).digest(cursor)).toBe(digest);
      makeFiles(root, ['3']);
      const other = inputOver(root);
      const otherCursor = (await cutsOf(other)).at(-1)?.cursor as string;
      expect(await other.digest(otherCursor)).not.toBe(digest);
      for await (const key of objects.list('batches/b/walk/000001')) {
        const bytes = (await objects.get(key)) as Uint8Array;
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
        await objects.put(key, bytes);
      }
      await expect(inputOver(root, objects).digest(cursor)).rejects.toMatchObject({
        code: 'DAMAGED',
        message: expect.stringContaining('Piece 1 of the walk of batch b'),
      });
    }));

  it('of an empty folder is empty', () =>
    inFolder(async (root) => {
      const input = inputOver(root);
      expect(await cutsOf(input)).toEqual([]);
      expect(await input.digest('')).toMatch(/^[0-9a-f]{64}$/);
      expect(await cutsOf(inputOver(join(root)))).toEqual([]);
    }));
});

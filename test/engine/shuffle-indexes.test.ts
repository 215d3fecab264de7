import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { shuffleKey } from '../../lib/core/keys.ts';
import { PREFIXES } from '../../lib/core/shuffle.ts';
import { blockBytes, runsIn } from '../../lib/engine/read-shuffle.ts';
import { shuffleOf } from '../../lib/engine/shuffle.ts';
import { shuffleIndexes } from '../../lib/engine/shuffle-indexes.ts';
import { newShared } from '../../lib/pool/shared.ts';

const ROWS = 2000;
const STAGE = { batch: 'b', round: 0, stage: 0 };
const KEY = shuffleKey({ ...STAGE, chunk: 0 }, 1);

async function storeOfOne() {
  const inner = memoryObjectStore();
  const lines = Array.from({ length: ROWS }, (_, at) => {
    const value = JSON.stringify({ key: `k${at % 700}`, pad: `${at * 7919}`.repeat(9) });
    return `{"index":${at},"key":"${at}","status":"ok","value":${value}}\n`;
  });
  const stage = { name: 'g', key: (row: unknown) => (row as { key: string }).key };
  await inner.put(KEY, shuffleOf([gzipSync(lines.join(''))], stage));
  let gets = 0;
  const objects: typeof inner = {
    ...inner,
    get(key, range) {
      gets += 1;
      return inner.get(key, range);
    },
  };
  return { objects, gets: () => gets };
}

it('reads an index once a worker and stage, and the blocks of a range alone', async () => {
  const { objects, gets } = await storeOfOne();
  const shared = newShared();
  const cuts = [0, PREFIXES / 4, PREFIXES / 3, PREFIXES];
  const found: string[] = [];
  for (let at = 1; at < cuts.length; at += 1) {
    const span = { lo: cuts[at - 1] as number, hi: cuts[at] as number };
    const before = gets();
    const indexes = shuffleIndexes(shared, STAGE);
    const { shuffle, blocks } = await indexes.pieceOf(objects, KEY, span);
    expect(gets() - before).toBe(at === 1 ? 1 : 0);
    // A worker of its own opens the object, and finds the same blocks.
    const own = await shuffleIndexes(newShared(), STAGE).pieceOf(objects, KEY, span);
    expect(blocks).toEqual(
      own.blocks.map(({ first, last, start, end }) =>
        expect.objectContaining({ first, last, start, end }),
      ),
    );
    for await (const { bytes } of blockBytes(objects, shuffle, blocks)) {
      for (const { key, rows } of runsIn(KEY, bytes, span))
        found.push(...Array<string>(rows).fill(key));
    }
  }
  expect(found).toHaveLength(ROWS);
  expect(new Set(found).size).toBe(700);
  const kept = gets();
  await shuffleIndexes(shared, { ...STAGE, stage: 2 }).pieceOf(objects, KEY, { lo: 0, hi: 1 });
  expect(gets() - kept).toBe(1);
});

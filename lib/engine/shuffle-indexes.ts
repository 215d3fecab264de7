import { type StageId, shufflePrefix } from '../core/keys.ts';
import type { Shared } from '../pool/shared.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Block, openShuffle, type Shuffle } from './read-shuffle.ts';

/** Prefixes [lo, hi). */
interface Span {
  lo: number;
  hi: number;
}

/** What a chunk reads of a shuffle object. */
export interface Piece {
  shuffle: Pick<Shuffle, 'key' | 'tail' | 'tailAt'>;
  blocks: Pick<Block, 'first' | 'last' | 'start' | 'end'>[];
}

/**
 * Indexes of shuffle objects, which never change: each chunk of a groupBy reads all parts of the stage before it, so
 * a worker that has their indexes asks for the bytes of its range alone.
 */
export interface ShuffleIndexes {
  pieceOf(objects: ObjectStore, key: string, span: Span): Promise<Piece>;
}

/** 6 MB, and 2 MB for the names: 8,000 parts of 64 blocks. The indexes of further ones are read by each chunk. */
const MAX_BLOCKS = 500_000;
/** A small object comes whole with its index; of a large one at least the index does. */
const TAIL_BYTES = 64 * 1024;
/** Numbers of a block: first and last prefix, length. */
const WIDTH = 3;

const NOTHING = { tail: new Uint8Array(), tailAt: Number.POSITIVE_INFINITY };

/** Those of the stage before, kept by the worker for its next chunk. */
export function shuffleIndexes(shared: Shared, before: StageId): ShuffleIndexes {
  const prefix = shufflePrefix(before);
  const worker = shared.get('shuffle indexes', () => ({ kept: newKept('') }));
  // Of one stage at a time: what an earlier batch or stage left is of no use any more.
  if (worker.kept.prefix !== prefix) worker.kept = newKept(prefix);
  const { kept } = worker;
  return {
    async pieceOf(objects, key, span) {
      const index = kept.known.get(key);
      if (index !== undefined) {
        return { shuffle: { key, ...NOTHING }, blocks: unpacked(index, span) };
      }
      const shuffle = await openShuffle(objects, key, TAIL_BYTES);
      const blocks = shuffle.segments.flat();
      if (kept.blocks + blocks.length <= MAX_BLOCKS && !kept.known.has(key)) {
        kept.blocks += blocks.length;
        kept.known.set(key, packed(blocks));
      }
      return { shuffle, blocks: within(blocks, span) };
    },
  };
}

const newKept = (prefix: string) => ({ prefix, blocks: 0, known: new Map<string, Uint32Array>() });

const within = (blocks: readonly Block[], { lo, hi }: Span): Block[] =>
  blocks.filter(({ first, last }) => first < hi && last >= lo);

function packed(blocks: readonly Block[]): Uint32Array {
  const index = new Uint32Array(blocks.length * WIDTH);
  for (const [at, { first, last, start, end }] of blocks.entries()) {
    index.set([first, last, end - start], at * WIDTH);
  }
  return index;
}

/** The blocks that may have rows of the span. */
function unpacked(index: Uint32Array, { lo, hi }: Span): Piece['blocks'] {
  const blocks: Piece['blocks'] = [];
  let start = 0;
  for (let at = 0; at < index.length; at += WIDTH) {
    const [first, last] = [index[at] as number, index[at + 1] as number];
    const length = index[at + 2] as number;
    if (first < hi && last >= lo) blocks.push({ first, last, start, end: start + length });
    start += length;
  }
  return blocks;
}

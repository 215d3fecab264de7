import { gunzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import type { BlockFacts } from '../core/shuffle.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { memberBytes, unzipSection } from './read-part.ts';
import { HASH_DIGITS, prefixOf, SHUFFLE_FOOT_BYTES, type ShuffleIndex } from './shuffle.ts';

/** A block, and where it lies in its object. */
export interface Block extends BlockFacts {
  start: number;
  end: number;
}

/** A shuffle object, opened: its index, and as many of its last bytes as were asked for. */
export interface Shuffle {
  key: string;
  segments: Block[][];
  tail: Uint8Array;
  /** Where in the object the tail begins. */
  tailAt: number;
}

/** Opens with one request where the index lies within the last `bytes`, which it nearly always does. */
export async function openShuffle(
  objects: ObjectStore,
  key: string,
  bytes: number,
): Promise<Shuffle> {
  const tail = await objects.get(key, { last: bytes });
  if (tail === undefined) throw new SluiceError('DAMAGED', `Object ${key} is missing.`);
  const [data, index] = footOf(key, tail.subarray(Math.max(0, tail.length - SHUFFLE_FOOT_BYTES)));
  const size = data + index + SHUFFLE_FOOT_BYTES;
  const tailAt = size - tail.length;
  if (tailAt < 0 || (tailAt > 0 && tail.length < bytes)) {
    throw damaged(key, `its foot says ${size} bytes, it has ${tail.length}`);
  }
  const zipped =
    data >= tailAt
      ? tail.subarray(data - tailAt, data - tailAt + index)
      : await objects.get(key, { start: data, end: data + index });
  const facts = jsonOf<ShuffleIndex>(key, zipped ?? new Uint8Array());
  const segments: Block[][] = [];
  let start = 0;
  for (const { blocks } of facts.segments) {
    segments.push(
      blocks.map(([first, last, length, rows, bytes]) => {
        const block = { first, last, rows, bytes, start, end: start + length };
        start += length;
        return block;
      }),
    );
  }
  if (start !== data) throw damaged(key, `its blocks make ${start} bytes, its foot says ${data}`);
  return { key, segments, tail, tailAt };
}

function footOf(key: string, foot: Uint8Array): [number, number] {
  const { sluice, bytes } = footFacts(foot);
  const version = Number(/^shuffle\/(\d+)$/.exec(String(sluice))?.[1]);
  if (version > 1) {
    throw new SluiceError('NEWER', `Object ${key} was written by a newer version of Sluice.`, {
      hint: 'Update this installation; nothing was changed.',
    });
  }
  if (version !== 1 || !Array.isArray(bytes) || bytes.length !== 2) {
    throw damaged(key, 'its foot is missing');
  }
  return bytes as [number, number];
}

/** A stored gzip member holds its text as it is, behind 15 bytes of frame: to unpack it would cost more than the read. */
function footFacts(foot: Uint8Array): { sluice?: unknown; bytes?: unknown } {
  try {
    return (JSON.parse(Buffer.from(foot.subarray(15, -8)).toString()) ?? {}) as object;
  } catch {
    return {};
  }
}

function jsonOf<T>(key: string, zipped: Uint8Array): T {
  try {
    return JSON.parse(gunzipSync(zipped).toString()) as T;
  } catch (cause) {
    throw damaged(key, (cause as Error).message);
  }
}

const damaged = (key: string, why: string): SluiceError =>
  new SluiceError('DAMAGED', `Object ${key} is damaged: ${why}.`);

/** Rows of one key that follow one another in a block. */
export interface ShuffleRun {
  hash: string;
  key: string;
  rows: number;
  /** Where in the block's bytes their lines lie, each with its line end. */
  from: number;
  to: number;
  /** And the numbers of the items that gave them, as they are stored. */
  numbers: { from: number; to: number };
}

/** Blocks are asked for together up to so many bytes. */
const READ_BYTES = 1024 * 1024;

/** The bytes of blocks in their order, a few in memory at a time; those that follow one another are one request. */
export async function* blockBytes(
  objects: ObjectStore,
  { key, tail, tailAt }: Pick<Shuffle, 'key' | 'tail' | 'tailAt'>,
  blocks: readonly Pick<Block, 'start' | 'end'>[],
): AsyncGenerator<{ at: number; bytes: Buffer }> {
  for (let from = 0; from < blocks.length; ) {
    const { start } = blocks[from] as Block;
    let to = from + 1;
    while (to < blocks.length && isNext(blocks, to, start + READ_BYTES)) to += 1;
    const { end } = blocks[to - 1] as Block;
    const zipped =
      start >= tailAt
        ? tail.subarray(start - tailAt, end - tailAt)
        : await objects.get(key, { start, end });
    if (zipped?.length !== end - start) throw damaged(key, 'it is shorter than its foot says');
    for (; from < to; from += 1) {
      const block = blocks[from] as Block;
      const member = zipped.subarray(block.start - start, block.end - start);
      // A stage of 50,000 groups took 1.9 GB of memory for 30,000 blocks of 3 KB where each had 64 KiB.
      const bytes = await unzipSection(key, member, memberBytes(member));
      yield { at: from, bytes };
    }
  }
}

const isNext = (
  blocks: readonly Pick<Block, 'start' | 'end'>[],
  at: number,
  most: number,
): boolean => {
  const { start, end } = blocks[at] as Block;
  return start === (blocks[at - 1] as Block).end && end <= most;
};

const [LF, SPACE] = [10, 32];

/** The runs of a block whose hashes lie in [lo, hi): it is sorted, so what comes behind them is not looked at. */
export function* runsIn(
  name: string,
  bytes: Buffer,
  { lo, hi }: { lo: number; hi: number },
): Generator<ShuffleRun> {
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf(LF, at);
    const count = at + HASH_DIGITS + 1;
    const numbers = bytes.indexOf(SPACE, count) + 1;
    const named = bytes.indexOf(SPACE, numbers) + 1;
    const rows = Number(bytes.toString('latin1', count, numbers - 1));
    if (line < 0 || named === 0 || named > line || !(rows > 0))
      throw damaged(name, 'a block has no line of a key');
    const hash = bytes.toString('latin1', at, count - 1);
    const prefix = prefixOf(hash);
    if (prefix >= hi) return;
    let to = line + 1;
    for (let row = 0; row < rows; row += 1) to = bytes.indexOf(LF, to) + 1 || bytes.length + 1;
    if (to > bytes.length) throw damaged(name, 'a block ends within a row');
    if (prefix >= lo) {
      const key = JSON.parse(bytes.toString('utf8', named, line)) as string;
      const places = { from: numbers, to: named - 1 };
      yield { hash, key, rows, from: line + 1, to, numbers: places };
    }
    at = to;
  }
}

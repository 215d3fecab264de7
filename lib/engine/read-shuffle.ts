import { gunzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import type { BlockFacts } from '../core/shuffle.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { unzipSection } from './read-part.ts';
import { prefixOf, SHUFFLE_FOOT_BYTES, type ShuffleIndex } from './shuffle.ts';

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
      blocks.map(([first, last, length, rows, chars]) => {
        const block = { first, last, rows, chars, start, end: start + length };
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

/** Lines of rows, each with its line end, and the numbers of the items that gave them, as they are stored. */
export interface RunLines {
  text: string;
  numbers: string;
}

/** Rows of one key that follow one another in a block. */
export interface ShuffleRun extends RunLines {
  hash: string;
  key: string;
  rows: number;
}

/** Blocks are asked for together up to so many bytes. */
const READ_BYTES = 1024 * 1024;

/** The texts of blocks that follow one another, a few in memory at a time. */
export async function* blockTexts(
  objects: ObjectStore,
  { key, tail, tailAt }: Pick<Shuffle, 'key' | 'tail' | 'tailAt'>,
  blocks: readonly Pick<Block, 'start' | 'end'>[],
): AsyncGenerator<{ at: number; text: string }> {
  for (let from = 0; from < blocks.length; ) {
    const { start } = blocks[from] as Block;
    let to = from + 1;
    while (to < blocks.length && (blocks[to] as Block).end - start <= READ_BYTES) to += 1;
    const { end } = blocks[to - 1] as Block;
    const bytes =
      start >= tailAt
        ? tail.subarray(start - tailAt, end - tailAt)
        : await objects.get(key, { start, end });
    if (bytes?.length !== end - start) throw damaged(key, 'it is shorter than its foot says');
    for (; from < to; from += 1) {
      const block = blocks[from] as Block;
      const zipped = bytes.subarray(block.start - start, block.end - start);
      yield { at: from, text: (await unzipSection(key, zipped)).toString() };
    }
  }
}

/** The runs of a block whose hashes lie in [lo, hi). */
export function* runsIn(
  key: string,
  text: string,
  { lo, hi }: { lo: number; hi: number },
): Generator<ShuffleRun> {
  for (let at = 0; at < text.length; ) {
    const line = text.indexOf('\n', at);
    const count = text.indexOf(' ', at) + 1;
    const places = text.indexOf(' ', count) + 1;
    const name = text.indexOf(' ', places) + 1;
    const rows = Number(text.slice(count, places - 1));
    if (line < 0 || name > line || !(rows > 0)) throw damaged(key, 'a block has no line of a key');
    let end = line + 1;
    for (let row = 0; row < rows; row += 1) end = text.indexOf('\n', end) + 1;
    if (end === 0) throw damaged(key, 'a block ends within a row');
    const hash = text.slice(at, count - 1);
    const prefix = prefixOf(hash);
    if (prefix >= lo && prefix < hi) {
      const named = JSON.parse(text.slice(name, line)) as string;
      const numbers = text.slice(places, name - 1);
      yield { hash, key: named, rows, numbers, text: text.slice(line + 1, end) };
    }
    at = end;
  }
}

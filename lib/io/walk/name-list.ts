import { setImmediate as nextTurn } from 'node:timers/promises';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Names in bytes (a character each), sorted by them; an array of texts is one too. */
export interface NameList {
  readonly length: number;
  at(index: number): string | undefined;
}

/**
 * Names of a folder that are texts in the heap; where it has more they are packed, so many at a time. A million texts of 28 characters and their array are
 * 56 MB that live as long as the walk is in their folder, and V8 lets a heap grow to twice what lives: `sluice run` peaked at 318 MB. As bare bytes with
 * their order they took 37 MB and it peaked at 231; packed they are 4, and it peaked at 206 and 210 (busy machine).
 */
const TEXTS = 10_000;
/** Names of a block, which is what is unpacked at once. */
const BLOCK = 1000;
/** Blocks of a list that are unpacked: folders are read ahead of the walk, over the end of one. */
const OPEN_BLOCKS = 2;

/** Sorted names, packed: `BLOCK` to each but the last. */
type Blocks = Uint8Array[];

/** Takes the names of a folder in any order. */
export function newNameList(texts = TEXTS) {
  const runs: Blocks[] = [];
  let open: string[] = [];
  let packed = 0;
  const pack = (): void => {
    packed += open.length;
    open.sort();
    const blocks: Blocks = [];
    for (let at = 0; at < open.length; at += BLOCK)
      blocks.push(blockOf(open.slice(at, at + BLOCK)));
    runs.push(blocks);
    open = [];
  };
  return {
    add(name: string): void {
      if (open.length === texts) pack();
      open.push(name);
    },
    count: (): number => packed + open.length,
    /** All of them; no more are added. */
    async sorted(): Promise<NameList> {
      if (runs.length === 0) return open.sort();
      pack();
      return listOf(await merged(runs), packed);
    },
  };
}

/** No name has this character. */
const END = '\0';

/** Copied, since what zlib gives is the front of 16 KB. */
const blockOf = (names: readonly string[]): Uint8Array =>
  new Uint8Array(deflateRawSync(Buffer.from(names.join(END), 'latin1'), { level: 1 }));

const namesOf = (block: Uint8Array): string[] =>
  inflateRawSync(block).toString('latin1').split(END);

function listOf(blocks: Blocks, length: number): NameList {
  let open: { block: Uint8Array; names: string[] }[] = [];
  return {
    length,
    at(index) {
      const block = blocks[Math.floor(index / BLOCK)];
      if (block === undefined) return undefined;
      let one = open.find((other) => other.block === block);
      if (one === undefined) {
        one = { block, names: namesOf(block) };
        open = [one, ...open.slice(0, OPEN_BLOCKS - 1)];
      }
      return one.names[index % BLOCK];
    },
  };
}

/** One run of all of them; what was taken of them is given up on the way. */
async function merged(runs: readonly Blocks[]): Promise<Blocks> {
  const all: Blocks = [];
  let open: string[] = [];
  for (const name of inOrder(runs)) {
    if (open.push(name) < BLOCK) continue;
    all.push(blockOf(open));
    open = [];
    // Others have their turn: a million names take about a second.
    await nextTurn();
  }
  if (open.length > 0) all.push(blockOf(open));
  return all;
}

/** Of each run the name that is next, and the rest behind it. */
interface Head {
  name: string;
  rest: Generator<string>;
}

function* inOrder(runs: readonly Blocks[]): Generator<string> {
  /** The first name last. */
  const heads: Head[] = [];
  const put = (rest: Generator<string>): void => {
    const { done, value: name } = rest.next();
    if (done) return;
    let [low, high] = [0, heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((heads[middle] as Head).name > name) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, { name, rest });
  };
  for (const run of runs) put(unpacked(run));
  for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
    yield head.name;
    put(head.rest);
  }
}

function* unpacked(run: Blocks): Generator<string> {
  for (let block = run.shift(); block !== undefined; block = run.shift()) yield* namesOf(block);
}

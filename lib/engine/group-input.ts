import type { ChunkId } from '../core/keys.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import { ROW_BYTES } from '../core/shuffle.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type HeldGroup, newGroup } from './group.ts';
import { type Block, blockTexts, openShuffle, runsIn, type Shuffle } from './read-shuffle.ts';
import { compareKeys } from './shuffle.ts';
import { shuffleKeys } from './shuffle-list.ts';

/** The groups of one chunk of a groupBy stage. */
export interface GroupInput extends Pick<Input, 'records'> {
  /** How many groups there are. */
  count: number;
}

/** Shuffle objects read at once: a request to S3 takes some 20 ms, so 10,000 parts 6 s. Here the disk decides. */
const READS_AT_ONCE = 64;
/** A small object comes whole with its index; of a large one at least the index does. */
const TAIL_BYTES = 64 * 1024;
/** Three times what a chunk is cut for. What is larger is one heavy key, or a few: those are read again as they are worked. */
const HOLD_BYTES = 18 * 1024 * 1024;
/** Groups that the record source has at hand. */
const BLOCK_GROUPS = 256;

interface Opening {
  id: ChunkId;
  range: ChunkRange;
  /** Told now and then: it may take longer than an item. */
  waiting?: (() => void) | undefined;
}

/**
 * Reads the rows of a chunk's hashes from the shuffle objects of all committed parts, in the order of the parts. The
 * chunk was cut so that they fit in memory; where a heavy key is larger, only its places are kept.
 */
export async function openGroups(
  objects: ObjectStore,
  { id, range, waiting }: Opening,
): Promise<GroupInput> {
  const before = { batch: id.batch, round: id.round, stage: id.stage - 1 };
  const sources = await shuffleKeys(objects, before);
  const span = { lo: range.start, hi: range.end };
  const gathered = newGathered();
  const pieces = mapOrdered(sources, READS_AT_ONCE, (key) => openPieces(objects, key, span));
  for await (const { shuffle, segments } of pieces) {
    waiting?.();
    for (const blocks of segments) {
      for await (const { at, text } of blockTexts(objects, shuffle, blocks)) {
        const place = { object: shuffle.key, ...(blocks[at] as Block) };
        const whole = place.first >= span.lo && place.last < span.hi;
        for (const run of runsIn(shuffle.key, text, span)) {
          // A slice would hold the whole block, of which the most may be another chunk's.
          gathered.add(whole ? run : { ...run, text: Buffer.from(run.text).toString() }, place);
        }
      }
    }
  }
  const groups: (HeldGroup | undefined)[] = gathered.sorted();
  return {
    count: groups.length,
    async *records() {
      for (let from = 0; from < groups.length; from += BLOCK_GROUPS) {
        const some = groups.slice(from, from + BLOCK_GROUPS) as HeldGroup[];
        // What was handed on is kept by whoever works it, and no longer.
        groups.fill(undefined, from, from + BLOCK_GROUPS);
        const block: RecordBlock = {
          first: range.first + from,
          rows: some.map((group) => newGroup(objects, group)),
          raws: some.map(({ key }) => JSON.stringify(key)),
          errors: undefined,
          where: (at) => `a group of ${some[at]?.size} rows of the stage before`,
        };
        yield block;
      }
    },
  };
}

/** The blocks of a shuffle object that may have rows of the span, by segment; small ones are at hand. */
async function openPieces(
  objects: ObjectStore,
  key: string,
  { lo, hi }: { lo: number; hi: number },
): Promise<{ shuffle: Shuffle; segments: Block[][] }> {
  const shuffle = await openShuffle(objects, key, TAIL_BYTES);
  const segments = shuffle.segments
    .map((blocks) => blocks.filter(({ first, last }) => first < hi && last >= lo))
    .filter((blocks) => blocks.length > 0);
  return { shuffle, segments };
}

/** Where a block lies. */
interface Place {
  object: string;
  start: number;
  end: number;
}

/** Groups by key, with their rows, until those are too many. */
function newGathered() {
  const groups = new Map<string, HeldGroup>();
  let bytes = 0;
  let holds = true;
  const letGo = (): void => {
    holds = false;
    for (const { runs } of groups.values()) for (const run of runs) run.text = undefined;
  };
  return {
    add(
      { hash, key, rows, text }: { hash: string; key: string; rows: number; text: string },
      { object, start, end }: Place,
    ): void {
      const group = groups.get(key) ?? { hash, key, size: 0, runs: [] };
      groups.set(key, group);
      group.size += rows;
      bytes += text.length + ROW_BYTES;
      group.runs.push({ object, start, end, text: holds ? text : undefined });
      if (holds && bytes > HOLD_BYTES) letGo();
    },
    sorted: (): HeldGroup[] => [...groups.values()].sort(compareKeys),
  };
}

import { type ChunkId, shuffleKey, shuffleListKey } from '../core/keys.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import { ROW_BYTES } from '../core/shuffle.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import { newShared, type Shared } from '../pool/shared.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type HeldGroup, newGroup, type Place } from './group.ts';
import { newHeldBytes } from './held-bytes.ts';
import { blockBytes, runsIn, type ShuffleRun } from './read-shuffle.ts';
import { compareKeys } from './shuffle.ts';
import { type Piece, shuffleIndexes } from './shuffle-indexes.ts';
import { epochsOf } from './shuffle-list.ts';

/** The groups of one chunk of a groupBy stage. */
export interface GroupInput extends Pick<Input, 'records'> {
  /** How many groups there are. */
  count: number;
}

/** Shuffle objects read at once: a request to S3 takes some 20 ms, so 10,000 parts 6 s. Here the disk decides. */
const READS_AT_ONCE = 64;
/** Three times what a chunk is cut for. What is larger is one heavy key, or a few: those are read again as they are worked. */
const HOLD_BYTES = 18 * 1024 * 1024;
/** Groups that the record source has at hand. */
const BLOCK_GROUPS = 256;

interface Opening {
  id: ChunkId;
  range: ChunkRange;
  /** Told now and then: it may take longer than an item. */
  waiting?: (() => void) | undefined;
  /** Of the worker: what it keeps of the parts for its next chunk. */
  shared?: Shared | undefined;
}

/**
 * Reads the rows of a chunk's hashes from the shuffle objects of all committed parts, in the order of the parts. The
 * chunk was cut so that they fit in memory; where a heavy key is larger, only its places are kept.
 */
export async function openGroups(
  objects: ObjectStore,
  { id, range, waiting, shared = newShared() }: Opening,
): Promise<GroupInput> {
  const before = { batch: id.batch, round: id.round, stage: id.stage - 1 };
  const epochs = await epochsOf(objects, shuffleListKey(before));
  const span = { lo: range.start, hi: range.end };
  const gathered = newGathered();
  const indexes = shuffleIndexes(shared, before);
  const sources = epochs.map((epoch, chunk) => shuffleKey({ ...before, chunk }, epoch));
  const pieces = mapOrdered(sources, READS_AT_ONCE, (key) => indexes.pieceOf(objects, key, span));
  for await (const { shuffle, blocks } of pieces) {
    waiting?.();
    for await (const { at, bytes } of blockBytes(objects, shuffle, blocks)) {
      const { start, end } = blocks[at] as Piece['blocks'][0];
      const place = { object: shuffle.key, start, end };
      for (const run of runsIn(shuffle.key, bytes, span)) gathered.add(run, { bytes, place });
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

/** Groups by key, with their rows, until those are too many. */
function newGathered() {
  const groups = new Map<string, HeldGroup>();
  const held = newHeldBytes();
  let bytes = 0;
  let holds = true;
  const letGo = (): void => {
    holds = false;
    for (const { runs } of groups.values()) for (const run of runs) run.lines = undefined;
  };
  return {
    add({ hash, key, rows, from, to }: ShuffleRun, block: { bytes: Buffer; place: Place }): void {
      const group = groups.get(key) ?? { hash, key, size: 0, runs: [] };
      if (group.size === 0) groups.set(key, group);
      group.size += rows;
      bytes += to - from + ROW_BYTES;
      const lines = holds ? held.copy(block.bytes, from, to) : undefined;
      group.runs.push({ place: block.place, lines });
      if (holds && bytes > HOLD_BYTES) letGo();
    },
    sorted: (): HeldGroup[] => [...groups.values()].sort(compareKeys),
  };
}

import { SluiceError } from '../core/errors.ts';
import { groupKey } from '../core/group.ts';
import type { ChunkId } from '../core/keys.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import { ROW_BYTES } from '../core/shuffle.ts';
import type { Stage } from '../core/stage.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type HeldGroup, type HeldRun, newGroup } from './group.ts';
import {
  type Block,
  blockTexts,
  openShuffle,
  runsIn,
  type Shuffle,
  type ShuffleRun,
} from './read-shuffle.ts';
import { goneInRound } from './rounds.ts';
import { compareKeys } from './shuffle.ts';
import { type ShuffleSource, shuffleSources } from './shuffle-list.ts';

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
  /** Its stage: a row of an earlier round must still have its key. */
  by?: Pick<Stage, 'name' | 'key'> | undefined;
  /** Told now and then: it may take longer than an item. */
  waiting?: (() => void) | undefined;
}

/**
 * Reads the rows of a chunk's hashes from the shuffle objects of all committed parts, in the order of the parts. The
 * chunk was cut so that they fit in memory; where a heavy key is larger, only its places are kept.
 */
export async function openGroups(
  objects: ObjectStore,
  { id, range, by, waiting }: Opening,
): Promise<GroupInput> {
  const before = { batch: id.batch, round: id.round, stage: id.stage - 1 };
  const sources = await shuffleSources(objects, before);
  const span = { lo: range.start, hi: range.end };
  const gathered = newGathered(id.round, by);
  const faultOf = ({ round }: ShuffleSource, error: unknown): unknown =>
    round === id.round ? error : goneInRound(round, error);
  const pieces = mapOrdered(sources, READS_AT_ONCE, (source) =>
    openPieces(objects, source, span).catch((error) => {
      throw faultOf(source, error);
    }),
  );
  for await (const piece of pieces) {
    waiting?.();
    try {
      await gathered.addAll(objects, piece, span);
    } catch (error) {
      throw faultOf(piece.source, error);
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

/** What of a shuffle object may be in a span of hashes. */
interface Piece {
  source: ShuffleSource;
  shuffle: Shuffle;
  segments: Block[][];
}

interface Span {
  lo: number;
  hi: number;
}

/** The blocks of a shuffle object that may have rows of the span, by segment; small ones are at hand. */
async function openPieces(
  objects: ObjectStore,
  source: ShuffleSource,
  { lo, hi }: Span,
): Promise<Piece> {
  const shuffle = await openShuffle(objects, source.key, TAIL_BYTES);
  const segments = shuffle.segments
    .map((blocks) => blocks.filter(({ first, last }) => first < hi && last >= lo))
    .filter((blocks) => blocks.length > 0);
  return { source, shuffle, segments };
}

/** Where a block lies. */
type Place = Omit<HeldRun, 'lines'>;

/** Groups by key, with their rows, until those are too many. */
function newGathered(round: number, by: Opening['by']) {
  const groups = new Map<string, HeldGroup>();
  let bytes = 0;
  let holds = true;
  const letGo = (): void => {
    holds = false;
    for (const { runs } of groups.values()) for (const run of runs) run.lines = undefined;
  };
  const add = ({ hash, key, rows, text, numbers }: ShuffleRun, place: Place): void => {
    if (place.round !== round && by !== undefined) checkKey(by, { key, text }, place.round);
    const group = groups.get(key) ?? { hash, key, size: 0, runs: [] };
    groups.set(key, group);
    group.size += rows;
    bytes += text.length + numbers.length + ROW_BYTES;
    group.runs.push({ ...place, lines: holds ? { text, numbers } : undefined });
    if (holds && bytes > HOLD_BYTES) letGo();
  };
  return {
    async addAll(
      objects: ObjectStore,
      { source, shuffle, segments }: Piece,
      span: Span,
    ): Promise<void> {
      for (const blocks of segments) {
        for await (const { at, text } of blockTexts(objects, shuffle, blocks)) {
          const { first, last, start, end } = blocks[at] as Block;
          const place = { object: source.key, round: source.round, start, end };
          const whole = first >= span.lo && last < span.hi;
          // A slice would hold the whole block, of which the most may be another chunk's.
          for (const run of runsIn(shuffle.key, text, span)) add(whole ? run : copyOf(run), place);
        }
      }
    },
    sorted: (): HeldGroup[] => [...groups.values()].sort(compareKeys),
  };
}

/**
 * Other code may give other keys, and rows that were grouped by the old ones would lie beside those of the new: looked
 * for in the first row of each run. Throws `BAD_JOB`.
 */
function checkKey(
  by: Pick<Stage, 'name' | 'key'>,
  { key, text }: Pick<ShuffleRun, 'key' | 'text'>,
  round: number,
): void {
  const found = groupKey(by, JSON.parse(text.slice(0, text.indexOf('\n'))));
  if ('key' in found && found.key === key) return;
  const shown = (text: string): string => JSON.stringify(text.slice(0, SHOWN_CHARS));
  const now = 'key' in found ? shown(found.key) : 'no key';
  throw new SluiceError(
    'BAD_JOB',
    `key(row) of groupBy '${by.name}' gives ${now} for a row that round ${round} grouped by ${shown(key)}. Put the key back as it was, or run the job anew.`,
  );
}

/** Of a key, in a message. */
const SHOWN_CHARS = 80;

const copyOf = (run: ShuffleRun): ShuffleRun => ({
  ...run,
  text: Buffer.from(run.text).toString(),
  numbers: Buffer.from(run.numbers).toString(),
});

import { SluiceError } from '../core/errors.ts';
import { groupKey } from '../core/group.ts';
import type { ChunkId } from '../core/keys.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import { ROW_BYTES } from '../core/shuffle.ts';
import type { Stage } from '../core/stage.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import { newShared, type Shared } from '../pool/shared.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { GivenGroup, type HeldGroup, numbersOf, type Place } from './group.ts';
import { borrowPage, newHeldBytes, returnPage } from './held-bytes.ts';
import { blockBytes, runsIn, type ShuffleRun } from './read-shuffle.ts';
import { goneInRound } from './rounds.ts';
import { compareKeys } from './shuffle.ts';
import { type Piece, shuffleIndexes } from './shuffle-indexes.ts';
import { type ShuffleSource, shuffleSources } from './shuffle-list.ts';

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
  /** Its stage: a row of an earlier round must still have its key. */
  by?: Pick<Stage, 'name' | 'key'> | undefined;
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
  { id, range, by, waiting, shared = newShared() }: Opening,
): Promise<GroupInput> {
  const before = { batch: id.batch, round: id.round, stage: id.stage - 1 };
  const sources = await shuffleSources(objects, before);
  const span = { lo: range.start, hi: range.end };
  const several = sources.some(({ round }) => round !== id.round);
  const held = newHeldBytes(borrowPage);
  const gathered = new Gathered(held, several ? { round: id.round, by } : undefined);
  const indexes = shuffleIndexes(shared, before);
  const faultOf = ({ round }: ShuffleSource, error: unknown): unknown =>
    round === id.round ? error : goneInRound(round, error);
  const pieces = mapOrdered(sources, READS_AT_ONCE, async (source) => {
    try {
      return { source, ...(await indexes.pieceOf(objects, source.key, span)) };
    } catch (error) {
      throw faultOf(source, error);
    }
  });
  for await (const { source, shuffle, blocks } of pieces) {
    waiting?.();
    try {
      for await (const { at, bytes } of blockBytes(objects, shuffle, blocks)) {
        const { start, end } = blocks[at] as Piece['blocks'][0];
        const place = { object: shuffle.key, round: source.round, start, end };
        for (const run of runsIn(shuffle.key, bytes, span)) gathered.add(run, { bytes, place });
      }
    } catch (error) {
      throw faultOf(source, error);
    }
  }
  const groups: (HeldGroup | undefined)[] = gathered.sorted();
  return {
    count: groups.length,
    async *records() {
      try {
        for (let from = 0; from < groups.length; from += BLOCK_GROUPS) {
          const some = groups.slice(from, from + BLOCK_GROUPS) as HeldGroup[];
          // What was handed on is kept by whoever works it, and no longer.
          groups.fill(undefined, from, from + BLOCK_GROUPS);
          const block: RecordBlock = {
            first: range.first + from,
            rows: some.map((group) => new GivenGroup(objects, group)),
            raws: some.map(({ key }) => JSON.stringify(key)),
            errors: undefined,
            where: (at) => `a group of ${some[at]?.size} rows of the stage before`,
          };
          yield block;
        }
      } finally {
        // Who still reads a group then, as an item that ran out of time may, reads its objects again.
        giveBack(held);
      }
    },
  };
}

/** Where rows come from several rounds: this one, and its stage. */
interface Rounds extends Pick<Opening, 'by'> {
  round: number;
}

type HeldBytes = ReturnType<typeof newHeldBytes>;

/** The next chunk's rows may lie where these did. */
const giveBack = (held: HeldBytes): void => held.release().forEach(returnPage);

/** Groups by key, with their rows, until those are too many. */
class Gathered {
  readonly #rounds: Rounds | undefined;
  readonly #groups = new Map<string, HeldGroup>();
  readonly #held: HeldBytes;
  #bytes = 0;
  #holds = true;

  constructor(held: HeldBytes, rounds: Rounds | undefined) {
    this.#held = held;
    this.#rounds = rounds;
  }

  add(run: ShuffleRun, block: { bytes: Buffer; place: Place }): void {
    const { hash, key, rows, from, to } = run;
    const { place } = block;
    const rounds = this.#rounds;
    if (rounds?.by !== undefined && place.round !== rounds.round) {
      checkKey(rounds.by, { key, row: firstLine(block.bytes, run), round: place.round });
    }
    const group = this.#groups.get(key) ?? { hash, key, size: 0, runs: [] };
    if (group.size === 0) this.#groups.set(key, group);
    group.size += rows;
    const numbers = rounds === undefined ? '' : numbersOf(block.bytes, run);
    this.#bytes += to - from + numbers.length + ROW_BYTES;
    const lines = this.#holds ? this.#held.copy(block.bytes, from, to) : undefined;
    group.runs.push({ place, lines, numbers: this.#holds ? numbers : '' });
    if (!this.#holds || this.#bytes <= HOLD_BYTES) return;
    this.#holds = false;
    giveBack(this.#held);
  }

  sorted(): HeldGroup[] {
    return [...this.#groups.values()].sort(compareKeys);
  }
}

const LF = 10;

const firstLine = (bytes: Buffer, { from }: ShuffleRun): unknown =>
  JSON.parse(bytes.toString('utf8', from, bytes.indexOf(LF, from)));

/**
 * Other code may give other keys, and rows that were grouped by the old ones would lie beside those of the new: looked
 * for in the first row of each run. Throws `BAD_JOB`.
 */
function checkKey(
  by: Pick<Stage, 'name' | 'key'>,
  { key, row, round }: { key: string; row: unknown; round: number },
): void {
  const found = groupKey(by, row);
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

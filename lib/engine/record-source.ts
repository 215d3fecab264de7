import { SluiceError } from '../core/errors.ts';
import type { Remotes } from '../core/poll.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import type { Pull } from '../pool/run-bounded.ts';
import type { Input } from '../ports/input.ts';
import type { Lent } from './item-quota.ts';

/** One record of a chunk. */
export interface Taken {
  /** Position in the chunk, from 0. */
  position: number;
  /** Its index in the whole input. */
  index: number;
  row: unknown;
  raw: string;
  error: RecordBlock['errors'] extends Map<number, infer E> | undefined ? E | undefined : never;
  /** Its block, and its place in that: what its line is counted from when it fails. */
  block?: RecordBlock;
  at?: number;
  /** Slots that were leased for it. */
  lent?: Lent | undefined;
  /** Its work in an earlier round, which remotes are still to be asked for. */
  remotes?: Remotes | undefined;
}

/** Whether items may still start: asked before each. */
export interface Going {
  goes(): boolean;
}

/** A chunk's records, taken one by one from a cursor on; read lazily, so that a chunk of notRun reads nothing. */
export interface RecordSource {
  /** Position of the next record. */
  readonly position: number;
  /** Records up to position `until` (exclusive) while it goes on. */
  pull(until: number, going: Going): Pull<Taken>;
  close(): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export const newRecordSource = (
  input: Pick<Input, 'records'>,
  range: ChunkRange,
  cursor: number,
): RecordSource => new ChunkRecords(input, range, cursor);

/** Classes, as all that works row by row: the optimised code of an attempt's closures is gone when the next one comes. */
class ChunkRecords implements RecordSource {
  position: number;
  readonly #input: Pick<Input, 'records'>;
  readonly #range: ChunkRange;
  #blocks: AsyncIterator<RecordBlock> | undefined;
  #block: RecordBlock | undefined;
  #loading: Promise<void> | undefined;

  constructor(input: Pick<Input, 'records'>, range: ChunkRange, cursor: number) {
    this.position = cursor;
    this.#input = input;
    this.#range = range;
  }

  pull(until: number, going: Going): Pull<Taken> {
    return new RecordPull(this, until, going);
  }

  close(): void {
    void this.#blocks?.return?.().catch(() => undefined);
  }

  /** The next record, where its block is there. */
  take(): Taken | undefined {
    const block = this.#block;
    const { position } = this;
    const at = block === undefined ? -1 : this.#range.first + position - block.first;
    if (block === undefined || at < 0 || at >= block.rows.length) return undefined;
    this.position = position + 1;
    return {
      position,
      index: block.indexes?.[at] ?? this.#range.first + position,
      row: block.rows[at],
      raw: block.raws[at] as string,
      error: block.errors?.get(at),
      block,
      at,
      lent: undefined,
      remotes: block.remotes?.get(at),
    };
  }

  load(): Promise<void> {
    this.#loading ??= this.#advance().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #advance(): Promise<void> {
    const range = this.#range;
    this.#blocks ??= this.#input.records(range)[Symbol.asyncIterator]();
    do {
      const step = await this.#blocks.next();
      if (step.done) {
        throw new SluiceError(
          'INPUT_CHANGED',
          `The input changed: items ${range.first} to ${range.first + range.count - 1} were planned, only ${this.position} of these ${range.count} are there.`,
          { hint: 'Start a new batch on the changed input.' },
        );
      }
      this.#block = step.value;
    } while (range.first + this.position >= this.#block.first + this.#block.rows.length);
  }
}

class RecordPull implements Pull<Taken> {
  readonly #records: ChunkRecords;
  readonly #until: number;
  readonly #going: Going;

  constructor(records: ChunkRecords, until: number, going: Going) {
    this.#records = records;
    this.#until = until;
    this.#going = going;
  }

  next(): IteratorResult<Taken> | Promise<IteratorResult<Taken>> {
    const records = this.#records;
    if (records.position >= this.#until || !this.#going.goes()) return DONE;
    const value = records.take();
    if (value !== undefined) return { done: false, value };
    return records.load().then(() => this.next());
  }
}

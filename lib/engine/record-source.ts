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
  lent?: Lent;
  /** Its work in an earlier round, which remotes are still to be asked for. */
  remotes?: Remotes | undefined;
}

/** A chunk's records, taken one by one from a cursor on; read lazily, so that a chunk of notRun reads nothing. */
export interface RecordSource {
  /** Position of the next record. */
  readonly position: number;
  /** Records up to position `until` (exclusive) while `go` says so. */
  pull(until: number, go: () => boolean): Pull<Taken>;
  close(): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export function newRecordSource(
  input: Pick<Input, 'records'>,
  range: ChunkRange,
  cursor: number,
): RecordSource {
  let blocks: AsyncIterator<RecordBlock> | undefined;
  let block: RecordBlock | undefined;
  let position = cursor;
  let loading: Promise<void> | undefined;

  const advance = async (): Promise<void> => {
    blocks ??= input.records(range)[Symbol.asyncIterator]();
    do {
      const step = await blocks.next();
      if (step.done) {
        throw new SluiceError(
          'INPUT_CHANGED',
          `The input changed: items ${range.first} to ${range.first + range.count - 1} were planned, only ${position} of these ${range.count} are there.`,
          { hint: 'Start a new batch on the changed input.' },
        );
      }
      block = step.value;
    } while (range.first + position >= block.first + block.rows.length);
  };

  const take = (): Taken | undefined => {
    const at = block === undefined ? -1 : range.first + position - block.first;
    if (block === undefined || at < 0 || at >= block.rows.length) return undefined;
    const taken = {
      position,
      index: block.indexes?.[at] ?? range.first + position,
      row: block.rows[at],
      raw: block.raws[at] as string,
      error: block.errors?.get(at),
      block,
      at,
      remotes: block.remotes?.get(at),
    };
    position += 1;
    return taken;
  };

  return {
    get position() {
      return position;
    },
    pull(until, go) {
      const next = (): IteratorResult<Taken> | Promise<IteratorResult<Taken>> => {
        if (position >= until || !go()) return DONE;
        const value = take();
        if (value !== undefined) return { done: false, value };
        loading ??= advance().finally(() => {
          loading = undefined;
        });
        return loading.then(next);
      };
      return { next };
    },
    close() {
      void blocks?.return?.().catch(() => undefined);
    },
  };
}

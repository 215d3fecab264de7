import {
  applyChange,
  type Change,
  type RecordKey,
  type StoredRecord,
} from '../../lib/core/change.ts';
import type { CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import type { ObjectRange, ObjectStore } from '../../lib/ports/object-store.ts';
import type { Invariants } from './invariants.ts';
import type { SimProcess } from './process.ts';
import type { Truth } from './truth.ts';
import type { World } from './world.ts';

export interface StorePorts {
  world: World;
  truth: Truth;
  invariants: Invariants;
}

const short = ({ batch, sort }: RecordKey): string => (batch === 'live' ? 'live' : sort);

/** The checkpoint store as one process sees it: every call takes time and may go wrong. */
export function simCheckpointStore(ports: StorePorts, process: SimProcess): CheckpointStore {
  const { truth, invariants } = ports;
  return {
    async read(key) {
      return (await process.call(`read ${short(key)}`, () => truth.record(key))).value;
    },
    async query(batch, from, to) {
      const { value } = await process.call(`query ${from}`, () =>
        [...(truth.records.get(batch) ?? [])]
          .filter(([sort]) => from <= sort && sort <= to)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([sort, record]) => ({ sort, record })),
      );
      return value;
    },
    async change(key, asked) {
      const change = deferred(ports, process, asked);
      const effect = (): StoredRecord | undefined => {
        const before = truth.record(key);
        const after = applyChange(before, change);
        if (after === undefined) return undefined;
        const records = truth.records.get(key.batch) ?? new Map<string, StoredRecord>();
        truth.records.set(key.batch, records);
        records.set(key.sort, Object.freeze(after));
        invariants.changed({ key, before, after, process });
        return after;
      };
      const { value, retried } = await process.call(`change ${short(key)}`, effect);
      return { applied: value !== undefined, record: value, retried };
    },
    async forget() {
      throw new Error('a simulated batch is never forgotten');
    },
  };
}

/**
 * A hand-back that asks for a later slot, as a quota will: the chunk may not be claimed before `resumeAt`,
 * though the message that is sent with it comes at once, so that only the sweep brings it back.
 */
function deferred({ world }: StorePorts, process: SimProcess, change: Change): Change {
  const handsBack = change.set?.['lease'] === 0 && change.set['resumeAt'] === 0;
  if (!handsBack) return change;
  world.hit('handBack');
  if (!world.strikes('deferral')) return change;
  const resumeAt = process.clock.now() + world.between(5_000, 1_200_000);
  return { ...change, set: { ...change.set, resumeAt } };
}

export function simObjectStore(
  { truth, invariants }: StorePorts,
  process: SimProcess,
): ObjectStore {
  return {
    async put(key, body) {
      const bytes = await collect(body);
      await process.call(`put ${shortKey(key)}`, () => {
        invariants.stored({ key, bytes, process });
        truth.objects.set(key, bytes);
      });
    },
    async get(key, range) {
      const { value } = await process.call(`get ${shortKey(key)}`, () => {
        const bytes = truth.objects.get(key);
        return bytes && new Stored(cut(bytes, range));
      });
      return value?.bytes;
    },
    async size(key) {
      const { value } = await process.call(
        `size ${shortKey(key)}`,
        () => truth.objects.get(key)?.length,
      );
      return value;
    },
    async *list(prefix) {
      const { value } = await process.call(`list ${shortKey(prefix)}`, () =>
        [...truth.objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
      );
      yield* value;
    },
    async delete(key) {
      await process.call(`delete ${shortKey(key)}`, () => {
        truth.objects.delete(key);
      });
    },
  };
}

/** Traced by its length, not by its bytes. */
class Stored {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  toJSON(): string {
    return `${this.bytes.length} bytes`;
  }
}

const shortKey = (key: string): string => key.replace(/^batches\/[^/]*\//, '');

function cut(bytes: Uint8Array, range: ObjectRange | undefined): Uint8Array {
  if (range === undefined) return bytes;
  return 'last' in range
    ? bytes.slice(Math.max(0, bytes.length - range.last))
    : bytes.slice(range.start, range.end);
}

async function collect(body: Parameters<ObjectStore['put']>[1]): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

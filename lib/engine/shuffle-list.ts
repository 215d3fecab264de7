import { SluiceError } from '../core/errors.ts';
import { type StageId, shuffleKey, shuffleListKey } from '../core/keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** Which shuffle objects count: the epoch of each committed part of a stage, in index order. Any planner writes the same. */
export interface ShuffleList extends RoundEpochs {
  v: 1;
  /** In a later round: the rounds before it, whose rows are grouped again. */
  earlier?: (RoundEpochs & { round: number })[];
}

export interface RoundEpochs {
  epochs: number[];
}

export const listBytes = (list: Omit<ShuffleList, 'v'>): Buffer =>
  Buffer.from(`${JSON.stringify({ v: 1, ...list } satisfies ShuffleList)}\n`);

/** A shuffle object, and the round whose rows it has. */
export interface ShuffleSource {
  key: string;
  round: number;
}

/** The shuffle objects that a groupBy behind a stage reads: of earlier rounds first, in index order. */
export async function shuffleSources(
  objects: ObjectStore,
  before: StageId,
): Promise<ShuffleSource[]> {
  const { epochs, earlier = [] } = await listIn(objects, shuffleListKey(before));
  const sources: ShuffleSource[] = [];
  // Loops: each chunk of groups asks for all of them, and V8 drops what it made of a closure that nobody holds.
  for (const { round, epochs: of } of [...earlier, { round: before.round, epochs }]) {
    for (const [chunk, epoch] of of.entries()) {
      sources.push({ key: shuffleKey({ ...before, round, chunk }, epoch), round });
    }
  }
  return sources;
}

async function listIn(objects: ObjectStore, key: string): Promise<ShuffleList> {
  const bytes = await objects.get(key);
  if (bytes === undefined) throw new SluiceError('DAMAGED', `Object ${key} is missing.`);
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as ShuffleList;
  } catch (cause) {
    throw new SluiceError('DAMAGED', `Object ${key} is damaged.`, { cause });
  }
}

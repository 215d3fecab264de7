import { SluiceError } from '../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** Which shuffle objects count: the epoch of each committed part of a stage, in index order. Any planner writes the same. */
export interface ShuffleList {
  v: 1;
  epochs: number[];
}

export const listBytes = (epochs: number[]): Buffer =>
  Buffer.from(`${JSON.stringify({ v: 1, epochs } satisfies ShuffleList)}\n`);

export async function epochsOf(objects: ObjectStore, key: string): Promise<number[]> {
  const bytes = await objects.get(key);
  if (bytes === undefined) throw new SluiceError('DAMAGED', `Object ${key} is missing.`);
  try {
    return (JSON.parse(Buffer.from(bytes).toString()) as ShuffleList).epochs;
  } catch (cause) {
    throw new SluiceError('DAMAGED', `Object ${key} is damaged.`, { cause });
  }
}

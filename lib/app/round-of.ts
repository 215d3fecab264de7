import type { Batch } from '../engine/batch.ts';
import { roundInput } from '../engine/round-input.ts';
import { roundList } from '../engine/round-list.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** What tells the input of one round of a batch. */
export type InputOf = Pick<Batch, 'id' | 'round' | 'filter' | 'settings'>;

/**
 * The input of a round over that of round 0, which it reads from.
 * @param base the pinned input of round 0
 */
export function inputOfRound(batch: InputOf, base: Input, objects: ObjectStore): Input {
  const { filter, settings } = batch;
  const list = roundList(objects, batch, 0);
  if (filter === undefined || list === undefined) return base;
  const limits = { items: settings.chunk, bytes: settings.chunkBytes };
  return roundInput({ base, list, choice: filter, limits });
}

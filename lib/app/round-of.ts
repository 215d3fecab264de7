import { retryListKey } from '../core/keys.ts';
import type { Batch } from '../engine/batch.ts';
import { roundInput } from '../io/round-input.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** What tells the input of one round of a batch. */
export type InputOf = Pick<Batch, 'id' | 'round' | 'filter' | 'settings'>;

/**
 * The input of a round over that of round 0, which it reads from.
 * @param base the pinned input of round 0
 */
export function inputOfRound(
  { id, round, filter, settings }: InputOf,
  base: Input,
  objects: ObjectStore,
): Input {
  if (filter === undefined) return base;
  const key = retryListKey(id, round, filter.sha256);
  const limits = { items: settings.chunk, bytes: settings.chunkBytes };
  return roundInput({ base, objects, key, list: filter, limits });
}

import type { ItemError } from '../core/errors.ts';
import { chunkKey, savedKey } from '../core/keys.ts';
import { name, save } from '../core/transitions.ts';
import type { Attempt, Control, ControlState, Engine } from './engine.ts';
import type { Claimed } from './work-chunk.ts';

/** An item that was named when this many attempts died fails alone: one death would let a kill -9 fail a good one. */
const MAX_STARTS = 3;

/** The same words wherever an item died: in a thread, in a process, in a function. */
export const CRASHED: ItemError = {
  kind: 'crashed',
  code: 'CRASHED',
  message: 'The item ended its worker: an endless loop, out of memory, or a native crash.',
};

/**
 * PROTOCOL step 4 after an attempt died: one item at a time, named in the chunk record before it starts
 * and saved after it. Saving an item and naming the next are one change: a save and a naming with
 * nothing between them, at half the writes.
 */
export async function workCarefully(
  engine: Engine,
  { claimed, attempt, control }: { claimed: Claimed; attempt: Attempt; control: Control },
): Promise<{ state: ControlState }> {
  const { id, epoch, record, range } = claimed;
  let { cursor } = await attempt.work(0);
  let saves = 0;
  let named = false;
  const starts = record['named'] === cursor ? ((record['starts'] as number | undefined) ?? 0) : 0;

  const saveRows = async (nameNext: boolean): Promise<boolean> => {
    saves += 1;
    const key = savedKey(id, epoch, saves);
    await attempt.write(key);
    const change = save({ epoch, cursor, part: key, progress: true, nameNext });
    const answer = await engine.store.change(chunkKey(id), change);
    // Refused: a later attempt may read the object that the record still names.
    if (answer.applied && saves > 1) await engine.objects.delete(savedKey(id, epoch, saves - 1));
    return answer.applied;
  };

  if (starts >= MAX_STARTS && cursor < range.count) {
    await attempt.fail(CRASHED);
    cursor += 1;
    if (!(await saveRows(false))) return { state: 'lost' };
  }
  while (cursor < range.count) {
    const state = control.state();
    if (state !== 'go') return { state };
    if (!named) {
      const again = cursor === (record['cursor'] as number) ? starts : 0;
      const answer = await engine.store.change(chunkKey(id), name(epoch, cursor, again + 1));
      if (!answer.applied) return { state: 'lost' };
    }
    const worked = await attempt.work(cursor + 1);
    if (worked.state !== 'go') return { state: worked.state };
    cursor = worked.cursor;
    named = cursor < range.count;
    if (named && !(await saveRows(true))) return { state: 'lost' };
  }
  return { state: 'go' };
}

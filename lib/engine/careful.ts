import type { StoredRecord } from '../core/change.ts';
import type { ItemError } from '../core/errors.ts';
import { chunkKey } from '../core/keys.ts';
import { name } from '../core/transitions.ts';
import type { Attempt, Control, Engine, Worked } from './engine.ts';
import type { RowSaver } from './save-rows.ts';
import type { Claimed } from './work-chunk.ts';

/** An item that was named when this many attempts died fails alone: one death would let a kill -9 fail a good one. */
const MAX_STARTS = 3;
/** Rows are saved this often: each save stores the whole prefix, and costs several times what naming an item does. */
const SAVE_MS = 200;
/** After so many deaths without progress nothing runs unnamed any more, and every item is saved. */
const STRICT_AFTER = 4;

/** The same words wherever an item died: in a thread, in a process, in a function. */
export const CRASHED: ItemError = {
  kind: 'crashed',
  code: 'CRASHED',
  message: 'The item ended its worker: an endless loop, out of memory, or a native crash.',
};

/** The named item's position when one more death fails it: it must be the only one that can be blamed. */
export const lastChance = (record: StoredRecord): number | undefined =>
  record['starts'] === MAX_STARTS - 1 ? (record['named'] as number) : undefined;

interface CarefulWork {
  claimed: Claimed;
  attempt: Attempt;
  control: Control;
  saver: RowSaver;
}

/**
 * PROTOCOL step 4 after an attempt died: one item at a time, each named in the chunk record before it
 * starts. Rows are saved every 200 ms, not after every item, so a chunk of 1000 takes a second and not
 * ten. What ran between the cursor and the named item ran through before, so the next attempt repeats
 * it unnamed, and the named item is the only one that a death can be blamed on. An item that waits for
 * its remote is passed by, or a killer behind it would end the worker until the remote is done.
 */
export async function workCarefully(
  engine: Engine,
  work: CarefulWork,
): Promise<Pick<Worked, 'state' | 'blocked' | 'resumeAt'> & { count?: number }> {
  const { claimed, attempt, control, saver } = work;
  const { id, epoch, record } = claimed;
  const strict = (record['attempts'] as number) > STRICT_AFTER;
  /** All rows so far are saved, and whoever runs next is named in the same change. */
  const saveRows = (next: { at: number; starts: number } | undefined): Promise<boolean> => {
    saver.name(next);
    return saver.save(attempt);
  };
  const opened = await attempt.work(0);
  const { count } = opened;
  let at = opened.cursor;
  let starts = 0;
  let named = false;
  const suspect = record['named'] as number | undefined;

  if (suspect !== undefined && suspect >= at && !(strict && suspect > at)) {
    const again = await attempt.work(suspect);
    if (again.state !== 'go') return again;
    at = suspect;
    starts = record['starts'] as number;
    if (starts >= MAX_STARTS) {
      await attempt.fail(CRASHED);
      at += 1;
      starts = 0;
      if (!(await saveRows(undefined))) return { state: 'lost' };
    } else if (at > (record['cursor'] as number)) {
      // Saved and named anew in one change: the suspect keeps its count of deaths.
      if (!(await saveRows({ at, starts: starts + 1 }))) return { state: 'lost' };
      named = true;
    }
  }
  let savedAt = engine.clock.monotonic();
  while (at < count) {
    const state = control.state();
    if (state !== 'go') return { state, count };
    if (!named) {
      saver.name({ at, starts: starts + 1 });
      const answer = await engine.store.change(chunkKey(id), name(epoch, at, starts + 1));
      if (!answer.applied) return { state: 'lost' };
    }
    const worked = await attempt.work(at + 1);
    if (worked.state !== 'go') return worked;
    at = Math.max(at + 1, worked.cursor);
    starts = 0;
    const due = strict || engine.clock.monotonic() - savedAt >= SAVE_MS;
    named = due && at < count;
    if (!named) continue;
    if (!(await saveRows({ at, starts: 1 }))) return { state: 'lost' };
    savedAt = engine.clock.monotonic();
  }
  if ((await attempt.work(0)).cursor === count) return { state: 'go', count };
  // Only remotes are waited for. Nobody is named: the last item would be blamed for whoever dies now.
  if (!(await saveRows(undefined))) return { state: 'lost' };
  return attempt.work(count);
}

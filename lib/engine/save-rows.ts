import { chunkKey, savedKey } from '../core/keys.ts';
import { itemsOf } from '../core/outcome.ts';
import { type SaveOptions, save } from '../core/transitions.ts';
import { coalesce } from '../pool/coalesce.ts';
import type { Attempt, Engine } from './engine.ts';
import type { Claimed } from './work-chunk.ts';

type Named = { at: number; starts: number } | undefined;

/** Saves the rows of one attempt, each time whole: PROTOCOL step 6. */
export interface RowSaver {
  /** Rows, open polls, then the cursor that points to them; false when a later attempt has the chunk. */
  save(attempt: Pick<Attempt, 'write'>): Promise<boolean>;
  /** Careful mode: who is named from the next save on, in the same change. */
  name(named: Named): void;
  /** The last save, which gives the chunk back. */
  handBack(attempt: Pick<Attempt, 'write'>, resumeAt: number): Promise<boolean>;
  /** Gives the chunk back as it was claimed. */
  giveUp(): Promise<boolean>;
}

export function newRowSaver(
  engine: Pick<Engine, 'store' | 'objects'>,
  { id, epoch, record, lease }: Pick<Claimed, 'id' | 'epoch' | 'record' | 'lease'>,
): RowSaver {
  let saves = (record['saves'] as number | undefined) ?? 0;
  let cursor = record['cursor'] as number;
  let part = record['part'] as string | undefined;
  let named: Named;
  let lost = false;
  const change = async (options: Omit<SaveOptions, 'epoch' | 'saves'>): Promise<boolean> => {
    const { applied } = await engine.store.change(chunkKey(id), save({ epoch, saves, ...options }));
    lost ||= !applied;
    return applied;
  };
  const stored = async (
    attempt: Pick<Attempt, 'write'>,
    handBack: { resumeAt: number } | undefined,
  ): Promise<boolean> => {
    if (lost) return false;
    saves += 1;
    const key = savedKey(id, epoch, saves);
    const { counts } = await attempt.write(key);
    if (handBack !== undefined) lease.drop();
    const rows = itemsOf(counts);
    const progress = rows > cursor;
    const applied = await change({ cursor: rows, part: key, progress, handBack, named });
    // Refused: a later attempt may read the object that the record still names.
    if (applied && part !== undefined) await engine.objects.delete(part);
    [cursor, part] = [rows, key];
    return applied;
  };
  let current: Pick<Attempt, 'write'>;
  // Items that ask while a save is under way share the next one.
  const shared = coalesce(() => stored(current, undefined));
  return {
    save(attempt) {
      current = attempt;
      return shared('');
    },
    name(next) {
      named = next;
    },
    handBack(attempt, resumeAt) {
      named = undefined;
      return stored(attempt, { resumeAt });
    },
    giveUp() {
      lease.drop();
      saves += 1;
      return change({ cursor, part, progress: true, handBack: { resumeAt: 0 }, named: undefined });
    },
  };
}

import { chunkKey, type StageId } from '../core/keys.ts';
import type { Cut } from '../core/records.ts';
import type { GroupCut } from '../core/shuffle.ts';
import { newChunk, putIfAbsent } from '../core/transitions.ts';
import type { Engine } from './engine.ts';

/** Chunk records put in parallel before one change of the plan cursor: 0.04 cursor writes a chunk. */
export const GROUP = 25;

/**
 * Puts the chunk records; a record that is there already is never overwritten, and its end counts. Returns that of the last.
 * @param anyBorder of an input that is discovered: another planner may have found something else
 */
export async function putChunks(
  { store }: Pick<Engine, 'store'>,
  id: StageId,
  {
    group,
    planned,
    anyBorder,
  }: { group: readonly (Cut | GroupCut)[]; planned: number; anyBorder?: boolean },
): Promise<string> {
  const answers = await Promise.all(
    group.map(({ range, cursor }, at) =>
      store.change(
        chunkKey({ ...id, chunk: planned + at }),
        putIfAbsent(newChunk({ ...range, to: cursor })),
      ),
    ),
  );
  let to = (group.at(-1) as Cut | GroupCut).cursor;
  for (const [at, answer] of answers.entries()) {
    if (answer.applied) continue;
    const there = await store.read(chunkKey({ ...id, chunk: planned + at }));
    if (anyBorder === true && there !== undefined) to = there['to'] as string;
    else if (there?.['to'] !== group[at]?.cursor) {
      throw new Error(
        `Chunk ${planned + at} was planned with another border: the settings are not the frozen ones.`,
      );
    }
  }
  return to;
}

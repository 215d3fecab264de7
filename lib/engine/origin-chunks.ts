import type { StoredRecord } from '../core/change.ts';
import { chunkKey, type StageId } from '../core/keys.ts';
import type { RetryLine } from '../core/retry.ts';
import { firstGroups } from '../core/stage-settings.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { type Batch, requireStage, stagesOf } from './batch.ts';
import { batchInRound } from './rounds.ts';
import { itemsBefore } from './status.ts';

/** A chunk that items were first in, without what is taken of it. */
export type Origin = Omit<RetryLine, 'items' | 'stalled' | 'remotes'>;

/** Where the items of a batch's stages were first. */
export interface Origins {
  /** The chunks of a stage in the order of its numbers; asked for as far as they are needed. */
  chunksOf(stage: number): AsyncGenerator<Origin>;
  /** Of each stage the number behind all that it had so far. */
  nexts: readonly number[];
}

/** What a stage had before a round, and what of the round's items were retried ones. */
interface StageRound {
  id: StageId;
  next: number;
  items: number;
}

export async function originChunks(store: CheckpointStore, batch: Batch): Promise<Origins> {
  const stages: StageRound[][] = stagesOf(batch).map(() => []);
  const nexts = stages.map(() => 0);
  // Nothing gives items to the first stage in a later round.
  const whole = firstGroups(batch.settings);
  const rounds = stages.length === 1 ? 0 : batch.round;
  for (let round = 0; round <= rounds; round += 1) {
    // The newest one as it was read: somebody else may begin the next meanwhile.
    const { filter } = round === batch.round ? batch : await batchInRound(store, batch, round);
    const lists = stagesOf({ ...batch, round }).slice(round === 0 ? 0 : 1, whole);
    for (const id of lists) {
      const { items, next } = (round > 0 && filter?.stages?.[id.stage]) || { items: 0, next: 0 };
      stages[id.stage]?.push({ id, next, items });
      const { cur } = await requireStage(store, id);
      nexts[id.stage] = next + Math.max(0, itemsBefore(cur) - items);
    }
  }
  return { nexts, chunksOf: (stage) => chunksIn(store, stages[stage] ?? []) };
}

/** Chunk records asked for at once: about 200 KB. */
const WINDOW = 1_000;

async function* chunksIn(
  store: CheckpointStore,
  rounds: readonly StageRound[],
): AsyncGenerator<Origin> {
  for (const { id, next, items } of rounds) {
    for (let chunk = 0; ; chunk += WINDOW) {
      const from = chunkKey({ ...id, chunk }).sort;
      const to = chunkKey({ ...id, chunk: chunk + WINDOW - 1 }).sort;
      const found = await store.query(id.batch, from, to);
      for (const { record } of found) {
        const { first } = record as { first: number };
        if (first >= items) yield originIn(id, record, next + first - items);
      }
      if (found.length < WINDOW) break;
    }
  }
}

/** @param first number in the stage of the chunk's first item */
function originIn({ round }: StageId, record: StoredRecord, first: number): Origin {
  const { source, start, end, count, line, last } = record as Record<string, number>;
  const { epochs, walk } = record as { epochs?: string; walk?: string };
  return {
    ...({ source, start, end, first, count } as Origin),
    ...(line === undefined ? {} : { line }),
    ...(last === undefined ? {} : { last }),
    ...(epochs === undefined ? {} : { epochs }),
    ...(walk === undefined ? {} : { walk }),
    ...(round === 0 ? {} : { round }),
  };
}

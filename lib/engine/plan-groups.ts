import { type StageId, shuffleKey, shuffleListKey, stageKey } from '../core/keys.ts';
import { cutGroups, type GroupCut, newBlockSums } from '../core/shuffle.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { advancePlan, isCancel, seal } from '../core/transitions.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import { type Batch, requireStage } from './batch.ts';
import { committedParts } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { GROUP, putChunks } from './put-chunks.ts';
import { openShuffle, type Shuffle } from './read-shuffle.ts';
import { batchInRound, goneInRound } from './rounds.ts';
import { listBytes } from './shuffle-list.ts';
import { lookAtStage } from './sums.ts';

type PlanPorts = Pick<Engine, 'store' | 'objects'>;

const READS_AT_ONCE = 16;
/** Holds the index of a shuffle object many times over. */
const TAIL_BYTES = 16 * 1024;

/**
 * PROTOCOL plan of a groupBy stage: not before the stage before it is sealed and all its chunks are committed. From then
 * on nothing that it is cut from can change, so any planner cuts the same; one that dies is followed by the next one
 * that settles. Returns whether it changed anything.
 */
export async function planGroups(
  ports: PlanPorts,
  id: StageId,
  { chunk, batch }: { chunk: number; batch: Batch },
): Promise<boolean> {
  const before = { ...id, stage: id.stage - 1 };
  let cuts: GroupCut[] | undefined;
  for (let changed = false; ; changed = true) {
    const stage = await requireStage(ports.store, id);
    if (stage.sealed !== undefined || stage.halt !== undefined) return changed;
    if (cuts === undefined) {
      const { stage: earlier, sums } = await lookAtStage(ports.store, before);
      if (earlier.sealed === undefined || sums.done < earlier.sealed) return changed;
      const own = { round: id.round, parts: earlier.sealed };
      cuts = await cutAll(ports, before, {
        rounds: [...(await earlierRounds(ports, batch, before)), own],
        chunk,
      });
    }
    const group = cuts.slice(stage.planned, stage.planned + GROUP);
    if (group.length > 0) {
      const to = await putChunks(ports, id, { group, planned: stage.planned });
      // Refused: another planner is ahead, or a cancel came. Either way the record says where to go on.
      const change = advancePlan(stage.cur, to, stage.planned + group.length);
      await ports.store.change(stageKey(id), change);
    } else {
      await ports.store.change(stageKey(id), seal(stage.cur, stage.planned, {}));
    }
  }
}

/** A round whose rows are grouped, and how many parts of it the stage before has. */
interface GroupedRound {
  round: number;
  parts: number;
}

/**
 * A later round groups what every round before it gave: nobody is tried again who gave something. What a later round gave
 * that was cut short does not count: who gave it is tried again. Behind a second groupBy all is new.
 */
async function earlierRounds(
  { store }: PlanPorts,
  batch: Batch,
  before: StageId,
): Promise<GroupedRound[]> {
  const rounds: GroupedRound[] = [];
  const most = before.stage + 1 === firstGroups(batch.settings) ? before.round : 0;
  for (let round = 0; round < most; round += 1) {
    const own = await batchInRound(store, batch, round);
    if (round > 0 && isCancel(own.stop)) continue;
    const { sealed, rel } = await requireStage(store, { ...before, round });
    rounds.push({ round, parts: isCancel(own.stop) ? rel : (sealed as number) });
  }
  return rounds;
}

/** Cuts what all parts give, and says which parts those are before a chunk can be worked. */
async function cutAll(
  { store, objects }: PlanPorts,
  before: StageId,
  { rounds, chunk }: { rounds: readonly GroupedRound[]; chunk: number },
): Promise<GroupCut[]> {
  const blocks = newBlockSums();
  const listed: { round: number; epochs: number[] }[] = [];
  for (const { round, parts } of rounds) {
    const id = { ...before, round };
    const names = parts === 0 ? [] : committedParts(store, id, parts);
    const opened = mapOrdered(names, READS_AT_ONCE, async ({ chunk: part, epoch }) => {
      const key = shuffleKey({ ...id, chunk: part }, epoch);
      return { epoch, ...(await openIn(objects, key, { round, own: before.round })) };
    });
    const epochs: number[] = [];
    for await (const { epoch, segments } of opened) {
      epochs.push(epoch);
      for (const block of segments.flat()) blocks.add(block);
    }
    listed.push({ round, epochs });
  }
  const earlier = listed.slice(0, -1);
  const { epochs = [] } = listed.at(-1) ?? {};
  const list = listBytes({ epochs, ...(earlier.length === 0 ? {} : { earlier }) });
  await objects.put(shuffleListKey(before), list);
  const parts = rounds.reduce((sum, one) => sum + one.parts, 0);
  return cutGroups(blocks, { parts, chunk });
}

async function openIn(
  objects: Engine['objects'],
  key: string,
  { round, own }: { round: number; own: number },
): Promise<Shuffle> {
  try {
    return await openShuffle(objects, key, TAIL_BYTES);
  } catch (error) {
    throw round === own ? error : goneInRound(round, error);
  }
}

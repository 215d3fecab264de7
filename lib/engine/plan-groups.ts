import { type StageId, shuffleKey, shuffleListKey, stageKey } from '../core/keys.ts';
import { cutGroups, type GroupCut, newBlockSums } from '../core/shuffle.ts';
import { advancePlan, seal } from '../core/transitions.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import { requireStage } from './batch.ts';
import { committedParts } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { GROUP, putChunks } from './put-chunks.ts';
import { openShuffle } from './read-shuffle.ts';
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
  { chunk }: { chunk: number },
): Promise<boolean> {
  const before = { ...id, stage: id.stage - 1 };
  let cuts: GroupCut[] | undefined;
  for (let changed = false; ; changed = true) {
    const stage = await requireStage(ports.store, id);
    if (stage.sealed !== undefined || stage.halt !== undefined) return changed;
    if (cuts === undefined) {
      const { stage: earlier, sums } = await lookAtStage(ports.store, before);
      if (earlier.sealed === undefined || sums.done < earlier.sealed) return changed;
      cuts = await cutAll(ports, before, { parts: earlier.sealed, chunk });
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

/** Cuts what all parts give, and says which parts those are before a chunk can be worked. */
async function cutAll(
  { store, objects }: PlanPorts,
  before: StageId,
  { parts, chunk }: { parts: number; chunk: number },
): Promise<GroupCut[]> {
  const epochs: number[] = [];
  const blocks = newBlockSums();
  const names = parts === 0 ? [] : committedParts(store, before, parts);
  const opened = mapOrdered(names, READS_AT_ONCE, async ({ chunk: part, epoch }) => {
    const key = shuffleKey({ ...before, chunk: part }, epoch);
    return { epoch, ...(await openShuffle(objects, key, TAIL_BYTES)) };
  });
  for await (const { epoch, segments } of opened) {
    epochs.push(epoch);
    for (const block of segments.flat()) blocks.add(block);
  }
  await objects.put(shuffleListKey(before), listBytes(epochs));
  return cutGroups(blocks, { parts, chunk });
}

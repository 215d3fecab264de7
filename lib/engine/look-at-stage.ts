import type { StageId } from '../core/keys.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { readSums, requireStage, type Stage, type Sums } from './batch.ts';

/** Stage, then the tallies that are open by it. */
export async function lookAtStage(
  store: CheckpointStore,
  id: StageId,
): Promise<{ stage: Stage; sums: Sums }> {
  const stage = await requireStage(store, id);
  return { stage, sums: await readSums(store, id, stage) };
}

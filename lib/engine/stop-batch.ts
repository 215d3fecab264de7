import { batchKey } from '../core/keys.ts';
import { hasEnded, pauseForCode, type Stop } from '../core/transitions.ts';
import { type Batch, stagesOf } from './batch.ts';
import type { Engine, SettlePorts } from './engine.ts';
import { settle } from './settle.ts';
import { copyHalts, writeStop } from './write-stop.ts';

/** Pause, cancel, threshold or broken; then settles, since a cancel may have completed the batch. */
export async function stopBatch(
  engine: SettlePorts,
  id: string,
  stop: { stop: Stop; reason: string },
): Promise<Batch> {
  return settleAll(engine, await writeStop(engine.store, id, stop));
}

/** A worker whose code is not the batch's pauses it, unless a resume accepted other code meanwhile. */
export async function pauseForOtherCode(engine: Engine, batch: Batch): Promise<void> {
  const reason = `The job's code changed: the batch was started with ${batch.digest.slice(0, 12)}, this worker has ${engine.jobDigest.slice(0, 12)}.`;
  const change = pauseForCode(batch.round, batch.digest, reason);
  await engine.store.change(batchKey(batch.id), change);
  await copyStop(engine, batch.id);
}

/** Copies the batch's stop to its stages and settles them. */
export async function copyStop(engine: SettlePorts, id: string): Promise<Batch> {
  return settleAll(engine, await copyHalts(engine.store, id));
}

async function settleAll(engine: SettlePorts, batch: Batch): Promise<Batch> {
  if (hasEnded(batch.status)) return batch;
  for (const stage of stagesOf(batch)) await settle(engine, stage);
  return batch;
}

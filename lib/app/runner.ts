import { runnerKey } from '../core/keys.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import type { Home } from './home.ts';

/** Whether a process works on the batch: it holds the lease, and is not proved dead on this host. */
export async function hasRunner(home: Home, id: string): Promise<boolean> {
  const record = await home.store.read(runnerKey(id));
  const owner = record?.['owner'] as string | undefined;
  if (owner === undefined || home.host.isDead(owner)) return false;
  return ((record?.['lease'] as number | undefined) ?? 0) > home.clock.now();
}

/** How a batch stands, in a word for people. */
export function standing(batch: Batch, runner: boolean): string {
  if (hasEnded(batch.status)) return batch.status;
  if (batch.stop === 'pause') return runner ? 'pausing' : 'paused';
  if (!runner) return 'interrupted';
  if (batch.status === 'ending') return 'ending';
  return batch.stop === 'none' ? 'running' : 'stopping';
}

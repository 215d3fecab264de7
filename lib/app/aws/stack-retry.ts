import type { Tolerance } from '../../core/tolerance.ts';
import type { Batch } from '../../engine/batch.ts';
import type { RetryPlan } from '../../engine/plan-retry.ts';
import { startNextRound } from '../../engine/start-round.ts';
import { otherCode } from '../retry.ts';
import type { StackPlace } from './open-stack.ts';
import { portsOf, requireJob } from './stack-stop.ts';

/**
 * Begins the next round of a batch on a stack; its functions run it. Writes the round's list into the report bucket and
 * the records that begin it. Throws `CODE_CHANGED` when other code is deployed than the batch's, unless it is accepted.
 */
export async function retryOnStack(
  place: StackPlace,
  batch: Batch,
  options: { plan: RetryPlan; acceptCode: boolean; tolerate: Tolerance | undefined },
): Promise<Batch> {
  const { digest } = requireJob(place, batch);
  if (digest !== batch.digest && !options.acceptCode) {
    throw otherCode(batch, digest, ` of ${place.name}`);
  }
  const ports = { ...portsOf(place, batch), objects: place.objects };
  const { plan, tolerate } = options;
  return startNextRound(ports, batch, { plan, digest, tolerate });
}

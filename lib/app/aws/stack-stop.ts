import { SluiceError } from '../../core/errors.ts';
import { batchKey, type StageId } from '../../core/keys.ts';
import { clearStop, hasEnded, isCancel } from '../../core/transitions.ts';
import { type Batch, requireStage, stagesOf } from '../../engine/batch.ts';
import type { SettlePorts } from '../../engine/engine.ts';
import { sendStep } from '../../engine/send.ts';
import { copyStop, stopBatch } from '../../engine/stop-batch.ts';
import { sweepBatch } from '../../engine/sweep.ts';
import { requireBatch } from '../place.ts';
import type { StackPlace } from './open-stack.ts';
import type { StackJob } from './stack-outputs.ts';

/** Pauses a batch of a stack: its workers start no new item within 5 s, save, and give their chunks back. */
export async function pauseOnStack(place: StackPlace, id: string): Promise<Batch> {
  const batch = await requireOpen(place, id);
  const stop = { stop: 'pause', reason: 'by a person (pause)' } as const;
  return stopBatch(portsOf(place, batch), id, stop);
}

/**
 * Cancels a batch of a stack; its functions bring it to its end. The sweep without grace sends what
 * nobody holds, such as chunks that a pause gave back, so that it ends now and not two minutes later.
 */
export async function cancelOnStack(place: StackPlace, id: string): Promise<Batch> {
  const batch = await requireOpen(place, id);
  requireJob(place, batch);
  const ports = portsOf(place, batch);
  const stopped = await stopBatch(ports, id, { stop: 'cancel', reason: 'by a person (cancel)' });
  if (!hasEnded(stopped.status)) await sweepBatch(ports, stopped, { graceMs: 0 });
  return requireBatch(place, id);
}

/**
 * Clears a pause: the chunks that nobody holds are sent again, and the orchestrator is told to plan.
 * This process releases nothing (a window of 0), since it cannot know the deployed window in force: the
 * orchestrator settles with it at the end of every plan, also of an input that is sealed. That is what keeps a
 * batch alive whose released chunks are all committed: no chunk is left whose commit would release the next.
 * Throws `CODE_CHANGED` when other code is deployed than the batch's, unless it is accepted; `STATE` after a cancel.
 */
export async function resumeOnStack(
  place: StackPlace,
  id: string,
  { acceptCode }: { acceptCode: boolean },
): Promise<Batch> {
  const batch = await requireBatch(place, id);
  if (hasEnded(batch.status)) return batch;
  const { digest } = requireJob(place, batch);
  if (digest !== batch.digest && !acceptCode) {
    throw new SluiceError(
      'CODE_CHANGED',
      `Job ${batch.job} of ${place.name} is not the code that batch ${id} was started with (${digest.slice(0, 12)} now, ${batch.digest.slice(0, 12)} then).`,
      { hint: 'Deploy the old code again, or go on with --accept-code-change.' },
    );
  }
  const ports = portsOf(place, batch);
  await place.store.change(batchKey(id), clearStop(batch.round, digest));
  const current = await copyStop(ports, id);
  if (isCancel(current.stop)) {
    throw new SluiceError('STATE', `Batch ${id} is being stopped (${current.reason}).`, {
      hint: `It cannot go on. Follow it to its end: sluice watch ${id}`,
    });
  }
  await sweepBatch(ports, current, { graceMs: 0 });
  // Where a stage is not sealed the sweep told the planner; of several stages the last is sealed last.
  const last = stagesOf(current).at(-1) as StageId;
  if ((await requireStage(place.store, last)).sealed !== undefined)
    await sendStep(ports, 'plan', last);
  return current;
}

type Ports = SettlePorts & Pick<StackPlace, 'clock' | 'host'>;

export const portsOf = (place: StackPlace, batch: Batch): Ports => ({
  store: place.store,
  log: place.log,
  clock: place.clock,
  host: place.host,
  queue: place.queueOf(batch.job),
  window: 0,
});

async function requireOpen(place: StackPlace, id: string): Promise<Batch> {
  const batch = await requireBatch(place, id);
  if (!hasEnded(batch.status)) return batch;
  throw new SluiceError('STATE', `Batch ${id} has ended already (${batch.status}).`, {
    hint: `See: sluice report ${id}`,
  });
}

/** Without its worker nobody can bring the batch on, nor to its end. */
export function requireJob({ outputs, name }: StackPlace, batch: Batch): StackJob {
  const job = outputs.jobs[batch.job];
  if (job !== undefined) return job;
  const names = Object.keys(outputs.jobs).join(', ');
  throw new SluiceError('STATE', `Job ${batch.job} is not deployed in ${name} any more.`, {
    hint: `Deploy it again, then repeat this command. Deployed: ${names}.`,
  });
}

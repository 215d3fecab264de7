import { localWorkQueue } from '../adapters/local/work-queue.ts';
import { SluiceError } from '../core/errors.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import { stopBatch } from '../engine/stop-batch.ts';
import type { DriveOptions } from './drive.ts';
import type { Home } from './home.ts';
import { loadJob } from './load-job.ts';
import { placeOfHome, requireBatch } from './place.ts';
import { storedJob } from './run-batch.ts';
import { type Taken, takeBatch } from './take-batch.ts';

/** Pauses a batch: the process that runs it starts no new item within 5 s, saves, and ends. */
export async function pauseBatch(home: Home, id: string): Promise<Batch> {
  return stopBatchOf(home, id, 'pause');
}

/**
 * Cancels a batch and brings it to its end: what is released is recorded as not run, and the report is
 * written, by the process that runs it, or by this one when there is none.
 */
export async function cancelBatch(
  home: Home,
  id: string,
  options: DriveOptions = {},
): Promise<Taken> {
  const batch = await stopBatchOf(home, id, 'cancel');
  const jobFile = await storedJob(home, batch);
  const job = await loadJob(jobFile.file);
  return takeBatch(home, {
    ...options,
    batch,
    job,
    jobFile,
    settings: batch.settings,
    parallel: 'off',
    keepStop: true,
  });
}

/** Records the stop; the process that runs the batch sees it. Throws `NOT_FOUND`, and `STATE` once it has ended. */
export async function stopBatchOf(
  home: Home,
  id: string,
  stopAs: 'pause' | 'cancel',
): Promise<Batch> {
  const batch = await requireBatch(placeOfHome(home), id);
  if (hasEnded(batch.status)) {
    throw new SluiceError('STATE', `Batch ${id} has ended already (${batch.status}).`, {
      hint: `See: sluice report ${id}`,
    });
  }
  // A window of 0: this process releases nothing, whatever it sees.
  const ports = { store: home.store, log: home.log, queue: localWorkQueue(home.clock), window: 0 };
  return stopBatch(ports, id, { stop: stopAs, reason: byPerson(stopAs) });
}

const byPerson = (stopAs: 'pause' | 'cancel'): string => `by a person (${stopAs})`;

export const isByPerson = (reason: string | undefined): boolean =>
  reason === undefined || reason === byPerson('pause');

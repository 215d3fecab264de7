import { LEASE_MS } from '../adapters/local/checkpoint-store.ts';
import { type LocalWorkQueue, localWorkQueue } from '../adapters/local/work-queue.ts';
import type { Job } from '../core/job.ts';
import { stageJob } from '../core/stage.ts';
import type { Batch } from '../engine/batch.ts';
import type { Engine, Leases } from '../engine/engine.ts';
import { batchState } from '../engine/status.ts';
import { type Attempts, newAttempts } from './attempts.ts';
import type { Home } from './home.ts';
import { inputOpener } from './input-of.ts';
import type { JobFile } from './job-file.ts';
import type { Parallel } from './seating.ts';
import { newWorkLeft } from './work-left.ts';

/** A batch's engine in this process, with where its attempts run. */
export interface LocalEngine extends Engine {
  queue: LocalWorkQueue;
  attempts: Attempts;
  /** No new item starts from now on. */
  drain(): void;
  close(): Promise<void>;
}

export interface LocalEngineOptions {
  home: Home;
  job: Job;
  jobFile: JobFile;
  batch: Batch;
  parallel: Parallel;
}

export function localEngine(options: LocalEngineOptions): LocalEngine {
  const { home, job, jobFile, batch } = options;
  const inputOf = inputOpener(home.objects, job);
  const workLeft = newWorkLeft({
    job,
    monotonic: home.clock.monotonic,
    state: () => batchState(home.store, batch.id),
  });
  const attempts = newAttempts({
    ...options,
    inputOf,
    remainingMs: workLeft.leftMs,
  });
  let draining = false;
  // Per slot one chunk in work and one behind it, and some between their last item and their commit. That
  // takes three syncs, so CPU jobs, whose chunks may take 3 ms, need more of them (1 M no-op items on two
  // threads, best of three on a busy machine: 5.0 s with 8, 6.2 s with 2). The cap itself is held by the slots.
  const windows = attempts.maxSlots.map(
    (slots, stage) => 2 * slots + (stageJob(job, stage).cpu === true ? 8 : 2),
  );
  return {
    clock: home.clock,
    host: home.host,
    store: home.store,
    objects: home.objects,
    log: home.log.child({ batch: batch.id }),
    queue: localWorkQueue(home.clock),
    jobDigest: jobFile.digest,
    window: windows[0] as number,
    windows,
    leases: leasesOf(home),
    inputOf,
    openAttempt: async (spec, control) =>
      workLeft.timed(spec.id.stage, await attempts.open(spec, control)),
    remainingMs: () => Number.POSITIVE_INFINITY,
    draining: () => draining,
    attempts,
    drain() {
      draining = true;
    },
    close: attempts.close,
  };
}

/** Leases of 30 s that the store's own thread renews every 5 s, whatever the item code does. */
const leasesOf = ({ store }: Home): Leases => ({
  until: (now) => now + LEASE_MS,
  hold(key, { epoch, owner }) {
    let held: { lost(): boolean } | undefined;
    // Most chunks end long before their first renewal is due: those are never told to the store's thread.
    const timer = setTimeout(() => {
      held = store.hold(key, { kind: 'chunk', epoch, owner });
    }, HOLD_AFTER_MS);
    return {
      lost: () => held?.lost() ?? false,
      drop() {
        clearTimeout(timer);
        if (held !== undefined) store.drop(key);
        held = undefined;
      },
    };
  },
});

/** A lease lasts 30 s and is renewed each 5 s. */
const HOLD_AFTER_MS = 2_000;

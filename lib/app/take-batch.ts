import { LEASE_MS } from '../adapters/local/checkpoint-store.ts';
import { SluiceError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { batchKey, roundJobKey, runnerKey } from '../core/keys.ts';
import type { Settings } from '../core/options.ts';
import { clearStop, dropRunner, hasEnded, takeRunner } from '../core/transitions.ts';
import { type Batch, readBatch } from '../engine/batch.ts';
import { batchState } from '../engine/status.ts';
import { type Driven, type DriveOptions, drive, type Progress, takeUp } from './drive.ts';
import type { Home } from './home.ts';
import type { JobFile } from './job-file.ts';
import { localEngine } from './local-engine.ts';
import { placeOfHome } from './place.ts';
import { runnerOf } from './runner.ts';
import { newRunnerNotes } from './runner-notes.ts';
import type { Parallel } from './seating.ts';

export interface TakeOptions extends DriveOptions {
  batch: Batch;
  job: Job;
  jobFile: JobFile;
  settings: Settings;
  parallel?: Parallel;
  acceptCode?: boolean;
  /** A pause stays a pause: what is released is only brought to its end (after a cancel). */
  keepStop?: boolean;
  /** Told when another process runs the batch, and this one only watches. */
  onFollow?: () => void;
}

export interface Taken {
  batch: Batch;
  driven: Exclude<Driven, 'overtaken'>;
}

/** How often a follower looks whether the process that runs the batch is still there. */
const FOLLOW_MS = 500;

/** A process that one item blocks for its itemTimeout and this much longer is ended by the store thread. */
const BLOCKED_GRACE_MS = 3_000;

/**
 * Runs a batch in this process. One process at a time runs a batch, so that its caps hold; while
 * another one does, this one follows it, and takes over when it is gone.
 */
export async function takeBatch(home: Home, options: TakeOptions): Promise<Taken> {
  for (;;) {
    const owner = home.host.newOwner();
    const seen = await follow(home, options, owner);
    if (seen !== undefined) return seen;
    const { batch, driven } = await runAs(home, options, owner);
    if (driven !== 'overtaken') return { batch, driven };
  }
}

/** Until this process is the one that runs the batch (undefined), or there is nothing to run. */
async function follow(home: Home, options: TakeOptions, owner: string): Promise<Taken | undefined> {
  const { id } = options.batch;
  let told = false;
  while (!(await becomeRunner(home, id, owner))) {
    if (!told) options.onFollow?.();
    told = true;
    const state = await batchState(home.store, id);
    if (state === undefined || hasEnded(state.batch.status))
      return finished(home, options.batch, 'ended');
    options.onProgress?.({
      state,
      busy: 0,
      slots: 0,
      threads: 0,
      codes: {},
      rssBytes: process.memoryUsage.rss(),
      note: (await runnerOf(placeOfHome(home), id)).note,
    });
    if (options.signal?.aborted) return finished(home, options.batch, 'interrupted');
    await home.clock.sleep(FOLLOW_MS, options.signal);
  }
  return undefined;
}

interface Ran {
  batch: Batch;
  driven: Driven;
}

async function runAs(home: Home, options: TakeOptions, owner: string): Promise<Ran> {
  const key = runnerKey(options.batch.id);
  const held = home.store.hold(key, { kind: 'runner', owner });
  const notes = newRunnerNotes(home, { batch: options.batch.id, owner });
  const onProgress = (progress: Progress): void => {
    notes.see(progress);
    options.onProgress?.(progress);
  };
  try {
    return await runHere(home, { ...options, onProgress, lost: () => held.lost() });
  } finally {
    await notes.end();
    home.store.drop(key);
    await home.store.change(key, dropRunner(owner));
  }
}

/** Takes the record that says who runs a batch: true once this process does. */
export async function becomeRunner(home: Home, id: string, owner: string): Promise<boolean> {
  const there = await home.store.read(runnerKey(id));
  const previous = there?.['owner'] as string | undefined;
  const deadOwner = previous !== undefined && home.host.isDead(previous) ? previous : undefined;
  const now = home.clock.now();
  const change = takeRunner({ owner, now, lease: now + LEASE_MS, deadOwner });
  return (await home.store.change(runnerKey(id), change)).applied;
}

async function runHere(home: Home, options: TakeOptions): Promise<Ran> {
  const { job, jobFile, settings, parallel = 'auto' } = options;
  // Read again: another process may have ended it, or paused it, while this one waited.
  const current = (await readBatch(home.store, options.batch.id)) as Batch;
  if (hasEnded(current.status)) return { batch: current, driven: 'ended' };
  if (options.keepStop !== true) {
    // A pause from before is what a run resumes; one that came while it followed is meant for it too.
    const pausedSince = current.stop === 'pause' && current.ver !== options.batch.ver;
    if (pausedSince) return { batch: current, driven: 'paused' };
    await continueBatch(home, current, options);
  }
  const batch = { ...((await readBatch(home.store, current.id)) as Batch), settings };
  // The item's own time-out ends what waits; this ends what blocks the whole process.
  const longest = Math.max(...(settings.stages ?? [settings]).map((one) => one.itemTimeoutMs));
  home.store.watch(longest + BLOCKED_GRACE_MS);
  const engine = localEngine({ home, job, jobFile, batch, parallel });
  try {
    await takeUp(engine, batch);
    const driven = await drive(engine, batch, options);
    return { batch: (await readBatch(home.store, batch.id)) ?? batch, driven };
  } finally {
    home.store.watch(0);
    await engine.close();
  }
}

/** Clears a pause. Other code than the batch's is refused, unless it is accepted; then it is kept beside it. */
async function continueBatch(
  home: Home,
  batch: Batch,
  { jobFile, acceptCode }: TakeOptions,
): Promise<void> {
  const sameCode = batch.digest === jobFile.digest;
  if (!sameCode && acceptCode !== true) {
    throw new SluiceError(
      'CODE_CHANGED',
      `Job ${batch.job} is not the code that batch ${batch.id} was started with (${jobFile.digest.slice(0, 12)} now, ${batch.digest.slice(0, 12)} then).`,
      { hint: 'Put the old code back, or go on with --accept-code-change.' },
    );
  }
  if (sameCode && batch.stop === 'none') return;
  if (!sameCode) {
    await home.objects.put(roundJobKey({ ...batch, digest: jobFile.digest }), jobFile.bytes);
  }
  await home.store.change(batchKey(batch.id), clearStop(batch.round, jobFile.digest));
}

async function finished(home: Home, batch: Batch, driven: Taken['driven']): Promise<Taken> {
  return { batch: (await readBatch(home.store, batch.id)) ?? batch, driven };
}

import { SluiceError } from '../../core/errors.ts';
import type { Job } from '../../core/job.ts';
import type { StageId } from '../../core/keys.ts';
import { windowOf } from '../../core/options.ts';
import { deployedSettings } from '../../core/quota-settings.ts';
import { forStages } from '../../core/stage-settings.ts';
import { openAttempt } from '../../engine/attempt.ts';
import { type Batch, readBatch } from '../../engine/batch.ts';
import type { Engine, Leases } from '../../engine/engine.ts';
import { newQuotaLeases } from '../../engine/quota-leases.ts';
import { newShared } from '../../pool/shared.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Quotas } from '../../ports/quotas.ts';
import { inputOfRound } from '../round-of.ts';
import { type InputOpener, storedInputOpener } from '../stored-input.ts';
import type { Cloud } from './cloud.ts';
import { cloudSecrets } from './cloud-secrets.ts';
import { uploadSource } from './upload-source.ts';

/** Clocks of functions differ by at most this (REQUIREMENTS and the simulator count with 2 s). */
const SKEW_MS = 2_000;
/** A lease outlives its function by twice the skew and this: a live attempt is never claimed over. */
const LEASE_MARGIN_MS = 5_000;

/** The engine of one job's batches in this invocation. */
export async function cloudEngine(cloud: Cloud, jobName: string): Promise<Engine> {
  const { settings, clock, invocation } = cloud;
  const deployed = cloud.jobs.get(jobName);
  const job = await loaded(cloud, jobName);
  return {
    clock,
    host: cloud.host,
    store: cloud.store,
    objects: cloud.objects,
    queue: cloud.queueOf(jobName),
    log: cloud.log,
    jobDigest: deployed?.digest ?? '',
    // The deployed limits, not the frozen ones: a new cap holds for batches that run.
    window: 'job' in job ? windowOf(deployedSettings(job.job)) : 1,
    windows: 'job' in job ? deployedSettings(job.job).stages?.map(windowOf) : undefined,
    leases: leasesOf(cloud),
    inputOf: async (batch) => inputsOf(cloud, jobOf(job))(batch),
    openAttempt: async (spec, control) => {
      const batch = await frozen(cloud, spec.id);
      // A batch that was stopped because its job does not load still records what was not run.
      const canRun = 'job' in job || control.state() !== 'cancel';
      return openAttempt(
        {
          clock,
          random: cloud.host.random,
          usage: cloud.host.usage,
          objects: cloud.objects,
          input: canRun
            ? await inputsOf(cloud, jobOf(job))(batch)
            : inputOfRound(batch, NO_INPUT, cloud.objects),
          job: canRun ? jobOf(job) : NO_JOB,
          settings: forStages(batch.settings, ({ itemTimeoutMs }) => ({
            itemTimeoutMs: itemTimeoutMs / settings.speed,
          })),
          options: batch.options,
          secrets: canRun ? await cloudSecrets(cloud, jobOf(job)) : {},
          filter: batch.filter,
          now: batch.now,
          worker: cloud.host.id,
          process: cloud.host.id,
          shared: held,
          quotas: quotasOf(cloud),
          http: cloud.http,
        },
        spec,
        control,
      );
    },
    remainingMs: () => invocation.remainingMs() * settings.speed,
    draining: () => clock.monotonic() - invocation.startedAt >= settings.budgetMs / settings.speed,
    keepMs: settings.keepMs,
    skewMs: SKEW_MS / settings.speed,
  };
}

type Loaded = { job: Job } | { problem: SluiceError };

async function loaded(cloud: Cloud, name: string): Promise<Loaded> {
  const deployed = cloud.jobs.get(name);
  if (deployed === undefined) return { problem: notDeployed(cloud, name) };
  try {
    return { job: await deployed.load() };
  } catch (error) {
    return { problem: error as SluiceError };
  }
}

function jobOf(job: Loaded): Job {
  if ('job' in job) return job.job;
  throw job.problem;
}

export function notDeployed(cloud: Pick<Cloud, 'jobs'>, name: string): SluiceError {
  return new SluiceError('BAD_JOB', `No job named ${JSON.stringify(name)} is deployed.`, {
    hint: `Deployed: ${cloud.jobs.names.join(', ')}. Upload under inbox/<job>/, or deploy the job.`,
  });
}

/** What a round was started with does not change: it is read once an environment. */
const frozenBatches = new Map<string, Batch>();
const FROZEN_KEPT = 64;

async function frozen(cloud: Cloud, { batch: id, round }: StageId): Promise<Batch> {
  const key = `${id} ${round}`;
  const known = frozenBatches.get(key) ?? (await readBatch(cloud.store, id));
  // Begun since: whoever still works the round before it must not take the new one's items.
  if (known?.round !== round) throw new SluiceError('STATE', `Batch ${id} left round ${round}.`);
  frozenBatches.set(key, known);
  if (frozenBatches.size > FROZEN_KEPT) {
    frozenBatches.delete(frozenBatches.keys().next().value as string);
  }
  return known;
}

const openers = new WeakMap<Job, InputOpener>();

function inputsOf(cloud: Cloud, job: Job): InputOpener {
  const opener =
    openers.get(job) ??
    storedInputOpener({
      objects: cloud.objects,
      job,
      bind: (pin) => uploadSource(cloud.s3, pin),
      walk: refuse,
    });
  openers.set(job, opener);
  return opener;
}

/** One service an environment, over all its invocations. */
const leases = new WeakMap<Cloud, Quotas>();
function quotasOf(cloud: Cloud): Quotas {
  const { store, clock, log, host } = cloud;
  const known = leases.get(cloud) ?? newQuotaLeases({ store, clock, log, random: host.random });
  leases.set(cloud, known);
  return known;
}

/** Open as long as the environment is; what a thaw finds broken is opened again by whoever uses it. */
const held = newShared();

/** A lease lasts as long as the function can: there is no one to renew it, and no need. */
function leasesOf({ clock, invocation, settings }: Cloud): Leases {
  const until = (now: number): number =>
    now + invocation.remainingMs() + (2 * SKEW_MS + LEASE_MARGIN_MS) / settings.speed;
  return {
    until,
    hold: () => heldFor(clock, clock.now() + invocation.remainingMs()),
  };
}

const heldFor = (clock: Clock, end: number) => ({
  lost: () => clock.now() >= end,
  drop: () => undefined,
});

/** Stand in where a job cannot be loaded and nothing of it is run. */
const NO_JOB: Job = {
  sluice: 'job/1',
  name: 'none',
  input: { format: 'ndjson', schema: undefined, options: {}, open: refuse },
  process: refuse,
};
const NO_INPUT = {
  prepare: async () => undefined,
  fault: () => undefined,
  digest: async () => '',
  cuts: refuse,
  records: refuse,
};

function refuse(): never {
  throw new SluiceError('BAD_JOB', 'The job cannot be loaded; none of its items may run.');
}

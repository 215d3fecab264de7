import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleJob } from '../lib/app/job-file.ts';
import { loadJob } from '../lib/app/load-job.ts';
import { isDiscovering } from '../lib/core/discovery.ts';
import { SluiceError } from '../lib/core/errors.ts';
import { stepsOf } from '../lib/core/job.ts';
import { memoryMbOf, type Settings } from '../lib/core/options.ts';
import { deployedSettings, shareWords } from '../lib/core/quota-settings.ts';
import { stageCountOf, stageJob } from '../lib/core/stage.ts';
import { stageSettings } from '../lib/core/stage-settings.ts';

/** What a stage's queue and worker are made from: the job's own limits. */
export interface StageLimits {
  /** Workers at once, 1 to 1000. */
  workers: number;
  /** Bounds one item with all its tries, in ms: in each step anew. */
  itemTimeoutMs: number;
  /** Steps of the job, where it has several. */
  steps?: number;
  /** Of the worker function, in MB. */
  memoryMb: number;
}

/** A job as the stack takes it: exactly the bytes that a local run loads, so that digests agree. */
export interface BundledJob {
  name: string;
  /** SHA-256 of the bytes, hexadecimal. */
  digest: string;
  bytes: Uint8Array;
  stages: readonly StageLimits[];
  /** It finds its files: prefixes are submitted, not objects. */
  finds?: boolean;
  /** It has `http`: its worker needs the client beside it. */
  http?: boolean;
  /** Of its quotas the one of which least is usable, where that is less than 95 %: those who submit are told. */
  quota?: Settings['quota'];
}

/**
 * Bundles jobs for a stack: built in (by name) or a user's (by path of a .ts, .js or .mjs file, seen
 * from the working folder). Each job file is loaded once, in this process, to read its limits.
 *
 * Throws a SluiceError: NOT_FOUND (no such job), BAD_JOB (cannot be bundled or loaded), USAGE (a limit
 * out of bounds, or two jobs of one name).
 */
export async function bundleJobs(references: readonly string[]): Promise<BundledJob[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'));
  try {
    const jobs: BundledJob[] = [];
    const sources = new Map<string, string>();
    for (const reference of references) {
      const job = await bundleOne(reference, folder);
      const other = sources.get(job.name);
      if (other !== undefined) {
        throw new SluiceError(
          'USAGE',
          `jobs: '${other}' and '${reference}' both define a job named '${job.name}'.`,
          {
            hint: 'A name is the prefix of its uploads (inbox/<job>/): rename one, or list it once.',
          },
        );
      }
      sources.set(job.name, reference);
      jobs.push(job);
    }
    return jobs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bundleOne(reference: string, folder: string): Promise<BundledJob> {
  const { file, digest, bytes } = await bundleJob(reference, folder);
  const job = await loadJob(file);
  const settings = deployedSettings(job);
  const { quota } = settings;
  return {
    name: job.name,
    digest,
    bytes,
    stages: Array.from({ length: stageCountOf(job) }, (_, at) => {
      const { workers, itemTimeoutMs } = stageSettings(settings, at);
      const stage = stageJob(job, at);
      const steps = stepsOf(stage).length;
      const memoryMb = memoryMbOf(stage);
      return { workers, itemTimeoutMs, memoryMb, ...(steps === 1 ? {} : { steps }) };
    }),
    ...(isDiscovering(job.input) ? { finds: true } : {}),
    ...(job.http === undefined ? {} : { http: true }),
    ...(shareWords({ quota }) === undefined ? {} : { quota }),
  };
}

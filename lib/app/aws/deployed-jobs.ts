import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../../core/job.ts';
import { loadJob } from '../load-job.ts';

/** A job file that lies beside a function's code. */
export interface DeployedJob {
  name: string;
  /** SHA-256 of the file. */
  digest: string;
  bytes: Uint8Array;
  /** Throws `BAD_JOB` when the file throws while it loads, each time it is asked for. */
  load(): Promise<Job>;
}

/** Job files by job name: `jobs/<name>.mjs`, put there by the stack. Each is read on first use. */
export interface DeployedJobs {
  names: readonly string[];
  get(name: string): DeployedJob | undefined;
}

/** @param root the folder of the function's code (LAMBDA_TASK_ROOT) */
export function deployedJobs(root: string): DeployedJobs {
  const folder = join(root, 'jobs');
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length))
    .sort();
  const jobs = new Map<string, DeployedJob>();
  return {
    names,
    get(name) {
      if (!names.includes(name)) return undefined;
      const job = jobs.get(name) ?? readJob(folder, name);
      jobs.set(name, job);
      return job;
    },
  };
}

function readJob(folder: string, name: string): DeployedJob {
  const file = join(folder, `${name}.mjs`);
  const bytes = readFileSync(file);
  const digest = createHash('sha256').update(bytes).digest('hex');
  let loaded: Promise<Job> | undefined;
  return {
    name,
    digest,
    bytes,
    load() {
      loaded ??= loadJob(file);
      return loaded;
    },
  };
}

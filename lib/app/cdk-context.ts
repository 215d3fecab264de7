import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import { deployedSettings } from '../core/quota-settings.ts';
import { bundleJob } from './job-file.ts';
import { loadJob } from './load-job.ts';

/** What would be deployed from a folder, as far as its cdk.json says. */
export interface CdkContext {
  stack: string;
  jobs: string[];
  /** False: no reserved concurrency. */
  reserve: boolean;
}

/** The context of cdk.json, with the app's own defaults. Throws `BAD_INPUT` for one that is not JSON. */
export function readCdkContext(folder: string): CdkContext {
  const file = join(folder, 'cdk.json');
  let context: Record<string, unknown> = {};
  try {
    context =
      (JSON.parse(readFileSync(file, 'utf8')) as { context?: typeof context }).context ?? {};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new SluiceError('BAD_INPUT', `${file} cannot be read: ${(error as Error).message}`, {
        hint: 'Mend it, or go to the folder of the CDK app.',
        cause: error,
      });
    }
  }
  const { stack, jobs, reserve } = context;
  return {
    stack: typeof stack === 'string' ? stack : 'Sluice',
    jobs: namesOf(jobs),
    reserve: String(reserve ?? true) === 'true',
  };
}

/** An array, the same as JSON, or words with commas between. */
function namesOf(jobs: unknown): string[] {
  if (Array.isArray(jobs)) return jobs.map(String);
  if (typeof jobs !== 'string') return ['odds'];
  if (jobs.trim().startsWith('[')) return namesOf(JSON.parse(jobs));
  return jobs.split(',').map((job) => job.trim());
}

/** Workers by job name, from the jobs' own limits: each job file is bundled and loaded, as a deployment does. */
export async function workersOf(references: readonly string[]): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'));
  try {
    const workers: Record<string, number> = {};
    for (const reference of references) {
      const { file } = await bundleJob(reference, folder);
      const job = await loadJob(file);
      workers[job.name] = deployedSettings(job).workers;
    }
    return workers;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

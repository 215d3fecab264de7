import { SluiceError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';

/** The secrets that a job names, from environment variables. Throws `BAD_JOB` that names the one that is not set. */
export function localSecrets(
  job: Pick<Job, 'name' | 'secrets'>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of job.secrets ?? []) {
    const value = env[name];
    if (value === undefined) throw missingSecret(job.name, name);
    found[name] = value;
  }
  return found;
}

export const missingSecret = (job: string, name: string): SluiceError =>
  new SluiceError('BAD_JOB', `Job ${job} needs the secret ${name}, which is not set.`, {
    hint: `Set the environment variable ${name}; on AWS give the stack the context secrets={"${name}":"<name in Secrets Manager>"}.`,
  });

import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SluiceError } from '../../core/errors.ts';
import type { Job } from '../../core/job.ts';
import { missingSecret } from '../local-secrets.ts';
import type { Cloud } from './cloud.ts';

/** Read once an environment: a secret that was changed is seen by new environments. */
const read = new Map<string, Promise<string>>();

/**
 * The secrets that a job names, from Secrets Manager where the stack maps a name, else from the
 * function's environment. Throws `BAD_JOB` that names the secret, never its value.
 */
export async function cloudSecrets(
  { settings }: Pick<Cloud, 'settings'>,
  job: Pick<Job, 'name' | 'secrets'>,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of job.secrets ?? []) {
    const stored = settings.secrets[name];
    const value = stored === undefined ? process.env[name] : await secretOf(stored);
    if (value === undefined) throw missingSecret(job.name, name);
    found[name] = value;
  }
  return found;
}

function secretOf(id: string): Promise<string> {
  const value = read.get(id) ?? getSecret(id);
  read.set(id, value);
  value.catch(() => read.delete(id));
  return value;
}

async function getSecret(id: string): Promise<string> {
  const client = new SecretsManagerClient({ retryMode: 'standard', maxAttempts: 5 });
  try {
    const { SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: id }));
    if (text !== undefined) return text;
    throw new Error('it holds no text');
  } catch (cause) {
    throw new SluiceError('STORE', `The secret ${id} cannot be read: ${(cause as Error).name}.`, {
      hint: 'Check its name and region, and that the worker may call secretsmanager:GetSecretValue on it.',
      cause,
    });
  } finally {
    client.destroy();
  }
}

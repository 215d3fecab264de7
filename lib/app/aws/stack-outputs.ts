import { SluiceError } from '../../core/errors.ts';
import type { Settings } from '../../core/options.ts';

/** A job as its stack tells of it. */
export interface StackJob {
  stages: number;
  /** The cap: workers at once. */
  workers: number;
  /** SHA-256 of the deployed job file. */
  digest: string;
  /** It finds its files below prefixes. */
  finds?: boolean;
  /** Of its quotas the one of which least is usable, where that is less than 95 %. */
  quota?: Settings['quota'];
}

/** What the outputs of a deployed stack say. */
export interface StackOutputs {
  /** Buckets. */
  uploads: string;
  reports: string;
  table: string;
  /** Queue URLs by `orchestrator` and `<job>/<stage>`. */
  queues: Readonly<Record<string, string>>;
  jobs: Readonly<Record<string, StackJob>>;
}

/**
 * Reads the outputs of a stack, by their names.
 * Throws a SluiceError `STATE` that names what is missing: a stack of something else, or an older one.
 */
export function readOutputs(
  stack: string,
  outputs: Readonly<Record<string, string>>,
): StackOutputs {
  const text = (name: string): string => {
    const value = outputs[name];
    if (value) return value;
    throw notOurs(stack, `it has no output ${name}`, outputs);
  };
  const json = <T>(name: string): Readonly<Record<string, T>> => {
    try {
      const value = JSON.parse(text(name)) as Record<string, T> | null;
      if (typeof value === 'object' && value !== null) return value;
    } catch (error) {
      if (error instanceof SluiceError) throw error;
    }
    throw notOurs(stack, `its output ${name} is no JSON object`, outputs);
  };
  return {
    uploads: text('UploadBucket'),
    reports: text('ReportBucket'),
    table: text('Table'),
    queues: json<string>('Queues'),
    jobs: json<StackJob>('Jobs'),
  };
}

function notOurs(
  stack: string,
  why: string,
  outputs: Readonly<Record<string, string>>,
): SluiceError {
  const names = Object.keys(outputs).sort().join(', ') || 'none';
  return new SluiceError('STATE', `Stack ${stack} is not one of Sluice's: ${why}.`, {
    hint: `Its outputs: ${names}. Name another stack with --stack, or deploy this one with the present version.`,
  });
}

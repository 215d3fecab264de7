import { parseDuration } from './duration.ts';
import { SluiceError } from './errors.ts';
import type { Job, Limits } from './job.ts';
import type { QuotaSettings } from './quota.ts';
import { isGroupBy, stageJob } from './stage.ts';
import type { StageSettings } from './stage-settings.ts';
import { definedOnly, type Tolerance, toleranceOf } from './tolerance.ts';

/** One option that bounds a batch: everything a message about it needs. */
interface OptionRow {
  name: string;
  min: number;
  max: number;
  default: number;
  /** What is counted. */
  unit: string;
  why: string;
}

const row = (options: OptionRow): OptionRow => options;

/** The table of all bounded options; the only place of their bounds and defaults. */
export const OPTIONS = {
  concurrency: row({
    name: 'concurrency',
    min: 1,
    max: 1000,
    default: 4,
    unit: 'items in flight per worker',
    why: 'more than 1000 open items cost more memory than they save time',
  }),
  workers: row({
    name: 'workers',
    min: 1,
    max: 1000,
    default: 10,
    unit: 'workers at once',
    why: "1000 is the largest maximum concurrency of an SQS event source, and an account's default quota",
  }),
  prefetch: row({
    name: 'prefetch',
    min: 0,
    max: 1000,
    default: -1,
    unit: 'chunks released beyond the workers',
    why: 'what is released may run after a pause; default: as many as workers',
  }),
  chunk: row({
    name: 'chunk',
    min: 1,
    max: 100_000,
    default: 1000,
    unit: 'items per chunk',
    why: 'a chunk is the unit of dispatch, checkpoint and repeat',
  }),
  chunkBytes: row({
    name: 'chunkBytes',
    min: 1024,
    max: 64 * 1024 * 1024,
    default: 4 * 1024 * 1024,
    unit: 'input bytes per chunk',
    why: 'a worker holds one chunk in memory',
  }),
  itemTimeout: row({
    name: 'itemTimeout',
    min: 10,
    max: 870_000,
    default: 30_000,
    unit: 'ms per item with all its tries',
    why: 'a Lambda function ends after 900 s; work that takes longer belongs into ctx.poll (docs/polling.md)',
  }),
  maxRecordBytes: row({
    name: 'maxRecordBytes',
    min: 64,
    max: 64 * 1024 * 1024,
    default: 1024 * 1024,
    unit: 'bytes per record',
    why: 'a larger record is one failed outcome',
  }),
  memory: row({
    name: 'memory',
    min: 128,
    max: 10_240,
    default: 512,
    unit: 'MB of a worker function',
    why: 'what AWS Lambda offers',
  }),
  threadMb: row({
    name: 'SLUICE_THREAD_MB',
    min: 16,
    max: 65_536,
    default: 1024,
    unit: 'MB of heap per worker thread',
    why: 'an item that needs more ends its thread, not the machine',
  }),
  tries: row({
    name: 'retry.tries',
    min: 1,
    max: 20,
    default: 3,
    unit: 'tries per item',
    why: 'after 20 tries with back-off an item has had its time',
  }),
  retryBase: row({
    name: 'retry.base',
    min: 1,
    max: 600_000,
    default: 200,
    unit: 'ms before the second try at most',
    why: 'doubles each try',
  }),
  retryMax: row({
    name: 'retry.max',
    min: 1,
    max: 600_000,
    default: 20_000,
    unit: 'ms before any try at most',
    why: 'bounds the doubling',
  }),
} as const;

/** A whole number within the option's bounds; anything else is an error that names all three. */
export function checkOption(option: OptionRow, value: unknown, label = option.name): number {
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (
    !Number.isInteger(number) ||
    (number as number) < option.min ||
    (number as number) > option.max
  ) {
    const got = typeof value === 'string' ? `'${value}'` : String(value);
    throw new SluiceError(
      'USAGE',
      `${label} must be a whole number from ${option.min} to ${option.max} (${option.unit}); got ${got}.`,
      { hint: `Why this bound: ${option.why}.` },
    );
  }
  return number as number;
}

/** A batch's limits, all set: frozen in its record when it starts. */
export interface Settings {
  concurrency: number;
  workers: number;
  prefetch: number;
  chunk: number;
  chunkBytes: number;
  itemTimeoutMs: number;
  maxRecordBytes: number;
  tries: number;
  retryBaseMs: number;
  retryMaxMs: number;
  tolerate?: Tolerance;
  /** Of a job with quotas. */
  quota?: QuotaSettings;
  /** In the cloud without reserved concurrency: the cap is held by the event source and the window alone. */
  unreserved?: boolean;
  /** Of a job of several stages: what each may use. The first one's are also those above. */
  stages?: StageSettings[];
}

/** A Lambda function has one whole vCPU at this size (docs.aws.amazon.com/lambda, "Configure function memory"). */
const ONE_VCPU_MB = 1769;

/** MB of the job's worker functions. */
export const memoryMbOf = ({ limits, cpu }: Pick<Job, 'limits' | 'cpu'>): number =>
  checkOption(
    OPTIONS.memory,
    limits?.memory ?? (cpu === true ? ONE_VCPU_MB : OPTIONS.memory.default),
  );

/** The job's limits with the person's own on top. `label` names a flag in messages. */
export function settingsOf(job: Job, own: Limits & { prefetch?: number } = {}): Settings {
  const { stages } = job;
  if (stages === undefined) return oneStage(job, own);
  const each = stages.map(({ limits }, at) => {
    const prefetch = own.prefetch ?? (own.workers === undefined ? limits?.prefetch : undefined);
    return oneStage(stageJob(job, at), { ...own, ...(prefetch === undefined ? {} : { prefetch }) });
  });
  const [first] = each as [Settings];
  return {
    ...first,
    stages: stages.map(({ name }, at) => {
      const { concurrency, workers, prefetch, chunk, itemTimeoutMs, ...rest } = each[
        at
      ] as Settings;
      const { tries, retryBaseMs, retryMaxMs } = rest;
      return {
        name,
        ...(isGroupBy(job, at) ? { groupBy: true as const } : {}),
        ...{ concurrency, workers, prefetch, chunk, itemTimeoutMs },
        ...{ tries, retryBaseMs, retryMaxMs },
      };
    }),
  };
}

function oneStage(job: Job, own: Limits & { prefetch?: number }): Settings {
  const limits = { ...job.limits, ...definedOnly(own) };
  const pick = (name: 'concurrency' | 'workers' | 'chunk' | 'maxRecordBytes', fallback?: number) =>
    checkOption(OPTIONS[name], limits[name] ?? fallback ?? OPTIONS[name].default);
  const duration = (option: OptionRow, text: string | undefined): number =>
    text === undefined ? option.default : inBounds(option, parseDuration(option.name, text), text);
  const workers = pick('workers');
  const tolerate = toleranceOf(limits.tolerateFailures);
  return {
    concurrency: pick('concurrency', job.cpu ? 1 : undefined),
    workers,
    prefetch: own.prefetch === undefined ? workers : checkOption(OPTIONS.prefetch, own.prefetch),
    chunk: pick('chunk'),
    chunkBytes: OPTIONS.chunkBytes.default,
    itemTimeoutMs: duration(OPTIONS.itemTimeout, limits.itemTimeout),
    maxRecordBytes: pick('maxRecordBytes'),
    tries: checkOption(OPTIONS.tries, job.retry?.tries ?? OPTIONS.tries.default),
    retryBaseMs: duration(OPTIONS.retryBase, job.retry?.base),
    retryMaxMs: duration(OPTIONS.retryMax, job.retry?.max),
    ...(tolerate ? { tolerate } : {}),
  };
}

/** Chunks that may be released and not committed; a cap of 1 is held by a window of 1. */
export const windowOf = (settings: Pick<Settings, 'workers' | 'prefetch'>): number =>
  settings.workers === 1 ? 1 : settings.workers + settings.prefetch;

function inBounds(option: OptionRow, ms: number, text: string): number {
  if (ms >= option.min && ms <= option.max) return ms;
  throw new SluiceError(
    'USAGE',
    `${option.name} must be from ${option.min} to ${option.max} ${option.unit}; got '${text}'.`,
    { hint: `Why this bound: ${option.why}.` },
  );
}

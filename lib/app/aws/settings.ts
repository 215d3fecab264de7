import { SluiceError } from '../../core/errors.ts';

/** What the stack tells a function through its environment. */
export interface CloudSettings {
  table: string;
  /** Buckets. */
  reports: string;
  uploads: string;
  /** Queue URLs by `orchestrator` and `<job>/<stage>`. */
  queues: Readonly<Record<string, string>>;
  /** A worker starts no item after so much of its own time; the other functions have all they are given. */
  budgetMs: number;
  /** Records of finished batches are kept so long; undefined = for ever. */
  keepMs: number | undefined;
  /** Batches leave the list so long after their last failure was resolved; undefined = never. */
  purgeResolvedMs: number | undefined;
  /** Names in Secrets Manager by the job's own names of its secrets. */
  secrets: Readonly<Record<string, string>>;
  /** Deployed without reserved concurrency. */
  unreserved: boolean;
  /** How many times faster than deployed an emulated cloud runs: time-outs and budgets are divided by it. */
  speed: number;
  /** How far this function's clock is off in an emulated cloud, ms; 0 when deployed. */
  clockOffsetMs: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const STAGE = /^SLUICE_STAGE_([A-Z0-9_]+)_(\d+)$/;
const DAY_MS = 86_400_000;

/** Throws a SluiceError `USAGE` that names the variable which is missing or out of its bounds. */
export function cloudSettings(env: Env): CloudSettings {
  const queues: Record<string, string> = { orchestrator: required(env, 'SLUICE_INBOX') };
  for (const [name, url] of Object.entries(env)) {
    const [, job, stage] = STAGE.exec(name) ?? [];
    if (job !== undefined && url !== undefined) {
      queues[`${job.toLowerCase().replaceAll('_', '-')}/${stage}`] = url;
    }
  }
  const keepDays = number(env, 'SLUICE_KEEP_DAYS', undefined);
  const resolvedDays = number(env, 'SLUICE_PURGE_RESOLVED_DAYS', undefined);
  return {
    table: required(env, 'SLUICE_TABLE'),
    reports: required(env, 'SLUICE_REPORTS'),
    uploads: required(env, 'SLUICE_UPLOADS'),
    queues,
    budgetMs: number(env, 'SLUICE_BUDGET_MS', Number.POSITIVE_INFINITY),
    keepMs: keepDays === undefined ? undefined : keepDays * DAY_MS,
    purgeResolvedMs: resolvedDays === undefined ? undefined : resolvedDays * DAY_MS,
    secrets: names(env, 'SLUICE_SECRETS'),
    unreserved: env['SLUICE_UNRESERVED'] === '1',
    speed: number(env, 'SLUICE_SPEED', 1),
    clockOffsetMs: offset(env, 'SLUICE_CLOCK_OFFSET_MS'),
  };
}

function required(env: Env, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new SluiceError('USAGE', `The environment variable ${name} is not set.`, {
    hint: 'The stack sets it; a function that is deployed by other means needs it too.',
  });
}

function number<D>(env: Env, name: string, fallback: D): number | D {
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new SluiceError(
    'USAGE',
    `The environment variable ${name} must be a number above 0; got '${text}'.`,
  );
}

function offset(env: Env, name: string): number {
  const value = Number(env[name] ?? '0');
  if (Number.isInteger(value)) return value;
  throw new SluiceError(
    'USAGE',
    `The environment variable ${name} must be a whole number of milliseconds; got '${env[name]}'.`,
  );
}

function names(env: Env, name: string): Record<string, string> {
  const text = env[name];
  if (!text) return {};
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch (error) {
    throw new SluiceError('USAGE', `The environment variable ${name} is no JSON object.`, {
      cause: error,
    });
  }
}

import { SluiceError } from './errors.ts';
import type { Group, GroupByContext } from './group.ts';
import type { Job, JobContext, Limits, Retry } from './job.ts';
import type { Result } from './outcome.ts';
import { type EachStep, isGroup, type Step } from './step.ts';

/** What one stage may use; what it leaves out is the job's. */
export interface StageLimits
  extends Pick<
    Limits,
    'concurrency' | 'workers' | 'chunk' | 'itemTimeout' | 'memory' | 'callsPerItem'
  > {
  /** Chunks released beyond the workers, 0 to 1000; default: as many as workers. */
  prefetch?: number;
}

export interface StageParts {
  /** Lower-case letters, digits and dashes; at most 40 characters, and no two stages of a job alike. */
  name: string;
  limits?: StageLimits;
  retry?: Retry;
  /** CPU-bound: may run in worker threads. Default: what the job says. */
  cpu?: boolean;
}

export interface EachDefinition<A, B, O> extends StageParts {
  /** Names the item in its outcome; default: its index in the stage. The first stage's is the job's `key`. */
  key?(row: A): string;
  process(row: A, context: JobContext<O>): Result<B> | Promise<Result<B>>;
}

/** An `each` stage of a single group, or of several steps: each takes what the one before gives. */
export interface SteppedStage<A, B, O, S = readonly [Step<A, B, O>]> extends StageParts {
  key?(row: A): string;
  steps: S;
}

/** A stage as `each` and `groupBy` return it: recognised by `sluice`, since bundles do not share classes. */
export interface Stage<A = unknown, B = unknown, O = Record<string, unknown>> extends StageParts {
  readonly sluice: 'each/1' | 'groupBy/1';
  /** Of `groupBy`: the group of a row. */
  key?(row: A): string;
  process?(row: A, context: JobContext<O>): Result<B> | Promise<Result<B>>;
  readonly steps?: readonly Step<A, B, O>[];
  /** Of `groupBy` alone. */
  group?(group: Group<A>, context: GroupByContext<O>): Result<B> | Promise<Result<B>>;
}

/**
 * A stage that works rows one by one. What an item gives as ok is the next stage's item (`ok.many`: its
 * items), in input order; the next stage begins while this one still works.
 *
 * @example
 * each({ name: 'extract', process: async (file: string) => ok(await readTags(file)) })
 */
export function each<A, B, O = Record<string, unknown>>(
  definition: EachDefinition<A, B, O>,
): Stage<A, B, O>;
export function each<A, B, O = Record<string, unknown>>(
  definition: SteppedStage<A, B, O>,
): Stage<A, B, O>;
export function each<A, M, B, O = Record<string, unknown>>(
  definition: SteppedStage<A, B, O, readonly [Step<A, M, O>, Step<NoInfer<M>, B, O>]>,
): Stage<A, B, O>;
export function each<A, M, N, B, O = Record<string, unknown>>(
  definition: SteppedStage<
    A,
    B,
    O,
    readonly [Step<A, M, O>, Step<NoInfer<M>, N, O>, Step<NoInfer<N>, B, O>]
  >,
): Stage<A, B, O>;
export function each(definition: object): unknown {
  return { ...definition, sluice: 'each/1' };
}

/** Queues, functions and records of a job grow with it. */
const MAX_STAGES = 10;
const STAGE_NAME = /^[a-z][a-z0-9-]{0,39}$/;

/** Throws `BAD_JOB` that names the stage and what is wrong with it. */
export function checkStages(job: string, stages: unknown): void {
  const wrong = stagesProblem(stages);
  if (wrong !== undefined) throw new SluiceError('BAD_JOB', `Job ${job}: ${wrong}.`);
}

function stagesProblem(stages: unknown): string | undefined {
  if (!Array.isArray(stages) || stages.length < 1 || stages.length > MAX_STAGES) {
    const got = Array.isArray(stages) ? stages.length : typeof stages;
    return `stages must be a list of 1 to ${MAX_STAGES} stages; got ${got}`;
  }
  const names = new Set<unknown>();
  for (const [at, stage] of (stages as Partial<Stage>[]).entries()) {
    const problem = stageProblem(stage, at);
    if (problem !== undefined) return problem;
    if (names.has(stage.name)) return `two stages have the name '${stage.name}'`;
    names.add(stage.name);
  }
  return undefined;
}

function stageProblem(stage: Partial<Stage> | undefined, at: number): string | undefined {
  const { sluice, name, process, steps } = stage ?? {};
  if (sluice !== 'each/1' && sluice !== 'groupBy/1')
    return `stage ${at + 1} is neither each({...}) nor groupBy({...})`;
  if (typeof name !== 'string' || !STAGE_NAME.test(name)) {
    return `the name of stage ${at + 1} must be lower-case letters, digits and dashes, at most 40 characters; got ${JSON.stringify(name)}`;
  }
  if (sluice === 'groupBy/1') return groupByProblem(stage as Stage, at);
  const fine = (step: Step): boolean => typeof step === 'function' || isGroup(step);
  const stepped = Array.isArray(steps) && steps.length > 0 && steps.every(fine);
  if ((typeof process === 'function') === stepped) {
    return `stage '${name}' needs one of process(row, ctx) and a list of steps`;
  }
  return undefined;
}

function groupByProblem({ name, key, group }: Stage, at: number): string | undefined {
  if (at === 0)
    return `stage '${name}' is a groupBy: put an each({...}) before it that gives its rows`;
  if (typeof key === 'function' && typeof group === 'function') return undefined;
  return `groupBy '${name}' needs key(row) and process(group, ctx)`;
}

/** Whether a stage's items are groups. */
export const isGroupBy = ({ stages }: Pick<Job, 'stages'>, stage: number): boolean =>
  stages?.[stage]?.sluice === 'groupBy/1';

export const stageCountOf = ({ stages }: Pick<Job, 'stages'>): number => stages?.length ?? 1;

/** One stage as a job of its own: what an attempt of it runs, and what its settings and function are made of. */
export function stageJob(job: Job, number: number): Job {
  const { stages, ...parts } = job;
  const stage = stages?.[number];
  if (stage === undefined) return job;
  const key =
    stage.sluice === 'groupBy/1'
      ? (group: unknown) => (group as Group).key
      : stage.key?.bind(stage);
  const { name, limits, retry = job.retry, cpu = job.cpu } = stage;
  const { prefetch: _prefetch, ...own } = limits ?? {};
  const { process: _process, steps: _steps, key: _key, retry: _retry, cpu: _cpu, ...rest } = parts;
  return {
    ...rest,
    // Each stage draws its own random numbers, also for a row that goes through as it is.
    ...(number === 0 ? {} : { name: `${job.name}/${name}` }),
    ...(number === 0 ? {} : { input: { ...job.input, schema: undefined } }),
    ...withDefined({ key: number === 0 ? (key ?? job.key?.bind(job)) : key, retry, cpu }),
    // Which of the stages calls is not known: slots are leased ahead only where a stage says so.
    limits: { ...(job.quotas === undefined ? {} : { callsPerItem: 0 }), ...job.limits, ...own },
    ...(stage.steps === undefined
      ? { process: (stage.group ?? stage.process)?.bind(stage) as EachStep }
      : { steps: stage.steps }),
  };
}

type Defined<T> = { [K in keyof T]?: NonNullable<T[K]> };
const withDefined = <T extends object>(object: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as Defined<T>;

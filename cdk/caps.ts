import { SluiceError } from '../lib/core/errors.ts';
import type { BundledJob, StageLimits } from './jobs.ts';
import { pascalOf } from './names.ts';

/** AWS Lambda ends a function after 900 s ("Lambda quotas"). */
export const MAX_TIMEOUT_S = 900;
/** Beyond budget and item: load the job, write the part, commit, settle. */
const MARGIN_S = 10;
/** AWS: "at least six times" the time-out ("Creating and configuring an Amazon SQS event source mapping"). */
export const VISIBILITY_FACTOR = 6;
/** An event source takes 2 to 1000 ("AWS::Lambda::EventSourceMapping ScalingConfig"). */
const MIN_CONCURRENCY = 2;
const MAX_CONCURRENCY = 1000;
/** AWS keeps so many executions for functions that reserve none ("PutFunctionConcurrency"). */
const UNRESERVED = 100;
/** A function's environment holds 4 KB ("Lambda quotas"); the URL of a queue and its name take about 120 bytes. */
const MAX_STAGES = 30;

/** The numbers of one function and its queue, in seconds and executions. */
export interface Caps {
  timeoutS: number;
  visibilityS: number;
  /** Undefined: none is reserved. */
  reserved: number | undefined;
  maxConcurrency: number;
}

/**
 * Caps of a stage: time-out = budget + steps x itemTimeout + 10 s, visibility 6 x that, reserved concurrency =
 * the job's workers, maximum concurrency of the event source = the same, but at least 2.
 */
export function stageCaps(
  { workers, itemTimeoutMs, steps = 1 }: StageLimits,
  { job, budgetMs, reserve }: { job: string; budgetMs: number; reserve: boolean },
): Caps {
  const timeoutS = Math.ceil((budgetMs + steps * itemTimeoutMs) / 1000) + MARGIN_S;
  if (timeoutS > MAX_TIMEOUT_S) {
    const times = steps === 1 ? '' : `${steps} steps x `;
    throw new SluiceError(
      'USAGE',
      `budget ${budgetMs / 1000} s + ${times}itemTimeout ${itemTimeoutMs / 1000} s of job ${job} + ${MARGIN_S} s are a time-out of ${timeoutS} s; AWS Lambda allows ${MAX_TIMEOUT_S} s.`,
      {
        hint: `Lower 'budget' of the stack or 'itemTimeout' in the limits of job ${job}. Work that takes longer belongs into ctx.poll, which waits between functions (docs/polling.md).`,
      },
    );
  }
  return {
    timeoutS,
    visibilityS: timeoutS * VISIBILITY_FACTOR,
    reserved: reserve ? workers : undefined,
    maxConcurrency: Math.max(MIN_CONCURRENCY, workers),
  };
}

/** A function with its queue, as the template will have them. */
export interface Deployed {
  /** Logical id of the function, and of the queue it consumes. */
  name: string;
  queue: string;
  timeoutS: number;
  visibilityS: number;
  reserved: number | undefined;
  maxConcurrency: number | undefined;
  maxReceives: number | undefined;
  recursiveLoop: string | undefined;
}

/** One sentence for each unsafe mix: it names both settings, their values, and what to do. */
export function unsafeMixes(deployed: readonly Deployed[], accountConcurrency?: number): string[] {
  return [...deployed.flatMap(mixesOf), ...accountMix(deployed, accountConcurrency)];
}

function mixesOf(one: Deployed): string[] {
  const { name, queue, timeoutS, visibilityS, reserved, maxConcurrency, maxReceives } = one;
  const faults: string[] = [];
  if (timeoutS > MAX_TIMEOUT_S) {
    faults.push(
      `Timeout ${timeoutS} s of ${name} is more than AWS Lambda's ${MAX_TIMEOUT_S} s: lower 'budget' or the job's 'itemTimeout'.`,
    );
  }
  if (visibilityS < VISIBILITY_FACTOR * timeoutS) {
    faults.push(
      `VisibilityTimeout ${visibilityS} s of ${queue} is less than ${VISIBILITY_FACTOR} x Timeout ${timeoutS} s of ${name}, so a message returns while it may still be worked on: set it to ${VISIBILITY_FACTOR * timeoutS} s or more, or lower the time-out.`,
    );
  }
  faults.push(...capMixes(one));
  if (maxConcurrency === undefined) {
    faults.push(
      `${name} has no MaximumConcurrency on ${queue}, so throttled receives (reserved concurrency ${reserved ?? 'none'}) move good messages to the dead-letter queue: set it to max(2, cap).`,
    );
  }
  if (maxReceives === undefined || maxReceives < 5) {
    faults.push(
      `maxReceiveCount ${maxReceives ?? 'none'} of ${queue} leaves no room for receives that ${name} never saw (throttles, time-outs): set it to 5 or more.`,
    );
  }
  if (one.recursiveLoop !== 'Allow') {
    faults.push(
      `RecursiveLoop ${one.recursiveLoop ?? 'Terminate'} of ${name} ends a batch after 16 hops through ${queue}: set it to Allow.`,
    );
  }
  return faults;
}

function capMixes({ name, queue, reserved, maxConcurrency }: Deployed): string[] {
  const cap = reserved ?? maxConcurrency;
  if (cap === undefined) return [];
  if (!Number.isInteger(cap) || cap < 1 || cap > MAX_CONCURRENCY) {
    return [
      `The cap of ${name} must be a whole number from 1 to ${MAX_CONCURRENCY}; got ${cap}: set 'workers' in the job's limits.`,
    ];
  }
  if (reserved === undefined || maxConcurrency === undefined) return [];
  if (maxConcurrency > Math.max(MIN_CONCURRENCY, reserved)) {
    return [
      `MaximumConcurrency ${maxConcurrency} on ${queue} is more than ReservedConcurrentExecutions ${reserved} of ${name}, so receives are throttled until good messages land in the dead-letter queue: make both ${Math.max(MIN_CONCURRENCY, reserved)}, or raise the reserved concurrency.`,
    ];
  }
  return [];
}

function accountMix(deployed: readonly Deployed[], account: number | undefined): string[] {
  if (account === undefined) return [];
  const reserved = deployed.reduce((sum, one) => sum + (one.reserved ?? 0), SWEEPERS);
  if (deployed.every((one) => one.reserved === undefined)) return [];
  if (reserved + UNRESERVED <= account) return [];
  const parts = deployed.map((one) => `${one.name} ${one.reserved ?? 0}`).join(', ');
  return [
    `The stack reserves ${reserved} executions (${parts}, Sweeper ${SWEEPERS}), but accountConcurrency ${account} allows ${Math.max(0, account - UNRESERVED)}, since AWS keeps ${UNRESERVED} unreserved: lower 'workers' in the jobs' limits, ask AWS for a higher quota, or deploy with reserve=false.`,
  ];
}

/** Two sweeps at once would only do the same work twice. */
export const SWEEPERS = 1;

/** Refuses jobs whose logical ids would meet, and more stages than an environment can name. */
export function checkJobs(jobs: readonly BundledJob[]): void {
  if (jobs.length === 0) {
    throw new SluiceError('USAGE', 'jobs is empty: a stack needs at least one job.', {
      hint: 'Give built-in names or paths of job files, such as -c jobs=odds,./my-job.ts.',
    });
  }
  const stages = jobs.reduce((sum, job) => sum + job.stages.length, 0);
  if (stages > MAX_STAGES) {
    throw new SluiceError(
      'USAGE',
      `jobs have ${stages} stages in all; a stack holds ${MAX_STAGES} (the URLs of their queues fill a function's 4 KB of environment).`,
      { hint: 'Deploy several stacks, each with its own jobs and its own name (-c stack=...).' },
    );
  }
  const owners = new Map<string, string>();
  for (const { name, stages: own } of jobs) {
    own.forEach((_, stage) => {
      const id = `${pascalOf(name)}${stage}`;
      const other = owners.get(id);
      if (other !== undefined) {
        throw new SluiceError(
          'USAGE',
          other === name
            ? `jobs: two jobs are named '${name}'.`
            : `jobs '${other}' and '${name}' would both be called ${id} in the template.`,
          { hint: 'Rename one of them.' },
        );
      }
      owners.set(id, name);
    });
  }
}

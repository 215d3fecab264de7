import { type ItemError, toItemError } from '../core/errors.ts';
import { type Job, stepsOf } from '../core/job.ts';
import type { Settings } from '../core/options.ts';
import type { RoundChoice } from '../core/retry.ts';
import type { Stage } from '../core/stage.ts';
import type { EachStep, SqliteFile } from '../core/step.ts';
import { newDeadlines } from '../pool/deadlines.ts';
import { type Pull, runBounded } from '../pool/run-bounded.ts';
import type { Shared } from '../pool/shared.ts';
import type { Clock } from '../ports/clock.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Quotas } from '../ports/quotas.ts';
import type { AttemptSpec, ControlState } from './engine.ts';
import { type Hold, isPutBack } from './hold.ts';
import type { HttpEnv, HttpHost } from './http-env.ts';
import { ItemContext, type SharedContext } from './item-context.ts';
import type { Polls } from './polls.ts';
import type { QuotaGate } from './quota-gate.ts';
import type { RecordSource, Taken } from './record-source.ts';
import { toRow } from './row-text.ts';
import type { Rows } from './rows.ts';
import { type Finished, type ItemRunner, runItem } from './run-item.ts';

/** What an attempt needs of the thread it runs in. */
export interface AttemptEnv {
  clock: Clock;
  /** A number in [0, 1), for jitter. */
  random(): number;
  usage(): { cpuMs: number; rssBytes: number };
  objects: ObjectStore;
  input: Input;
  /** Of a later round: what it runs again, which tells where a later stage finds its list. */
  filter?: RoundChoice | undefined;
  job: Job;
  settings: Settings;
  options: Record<string, unknown>;
  /** Values of the secrets that the job names. */
  secrets: Readonly<Record<string, string>>;
  now: number;
  /** Names of the worker and of its process, for attempts lines. */
  worker: string;
  process: string;
  /** Of one stage: see SharedContext. */
  grouped?: boolean;
  /** The stage as the job has it. */
  by?: Pick<Stage, 'name' | 'key'> | undefined;
  unfit?: SharedContext['unfit'];
  /** Keys that it found in rows for the groupBy behind, by the number of the item: of items that give one row. */
  keys?: ReadonlyMap<number, string>;
  /** Items that ended a thread before: recorded, not run. */
  verdicts?: ReadonlyMap<number, ItemError>;
  /** Told the index of an item before it runs, so that whoever watches knows which one hangs; -1 for a group. */
  starting?(index: number): void;
  /** What the process has for calls of a job with `http`. */
  http?: HttpHost;
  /** Where slots of the job's quotas come from. */
  quotas?: Quotas;
  /** Told while a worker waits for a slot. */
  waiting?(): void;
  /** What the worker holds open from attempt to attempt; without it each attempt opens and closes its own. */
  shared?: Shared;
  /** Opens an SQLite file; absent where there is no lasting disk. */
  sqlite?(path: string): SqliteFile & { close(): void };
}

/** The event loop gets a turn at least this often while items end without ever waiting. */
const YIELD_MS = 25;

/** How an attempt's rows are run; `work` returns why a step is there for no row. */
export interface AttemptRun {
  work(until: number, state: () => ControlState): Promise<string | undefined>;
  close?(): void;
}

export interface RunParts {
  rows: Rows;
  source: RecordSource;
  gate: QuotaGate | undefined;
  http: HttpEnv | undefined;
  hold: Hold;
  polls: Polls;
}

/** Rows one by one through the only step. */
export function newItemRun(env: AttemptEnv, spec: AttemptSpec, parts: RunParts): AttemptRun {
  const item = itemWorker(env, spec, parts);
  const concurrency = spec.careful ? 1 : env.settings.concurrency;
  return {
    async work(until, state) {
      await runBounded(pullOf(parts, spec, { until, state }), concurrency, item);
      return parts.hold.blocked();
    },
  };
}

/** What is to run next: records, and items whose remote is to be asked, as slots of quotas allow. */
export function pullOf(
  { source, gate, hold, polls }: RunParts,
  { range }: AttemptSpec,
  { until, state }: { until: number; state: () => ControlState },
): Pull<Taken> {
  const goes = (): boolean => hold.free() && state() === 'go';
  const pull = polls.pull(source.pull(until, goes), goes, until === range.count);
  return gate?.pull(pull, state) ?? pull;
}

/** What all items of an attempt share. */
export function sharedOf(
  { job, now, options, secrets, clock, waiting, grouped, unfit }: AttemptEnv,
  { id }: AttemptSpec,
  { gate, http, polls }: Pick<RunParts, 'gate' | 'http' | 'polls'>,
): SharedContext {
  const name = `${id.batch}/${id.round}/${id.stage}`;
  const polling = job.cpu === true ? undefined : { polls, clock, name, waiting };
  const quotas = gate?.env;
  const own = { job: job.name, grouped, unfit };
  return { ...own, now, options, secrets, clock, quotas, http, polling };
}

/** Returns the function that works one record and puts its row. */
function itemWorker(
  env: AttemptEnv,
  spec: AttemptSpec,
  parts: RunParts,
): (taken: Taken) => void | Promise<void> {
  const { clock, job, settings } = env;
  const { rows, polls } = parts;
  const shared = sharedOf(env, spec, parts);
  const [process] = stepsOf(job) as [EachStep];
  const runner: ItemRunner = {
    ...{ job, process, settings, clock, random: env.random },
    deadlines: newDeadlines(clock),
  };
  const zero = clock.monotonic();
  const zeroWall = clock.now();
  let lastYield = zero;
  const turn = (endedAt: number): Promise<void> | undefined => {
    if (endedAt - lastYield < YIELD_MS) return undefined;
    lastYield = endedAt;
    return clock.yield();
  };

  return (taken) => {
    const { index } = taken;
    if (!polls.admits(taken)) return undefined;
    const verdict = env.verdicts?.get(index);
    const unreadable = taken.error ?? verdict;
    if (unreadable !== undefined) {
      rows.put(taken.position, failedRow(env, taken, unreadable));
      return undefined;
    }
    env.starting?.(index);
    const context = new ItemContext(shared, index, taken.raw);
    context.lent = taken.lent;
    context.place = taken.position;
    context.remotes = taken.remotes;
    polls.begin();
    const startedAt = clock.monotonic();
    const done = (finished: Finished): void | Promise<void> => {
      const endedAt = clock.monotonic();
      const putBack = isPutBack(taken, { context, finished }, parts);
      polls.end();
      if (putBack) return turn(endedAt);
      const at = startedAt - zero;
      const since = sinceOf(polls.since(taken.position), { zero: zeroWall, at });
      const times = { at, endedAt: endedAt - zero, since };
      const remotes = polls.remotes(taken.position);
      rows.put(taken.position, toRow({ taken, context, finished, times, remotes }));
      // Also behind a promise: that of an async function that never waits gives the event loop no turn.
      return turn(endedAt);
    };
    return runItem(runner, { row: taken.row, context, done });
  };
}

/** When an item's remote took the work, in ms of an attempt that began at `zero`, if that was before it ran last. */
export const sinceOf = (
  submittedAt: number | undefined,
  { zero, at }: { zero: number; at: number },
): number | undefined => (submittedAt === undefined ? undefined : Math.min(at, submittedAt - zero));

/** A row for an item that is recorded as failed without being run. */
export function failedRow(
  env: AttemptEnv,
  taken: Taken,
  error: ItemError,
): ReturnType<typeof toRow> {
  const context = new ItemContext(
    {
      ...{ job: env.job.name, grouped: env.grouped, now: env.now, options: {}, secrets: {} },
      clock: env.clock,
    },
    taken.index,
    taken.raw,
  );
  let key: string | null = null;
  try {
    if (taken.error === undefined) key = env.job.key?.(taken.row) ?? String(taken.index);
  } catch (thrown) {
    context.log.warn('key(row) threw', { error: toItemError(thrown).message });
  }
  const finished: Finished = { key, ended: { status: 'failed', error, thrown: undefined } };
  return toRow({ taken, context, finished, times: undefined });
}

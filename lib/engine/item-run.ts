import { type ItemError, toItemError } from '../core/errors.ts';
import { type Job, stepsOf } from '../core/job.ts';
import type { Settings } from '../core/options.ts';
import type { RoundChoice } from '../core/retry.ts';
import type { Stage } from '../core/stage.ts';
import type { EachStep, SqliteFile } from '../core/step.ts';
import { newDeadlines } from '../pool/deadlines.ts';
import { runWorker, type Works } from '../pool/run-bounded.ts';
import type { Shared } from '../pool/shared.ts';
import type { Clock } from '../ports/clock.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Quotas } from '../ports/quotas.ts';
import type { AttemptSpec, Control } from './engine.ts';
import { isPutBack } from './hold.ts';
import type { HttpHost } from './http-env.ts';
import { ItemContext, type SharedContext } from './item-context.ts';
import { type ItemRunner, runnerOf } from './item-runner.ts';
import { pullOf, type RunParts } from './pull-items.ts';
import type { Taken } from './record-source.ts';
import { toRow } from './row-text.ts';
import { type Finished, type Running, runItem } from './run-item.ts';

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
  work(until: number, control: Pick<Control, 'state'>): Promise<string | undefined>;
  close?(): void;
}

/** Rows one by one through the only step. */
export function newItemRun(env: AttemptEnv, spec: AttemptSpec, parts: RunParts): AttemptRun {
  const items = new Items(env, spec, parts);
  const concurrency = spec.careful ? 1 : env.settings.concurrency;
  return {
    async work(until, control) {
      await runWorker(pullOf(parts, spec, { until, control }), concurrency, items);
      return parts.hold.blocked();
    },
  };
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
  return { job: job.name, grouped, unfit, now, options, secrets, clock, quotas, http, polling };
}

/**
 * The items of one attempt. Classes, as those that it needs by the row: V8 lets go of the optimised code of closures at the first full
 * collection that finds none of them alive, and each attempt's were compiled anew.
 */
class Items implements Works<Taken> {
  readonly clock: AttemptEnv['clock'];
  readonly parts: RunParts;
  readonly zero: number;
  readonly zeroWall: number;
  readonly #env: AttemptEnv;
  readonly #shared: SharedContext;
  readonly #runner: ItemRunner;
  #yieldedAt: number;

  constructor(env: AttemptEnv, spec: AttemptSpec, parts: RunParts) {
    const { clock } = env;
    const [process] = stepsOf(env.job) as [EachStep];
    this.clock = clock;
    this.parts = parts;
    this.zero = clock.monotonic();
    this.zeroWall = clock.now();
    this.#env = env;
    this.#shared = sharedOf(env, spec, parts);
    this.#runner = runnerOf({ ...env, deadlines: newDeadlines(clock) }, process);
    this.#yieldedAt = this.zero;
  }

  work(taken: Taken): void | Promise<void> {
    const env = this.#env;
    const { polls, rows } = this.parts;
    if (!polls.admits(taken)) return undefined;
    const unreadable = taken.error ?? env.verdicts?.get(taken.index);
    if (unreadable !== undefined) {
      rows.put(taken.position, failedRow(env, taken, unreadable));
      return undefined;
    }
    env.starting?.(taken.index);
    const context = contextOf(this.#shared, taken);
    polls.begin();
    return runItem(this.#runner, new Item(this, taken, context));
  }

  /** Also behind a promise: that of an async function that never waits gives the event loop no turn. */
  turn(endedAt: number): Promise<void> | undefined {
    if (endedAt - this.#yieldedAt < YIELD_MS) return undefined;
    this.#yieldedAt = endedAt;
    return this.clock.yield();
  }
}

/** An item that runs. */
class Item implements Running<void> {
  row: unknown;
  readonly context: ItemContext;
  readonly #items: Items;
  readonly #taken: Taken;
  readonly #startedAt: number;

  constructor(items: Items, taken: Taken, context: ItemContext) {
    this.row = taken.row;
    this.context = context;
    this.#items = items;
    this.#taken = taken;
    this.#startedAt = items.clock.monotonic();
  }

  done(finished: Finished): void | Promise<void> {
    const items = this.#items;
    const taken = this.#taken;
    const { context } = this;
    const { rows, polls } = items.parts;
    const endedAt = items.clock.monotonic();
    const putBack = isPutBack(taken, { context, finished }, items.parts);
    polls.end();
    if (putBack) return items.turn(endedAt);
    const at = this.#startedAt - items.zero;
    const since = sinceOf(polls.since(taken.position), { zero: items.zeroWall, at });
    const times = { at, endedAt: endedAt - items.zero, since };
    const remotes = polls.remotes(taken.position);
    rows.put(taken.position, toRow({ taken, context, finished, times, remotes }));
    return items.turn(endedAt);
  }
}

export function contextOf(shared: SharedContext, taken: Taken): ItemContext {
  const context = new ItemContext(shared, taken.index, taken.raw);
  context.lent = taken.lent;
  context.place = taken.position;
  context.remotes = taken.remotes;
  return context;
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

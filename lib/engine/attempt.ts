import { type ItemError, toItemError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import type { Settings } from '../core/options.ts';
import { runBounded } from '../pool/run-bounded.ts';
import type { Clock } from '../ports/clock.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Attempt, AttemptSpec, Control, ControlState } from './engine.ts';
import { ItemContext, type SharedContext } from './item-context.ts';
import { getPart, trailerOf } from './read-part.ts';
import { newRecordSource, type Taken } from './record-source.ts';
import { withoutSecrets } from './redact.ts';
import { toRow } from './row-text.ts';
import { newRows, type Rows } from './rows.ts';
import { type Finished, type ItemRunner, runItem } from './run-item.ts';

/** What an attempt needs of the thread it runs in. */
export interface AttemptEnv {
  clock: Clock;
  /** A number in [0, 1), for jitter. */
  random(): number;
  usage(): { cpuMs: number; rssBytes: number };
  objects: ObjectStore;
  input: Input;
  job: Job;
  settings: Settings;
  options: Record<string, unknown>;
  /** Values of the secrets that the job names. */
  secrets: Readonly<Record<string, string>>;
  now: number;
  /** Names of the worker and of its process, for attempts lines. */
  worker: string;
  process: string;
  /** Items that ended a thread before: recorded, not run. */
  verdicts?: ReadonlyMap<number, ItemError>;
  /** Told the index of an item before it runs, so that whoever watches knows which one hangs. */
  starting?(index: number): void;
}

/** The event loop gets a turn at least this often while items end without ever waiting. */
const YIELD_MS = 25;

/** Opens an attempt that runs in this very thread. */
export async function openAttempt(
  env: AttemptEnv,
  spec: AttemptSpec,
  control: Control,
): Promise<Attempt> {
  const saved = spec.saved === undefined ? undefined : await getPart(env.objects, spec.saved);
  const written = newRows({
    first: spec.range.first,
    worker: env.worker,
    process: env.process,
    startedAt: Math.floor(env.clock.now()),
    saved: saved && { part: saved, trailer: trailerOf(spec.saved as string, saved) },
  });
  const rows = withoutSecrets(written, env.secrets);
  const source = newRecordSource(env.input, spec.range, rows.cursor);
  const item = itemWorker(env, { rows, first: spec.range.first });
  const concurrency = spec.careful ? 1 : env.settings.concurrency;
  return {
    async work(until) {
      let state: ControlState = 'go';
      const go = (): boolean => {
        if (state === 'go') state = control.state();
        return state === 'go';
      };
      await runBounded(source.pull(until, go), concurrency, item);
      return { cursor: rows.cursor, state };
    },
    async fail(error) {
      const step = await source.pull(rows.cursor + 1, () => true).next();
      if (step.done) throw new Error(`Nothing to fail at ${rows.cursor} of ${spec.range.count}.`);
      rows.put(step.value.position, failedRow(env, spec.range.first, { taken: step.value, error }));
    },
    async notRun() {
      for (let at = rows.cursor; at < spec.range.count; at += 1) {
        rows.put(at, notRunRow(spec.range.first + at));
      }
    },
    async write(key) {
      const { body, counts, codes } = rows.toPart(env.usage());
      await env.objects.put(key, body);
      return { bytes: body.reduce((sum, piece) => sum + piece.length, 0), counts, codes };
    },
    close: source.close,
  };
}

/** Returns the function that works one record and puts its row. */
function itemWorker(
  env: AttemptEnv,
  { rows, first }: { rows: Rows; first: number },
): (taken: Taken) => void | Promise<void> {
  const { clock, job, settings } = env;
  const { now, options, secrets } = env;
  const shared: SharedContext = { job: job.name, now, options, secrets, clock };
  const runner: ItemRunner = { job, settings, clock, random: env.random };
  const zero = clock.monotonic();
  let lastYield = zero;

  return (taken) => {
    const index = first + taken.position;
    const verdict = env.verdicts?.get(index);
    const unreadable = taken.error ?? verdict;
    if (unreadable !== undefined) {
      rows.put(taken.position, failedRow(env, first, { taken, error: unreadable }));
      return undefined;
    }
    env.starting?.(index);
    const context = new ItemContext(shared, index, taken.raw);
    const startedAt = clock.monotonic();
    const finish = (finished: Finished): number => {
      const endedAt = clock.monotonic();
      const times = { at: startedAt - zero, endedAt: endedAt - zero };
      rows.put(taken.position, toRow({ taken, context, finished, times }));
      return endedAt;
    };
    const finished = runItem(runner, taken.row, context);
    if (finished instanceof Promise) return finished.then((done) => void finish(done));
    const endedAt = finish(finished);
    if (endedAt - lastYield < YIELD_MS) return undefined;
    lastYield = endedAt;
    return clock.yield();
  };
}

/** A row for an item that is recorded as failed without being run. */
function failedRow(
  env: AttemptEnv,
  first: number,
  { taken, error }: { taken: Taken; error: ItemError },
): ReturnType<typeof toRow> {
  const context = new ItemContext(
    { job: env.job.name, now: env.now, options: {}, secrets: {}, clock: env.clock },
    first + taken.position,
    taken.raw,
  );
  let key: string | null = null;
  try {
    if (taken.error === undefined) key = env.job.key?.(taken.row) ?? String(first + taken.position);
  } catch (thrown) {
    context.log.warn('key(row) threw', { error: toItemError(thrown).message });
  }
  const finished: Finished = { key, ended: { status: 'failed', error, thrown: undefined } };
  return toRow({ taken, context, finished, times: undefined });
}

const notRunRow = (index: number): ReturnType<typeof toRow> => ({
  status: 'notRun',
  outcome: `{"index":${index},"key":null,"status":"notRun"}\n`,
  error: undefined,
  tries: 0,
  at: 0,
  endedAt: 0,
  extra: undefined,
  log: undefined,
});

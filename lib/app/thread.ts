/**
 * Entry of a worker thread: reader, job and part writer together, so that byte ranges go in and counts
 * come out. Objects that cross a thread border would make two threads slower than one (0.8x to 1.3x,
 * measured; byte ranges 1.8x to 2x).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../adapters/local/clock.ts';
import { localHost } from '../adapters/local/host.ts';
import { localObjectStore } from '../adapters/local/object-store.ts';
import { openSqlite } from '../adapters/local/sqlite.ts';
import type { Job } from '../core/job.ts';
import { openAttempt } from '../engine/attempt.ts';
import type { Attempt, ControlState } from '../engine/engine.ts';
import { newShared } from '../pool/shared.ts';
import type { Quotas, SlotAnswer } from '../ports/quotas.ts';
import { inputOpener } from './input-of.ts';
import { loadJob } from './load-job.ts';
import { localHttp } from './local-http.ts';
import { localSecrets } from './local-secrets.ts';
import { newPuts, type Puts } from './thread-puts.ts';
import {
  type AttemptCall,
  SLOT_BEAT,
  SLOT_INDEX,
  SLOT_STATE,
  STATES,
  type ThreadAnswer,
  type ThreadAsk,
  type ThreadCall,
  type ThreadData,
  type ThreadMet,
  type ThreadNeed,
  type ThreadOpening,
  type WorkedByThread,
  type WrittenByThread,
} from './thread-wire.ts';

const { objects: root, jobFile, worker, process: home, shared } = workerData as ThreadData;
const objects = localObjectStore(root);
const clock = systemClock();
const host = localHost({ id: home });
/** What main allows the attempt of a lane. A class, since it is asked before each row: see Items in item-run.ts. */
class LaneControl {
  readonly #slot: number;

  constructor(lane: number) {
    this.#slot = SLOT_STATE + lane;
  }

  state(): ControlState {
    return STATES[Atomics.load(shared, this.#slot)] ?? 'lost';
  }
}

const held = newShared();
const http = localHttp();
let job: Promise<Job> | undefined;
let known: { text: string; options: Record<string, unknown> } | undefined;
let inputOf: ReturnType<typeof inputOpener> | undefined;
/** An attempt, and what it made until the answer takes it to the main thread: a part, and what goes before it. */
interface Opened {
  attempt: Attempt;
  puts: Puts;
}
const attempts = new Map<number, Opened>();

/** What was asked of main's quota service and is not answered yet. */
const needs = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
let lastNeed = 0;
const ask = <T>(of: ThreadNeed['of']): Promise<T> =>
  new Promise((resolve, reject) => {
    lastNeed += 1;
    needs.set(lastNeed, { resolve, reject });
    parentPort?.postMessage({ need: lastNeed, of } satisfies ThreadNeed);
  });
function arrived({ met, value, error }: ThreadMet): void {
  const need = needs.get(met);
  needs.delete(met);
  if (error === undefined) need?.resolve(value as never);
  else need?.reject(new Error(error));
}
const quotas: Quotas = {
  lease: (wanted) => ask<SlotAnswer>({ op: 'lease', ask: wanted }),
  blocked: ({ plan, key }, waitMs) =>
    ask<void>({ op: 'blocked', ask: { plan, key, calls: 0, withinMs: 0 }, waitMs }),
};

async function answer({ attempt: name, call, opening }: ThreadAsk): Promise<unknown> {
  Atomics.add(shared, SLOT_BEAT, 1);
  if (call.op === 'shut') return Promise.all([held.close(), http.close()]);
  if (opening !== undefined) attempts.set(name, await open(opening));
  const attempt = attempts.get(name);
  if (attempt === undefined) throw new Error(`Attempt ${name} is not open in this thread.`);
  return act(name, attempt, call);
}

async function act(name: number, opened: Opened, call: AttemptCall): Promise<unknown> {
  const { attempt } = opened;
  switch (call.op) {
    case 'work':
      return inTurn(() => work(opened, call));
    case 'fail':
      return attempt.fail(call.error);
    case 'notRun':
      return attempt.notRun();
    case 'write':
      return written(opened, call.key);
    case 'close':
      attempt.close();
      opened.puts.close();
      attempts.delete(name);
      return undefined;
  }
}

/** What was called last to work items; the next call waits for it. */
let lastWork: Promise<unknown> = Promise.resolve();
function inTurn<T>(act: () => Promise<T>): Promise<T> {
  const done = lastWork.then(act);
  lastWork = done.catch(() => undefined);
  return done;
}

async function work(
  opened: Opened,
  { until, finish }: Extract<ThreadCall, { op: 'work' }>,
): Promise<WorkedByThread> {
  const worked = await opened.attempt.work(until);
  const ended = finish !== undefined && worked.cursor === worked.count && worked.state === 'go';
  return { ...worked, part: ended ? await written(opened, finish) : undefined };
}

/** The part goes to the main thread, whose event loop is free: here each step of a put would wait for items. */
async function written({ attempt, puts }: Opened, key: string): Promise<WrittenByThread> {
  const summary = await attempt.write(key);
  const { body, before } = puts.take(key);
  return { summary, body, before };
}

/**
 * Each chunk brings the options as an object of its own. Equal ones are one here: what a job keeps by `ctx.options` was
 * made again for each chunk, which took a tenth of the threads' time in the odds job.
 */
function oneOf(options: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(options);
  if (known?.text !== text) known = { text, options };
  return known.options;
}

async function open({ lane, spec, batch, verdicts }: ThreadOpening): Promise<Opened> {
  const puts = newPuts();
  job ??= loadJob(jobFile);
  const loaded = await job;
  inputOf ??= inputOpener(objects, loaded);
  const env = {
    clock,
    random: host.random,
    usage: host.usage,
    objects: { ...objects, put: puts.put },
    input: await inputOf(batch),
    job: loaded,
    filter: batch.filter,
    settings: batch.settings,
    options: oneOf(batch.options),
    secrets: localSecrets(loaded, process.env),
    now: batch.now,
    worker,
    process: home,
    verdicts: new Map(verdicts),
    shared: held,
    sqlite: openSqlite,
    quotas,
    http,
    waiting: () => void Atomics.add(shared, SLOT_BEAT, 1),
    starting(index: number) {
      Atomics.store(shared, SLOT_INDEX, index);
      Atomics.add(shared, SLOT_BEAT, 1);
    },
  };
  return { attempt: await openAttempt(env, spec, new LaneControl(lane)), puts };
}

parentPort?.on('message', (ask: ThreadAsk | ThreadMet) => {
  if ('met' in ask) return arrived(ask);
  const { id } = ask;
  void answer(ask).then(
    (value) => parentPort?.postMessage({ id, value } satisfies ThreadAnswer),
    (error: Error & { code?: never; hint?: never }) => {
      const { message, code, hint, stack } = error;
      parentPort?.postMessage({ id, fault: { message, code, hint, stack } } satisfies ThreadAnswer);
    },
  );
});

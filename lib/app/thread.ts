/**
 * Entry of a worker thread: reader, job and part writer together, so that byte ranges go in and counts
 * come out. Objects that cross a thread border would make two threads slower than one (0.8x to 1.3x,
 * measured; byte ranges 1.8x to 2x).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../adapters/local/clock.ts';
import { localHost } from '../adapters/local/host.ts';
import { localObjectStore } from '../adapters/local/object-store.ts';
import type { Job } from '../core/job.ts';
import { openAttempt } from '../engine/attempt.ts';
import type { Attempt, ControlState } from '../engine/engine.ts';
import { inputOpener } from './input-of.ts';
import { loadJob } from './job-file.ts';
import {
  SLOT_BEAT,
  SLOT_INDEX,
  SLOT_STATE,
  STATES,
  type ThreadAnswer,
  type ThreadAsk,
  type ThreadCall,
  type ThreadData,
} from './thread-wire.ts';

const { objects: root, jobFile, worker, process: home, shared } = workerData as ThreadData;
const objects = localObjectStore(root);
const clock = systemClock();
const host = localHost({ id: home });
const control = { state: (): ControlState => STATES[Atomics.load(shared, SLOT_STATE)] ?? 'lost' };

let job: Promise<Job> | undefined;
let inputOf: ReturnType<typeof inputOpener> | undefined;
const attempts = new Map<number, Attempt>();

async function answer(name: number, call: ThreadCall): Promise<unknown> {
  Atomics.add(shared, SLOT_BEAT, 1);
  switch (call.op) {
    case 'open':
      attempts.set(name, await open(call));
      return undefined;
    case 'work':
      return opened(name).work(call.until);
    case 'fail':
      return opened(name).fail(call.error);
    case 'notRun':
      return opened(name).notRun();
    case 'write':
      return opened(name).write(call.key);
    case 'close':
      opened(name).close();
      attempts.delete(name);
      return undefined;
  }
}

function opened(name: number): Attempt {
  const attempt = attempts.get(name);
  if (attempt === undefined) throw new Error(`Attempt ${name} is not open in this thread.`);
  return attempt;
}

async function open({
  spec,
  batch,
  verdicts,
}: Extract<ThreadCall, { op: 'open' }>): Promise<Attempt> {
  job ??= loadJob(jobFile);
  const loaded = await job;
  inputOf ??= inputOpener(objects, loaded);
  const env = {
    clock,
    random: host.random,
    usage: host.usage,
    objects,
    input: await inputOf(batch),
    job: loaded,
    settings: batch.settings,
    options: batch.options,
    now: batch.now,
    worker,
    process: home,
    verdicts: new Map(verdicts),
    starting(index: number) {
      Atomics.store(shared, SLOT_INDEX, index);
      Atomics.add(shared, SLOT_BEAT, 1);
    },
  };
  return openAttempt(env, spec, control);
}

parentPort?.on('message', ({ id, attempt, call }: ThreadAsk) => {
  void answer(attempt, call).then(
    (value) => parentPort?.postMessage({ id, value } satisfies ThreadAnswer),
    (error: Error & { code?: never; hint?: never }) => {
      const { message, code, hint, stack } = error;
      parentPort?.postMessage({ id, fault: { message, code, hint, stack } } satisfies ThreadAnswer);
    },
  );
});

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../core/errors.ts';
import { checkOption, OPTIONS } from '../core/options.ts';
import type { ControlState } from '../engine/engine.ts';
import type { Quotas } from '../ports/quotas.ts';
import { threadStarted } from './own-process.ts';
import {
  SLOT_BEAT,
  SLOT_INDEX,
  SLOT_STATE,
  SLOTS,
  STATES,
  type ThreadAnswer,
  type ThreadAsk,
  type ThreadData,
  type ThreadMet,
  type ThreadNeed,
} from './thread-wire.ts';

const here = createRequire(import.meta.url);

/** Heap of one thread: a leak ends the thread, not the machine. */
const heapMb = (): number =>
  checkOption(OPTIONS.threadMb, process.env['SLUICE_THREAD_MB'] ?? OPTIONS.threadMb.default);

/**
 * Of 24, 8 are filled before a collection. Rows die young, so the default (48) takes 3 to 7 % less CPU a row, and holds 30 to
 * 40 MB more on two threads (217 to 276 MB for 250,000 to 5,000,000 no-op items, 198 to 242 with 24); 12 takes more CPU.
 */
const YOUNG_MB = 24;

/** The thread ended while a call was under way: an endless loop that was ended, out of memory, process.exit. */
export class ThreadDied extends Error {
  readonly index: number;
  constructor(index: number, cause: unknown) {
    super('The worker thread died.', { cause });
    this.name = 'ThreadDied';
    this.index = index;
  }
}

/** One worker thread, seen from the main thread. */
export interface ThreadLink {
  call(ask: Omit<ThreadAsk, 'id'>): Promise<unknown>;
  /** Tells the attempt of a lane what it may do. */
  allow(lane: number, state: ControlState): void;
  /** Items started so far; what stands still hangs. */
  beat(): number;
  /** Index of the item that started last. */
  index(): number;
  end(): Promise<void>;
  /** Ends it after it has closed what it holds open. */
  shut(): Promise<void>;
  readonly dead: boolean;
}

/** @param hold all work is in threads: main, and what starts with this one, need no larger young heap than they have */
export function startThread(
  data: Omit<ThreadData, 'shared'>,
  quotas: Quotas,
  hold = false,
): ThreadLink {
  const shared = new Int32Array(new SharedArrayBuffer(SLOTS * 4));
  const worker = new Worker(here.resolve('#thread'), {
    workerData: { ...data, shared } satisfies ThreadData,
    resourceLimits: { maxOldGenerationSizeMb: heapMb(), maxYoungGenerationSizeMb: YOUNG_MB },
    stdout: true,
  });
  worker.once('online', () => worker.once('exit', threadStarted(hold)));
  // What a job prints is no result: stdout is for those.
  worker.stdout.on('data', (text) => process.stderr.write(text));
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let calls = 0;
  let dead = false;
  const die = (cause: unknown): void => {
    dead = true;
    for (const { reject } of waiting.values()) {
      reject(new ThreadDied(Atomics.load(shared, SLOT_INDEX), cause));
    }
    waiting.clear();
  };
  worker.on('message', (answer: ThreadAnswer | ThreadNeed) => {
    if ('need' in answer) {
      void met(quotas, answer).then((value) => worker.postMessage(value));
      return;
    }
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('fault' in answer) call?.reject(toError(answer.fault));
    else call?.resolve(answer.value);
  });
  worker.on('error', die);
  worker.on('exit', die);
  worker.unref();
  const link: ThreadLink = {
    call(ask) {
      if (dead) return Promise.reject(new ThreadDied(Atomics.load(shared, SLOT_INDEX), undefined));
      return new Promise((resolve, reject) => {
        calls += 1;
        waiting.set(calls, { resolve, reject });
        worker.postMessage({ id: calls, ...ask } satisfies ThreadAsk);
      });
    },
    allow: (lane, state) => void Atomics.store(shared, SLOT_STATE + lane, STATES.indexOf(state)),
    beat: () => Atomics.load(shared, SLOT_BEAT),
    index: () => Atomics.load(shared, SLOT_INDEX),
    async end() {
      await worker.terminate();
    },
    async shut() {
      let cancel: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        cancel = setTimeout(resolve, SHUT_MS);
      });
      const shut = link.call({ attempt: 0, call: { op: 'shut' }, opening: undefined });
      await Promise.race([shut.catch(() => undefined), late]);
      clearTimeout(cancel);
      await worker.terminate();
    },
    get dead() {
      return dead;
    },
  };
  return link;
}

/** One quota service a process: a thread asks for its slots here. */
async function met(quotas: Quotas, { need, of }: ThreadNeed): Promise<ThreadMet> {
  try {
    const value =
      of.op === 'lease' ? await quotas.lease(of.ask) : await quotas.blocked(of.ask, of.waitMs);
    return { met: need, value: value ?? undefined, error: undefined };
  } catch (error) {
    return { met: need, value: undefined, error: (error as Error).message };
  }
}

/** A database that does not answer must not hold up the end. */
const SHUT_MS = 2_000;

function toError({
  message,
  code,
  hint,
  stack,
}: Extract<ThreadAnswer, { fault: unknown }>['fault']): Error {
  const error =
    code === undefined
      ? new Error(message)
      : new SluiceError(code, message, hint === undefined ? {} : { hint });
  if (stack !== undefined) error.stack = stack;
  return error;
}

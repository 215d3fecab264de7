import { newSemaphore } from '../pool/semaphore.ts';
import type { StageSeats } from './stage-seats.ts';
import type { ThreadPool } from './thread-pool.ts';

/**
 * Threads pay from about 0.5 s of one-thread work on (measured on 2 vCPUs: 0.94x at 0.36 s, 1.4x at
 * 1.5 s; starting two and warming them costs 50 to 60 ms each).
 */
const BREAK_EVEN_MS = 500;

export type Parallel = 'off' | 'on' | 'auto';

interface Seat {
  threaded: boolean;
  release(): void;
}

/** Who sits on the main thread and who in the pool: stages that are CPU-bound move to it once threads are chosen. */
export interface Seating {
  readonly threaded: boolean;
  take(stage: StageSeats): Promise<Seat>;
  /** Every seat: then nothing else runs in this process. */
  takeAll(stage: StageSeats): Promise<Seat>;
  /** Asks again whether threads pay, where an attempt waits for the main thread. */
  ask(): Promise<void>;
}

export interface SeatingOptions {
  parallel: Parallel;
  pool: Pick<ThreadPool, 'places' | 'acquire'>;
  /** Milliseconds of one-thread work that are left, by what was measured so far; undefined = nothing new is known. */
  remainingMs(): Promise<number | undefined>;
}

export function newSeating(
  stages: readonly StageSeats[],
  { pool, parallel, remainingMs }: SeatingOptions,
): Seating {
  let threaded = parallel === 'on';
  let waiting = 0;
  let choose!: () => void;
  const chosen = new Promise<undefined>((resolve) => {
    choose = () => resolve(undefined);
  });
  const everySlot = gatherer([
    ...stages.map(({ inlineSlots, inline }) => ({ slots: inlineSlots, acquire: inline.acquire })),
    { slots: pool.places, acquire: pool.acquire },
  ]);
  const decide = async (): Promise<void> => {
    const left = await remainingMs();
    if (left === undefined || left <= BREAK_EVEN_MS) return;
    threaded = true;
    choose();
  };
  const onMain = ({ inThreads, ofMain }: StageSeats, release: () => void): Seat => {
    // All are free: nobody is in threads before they are chosen.
    const places = Array.from({ length: ofMain }, () => inThreads.acquire());
    return {
      threaded: false,
      release() {
        release();
        for (const place of places) void place.then((giveBack) => giveBack());
      },
    };
  };
  /** A seat on the main thread; undefined where threads were chosen before there was one. */
  const beforeThreads = async (stage: StageSeats): Promise<Seat | undefined> => {
    // One that comes while another asks has no answer, and sits down here where nobody does: this thread's code is warm, and a new one's is not.
    if (parallel === 'auto') await decide();
    if (threaded) return undefined;
    const seat = stage.inline.acquire();
    waiting += 1;
    // Nothing is chosen later where nobody asks: each race would stay with that promise.
    const release = await (parallel === 'auto' ? Promise.race([seat, chosen]) : seat);
    waiting -= 1;
    if (release !== undefined && !threaded) return onMain(stage, release);
    void seat.then((giveBack) => giveBack());
    return undefined;
  };
  return {
    get threaded() {
      return threaded;
    },
    /** A slot; one that waited for the main thread while threads were chosen goes to them. */
    async take(stage) {
      if (!stage.cpu) return { threaded: false, release: await stage.inline.acquire() };
      const main = threaded ? undefined : await beforeThreads(stage);
      if (main !== undefined) return main;
      // What is furthest goes first: a last stage that has one worker would else wait, each time, for all that wait before it.
      const releases = [await stage.inThreads.acquire(), await pool.acquire(stage.at)];
      return {
        threaded: true,
        release() {
          for (const release of releases) release();
        },
      };
    },
    takeAll: async ({ cpu }) => ({ threaded: threaded && cpu, release: await everySlot() }),
    async ask() {
      if (parallel === 'auto' && !threaded && waiting > 0) await decide();
    },
  };
}

/** Before every stage. */
const FIRST = Number.POSITIVE_INFINITY;

/**
 * Returns what takes every slot: then all else in this process has come to rest, and nothing starts
 * until they are given back. One at a time: two that held half each would wait for ever.
 */
function gatherer(
  kinds: { slots: number; acquire(rank: number): Promise<() => void> }[],
): () => Promise<() => void> {
  const turn = newSemaphore(1);
  return async () => {
    const held = [await turn.acquire()];
    for (const { slots, acquire } of kinds) {
      for (let at = 0; at < slots; at += 1) held.push(await acquire(FIRST));
    }
    return () => {
      for (const giveBack of held.reverse()) giveBack();
    };
  };
}

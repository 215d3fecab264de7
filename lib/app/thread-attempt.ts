import type { ItemError } from '../core/errors.ts';
import { partKey } from '../core/keys.ts';
import { stageSettings } from '../core/stage-settings.ts';
import { CRASHED } from '../engine/careful.ts';
import type { Attempt, AttemptSpec, Control } from '../engine/engine.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { ThreadDied, type ThreadLink } from './thread-link.ts';
import type { ThreadBatch, ThreadCall, WorkedByThread, WrittenByThread } from './thread-wire.ts';

/** How often main copies what an attempt may do, and looks for a hanging item. */
const LOOK_MS = 100;
/** An item ends by its own time-out first; one that still runs this much later blocks its thread. */
const HANG_GRACE_MS = 1_000;
/** An item that a thread died on this often fails; a thread that was ended for hanging fails it at once. */
const MAX_DEATHS = 3;

/** A place in a thread: no two attempts in it have the same lane. */
export interface ThreadPlace {
  thread: ThreadLink;
  lane: number;
}

/** Takes a place in a thread of the pool, and gives it back (or lets the thread go when it died). */
export interface ThreadSeat {
  take(): ThreadPlace;
  release(): void;
}

export interface ThreadAttemptOptions {
  spec: AttemptSpec;
  batch: ThreadBatch;
  control: Control;
  /** Where the main thread stores what the thread made. */
  objects: Pick<ObjectStore, 'put'>;
}

/** Names attempts within the process. */
let attempts = 0;

/**
 * An attempt that runs in a worker thread. When the thread dies, the chunk goes on in a fresh one within
 * the same attempt, one item at a time; the item that the thread was at fails alone.
 */
export function openThreadAttempt(seat: ThreadSeat, options: ThreadAttemptOptions): Attempt {
  const { spec, batch, control, objects } = options;
  const line = newLine(seat, options);
  const limitMs = stageSettings(batch.settings, spec.id.stage).itemTimeoutMs + HANG_GRACE_MS;
  let worked = 0;
  let ready: { key: string; part: WrittenByThread } | undefined;
  let storing: Promise<unknown> | undefined;
  const store = async ({ body, before }: WrittenByThread, key: string): Promise<void> => {
    for (const beside of before) await objects.put(beside.key, beside.body);
    await objects.put(key, body);
  };
  return {
    async work(until) {
      worked = Math.max(worked, until);
      const watch = watchThread(line.place, { control, limitMs });
      // The whole chunk is one call that brings the part along: four calls cost 3 ms of CPU (measured).
      const whole = until === spec.range.count && !spec.careful;
      const finish = whole ? partKey(spec.id, spec.epoch) : undefined;
      try {
        const answer = await line.ask({ op: 'work', until, finish }, { hung: watch.hung });
        const { part, ...done } = answer as WorkedByThread;
        if (finish !== undefined && part !== undefined) ready = { key: finish, part };
        return done;
      } finally {
        watch.end();
      }
    },
    fail: (error) => line.ask({ op: 'fail', error }) as Promise<void>,
    notRun: () => line.ask({ op: 'notRun' }) as Promise<void>,
    async write(key) {
      const part =
        ready?.key === key
          ? ready.part
          : ((await line.ask({ op: 'write', key }, { again: worked })) as WrittenByThread);
      ready = undefined;
      const { summary } = part;
      storing = store(part, key);
      await storing;
      const items = Object.values(summary.counts).reduce((sum, n) => sum + n, 0);
      line.saved(key, items);
      return summary;
    },
    close() {
      // The thread gives the part's memory to another attempt then.
      if (storing === undefined) line.close();
      else void storing.then(line.close, line.close);
    },
  };
}

interface Line {
  place(): ThreadPlace;
  /** Asks the thread, and again in fresh threads until the killer has its verdict. */
  ask(call: ThreadCall, options?: { hung?: () => boolean; again?: number }): Promise<unknown>;
  /** From now on a fresh thread begins with these rows. */
  saved(key: string, items: number): void;
  close(): void;
}

/** The attempt's line to whichever thread has it; the first call of each thread opens the attempt there. */
function newLine(seat: ThreadSeat, { spec, batch, control }: ThreadAttemptOptions): Line {
  attempts += 1;
  const name = attempts;
  const verdicts = new Map<number, ItemError>();
  const deaths = new Map<number, number>();
  let current = spec;
  let place = seat.take();
  let open = false;
  let closed = false;
  const send = (call: ThreadCall): Promise<unknown> => {
    const { thread, lane } = place;
    const opening = open ? undefined : { lane, spec: current, batch, verdicts: [...verdicts] };
    if (!open) thread.allow(lane, control.state());
    open = true;
    return thread.call({ attempt: name, call, opening });
  };
  const judge = (index: number, hung: boolean): void => {
    const times = (deaths.get(index) ?? 0) + 1;
    deaths.set(index, times);
    if (hung || times >= MAX_DEATHS) verdicts.set(index, CRASHED);
  };
  return {
    place: () => place,
    async ask(call, { hung = () => false, again = 0 } = {}) {
      for (let lives = 0; ; lives += 1) {
        try {
          // A fresh thread has none of the rows: they are worked again.
          if (lives > 0 && again > 0) await send({ op: 'work', until: again, finish: undefined });
          return await send(call);
        } catch (error) {
          if (!(error instanceof ThreadDied)) throw error;
          judge(error.index, hung());
          current = { ...current, careful: true };
          place = seat.take();
          open = false;
        }
      }
    },
    saved(key, items) {
      current = { ...current, saved: key, cursor: items };
    },
    close() {
      if (closed) return;
      closed = true;
      if (open) send({ op: 'close' }).catch(() => undefined);
      seat.release();
    },
  };
}

/** While items run: copies the control state to the thread, and ends a thread whose item hangs. */
function watchThread(
  place: () => ThreadPlace,
  { control, limitMs }: { control: Control; limitMs: number },
): { hung(): boolean; end(): void } {
  let seen = { thread: place().thread, beat: place().thread.beat(), at: performance.now() };
  let hung = false;
  const timer = setInterval(() => {
    const { thread: now, lane } = place();
    now.allow(lane, control.state());
    const moved = now !== seen.thread || now.beat() !== seen.beat;
    if (moved) {
      hung = false;
      seen = { thread: now, beat: now.beat(), at: performance.now() };
    } else if (performance.now() - seen.at > limitMs && !hung) {
      hung = true;
      void now.end();
    }
  }, LOOK_MS);
  return {
    hung() {
      const was = hung;
      hung = false;
      seen = { ...seen, at: performance.now() };
      return was;
    },
    end: () => clearInterval(timer),
  };
}

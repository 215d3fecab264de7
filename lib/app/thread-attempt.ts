import type { ItemError } from '../core/errors.ts';
import { CRASHED } from '../engine/careful.ts';
import type { Attempt, AttemptSpec, Control, ControlState, PartSummary } from '../engine/engine.ts';
import { ThreadDied, type ThreadLink } from './thread-link.ts';
import type { ThreadBatch } from './thread-wire.ts';

/** How often main copies what an attempt may do, and looks for a hanging item. */
const LOOK_MS = 100;
/** An item ends by its own time-out first; one that still runs this much later blocks its thread. */
const HANG_GRACE_MS = 1_000;
/** An item that a thread died on this often fails; a thread that was ended for hanging fails it at once. */
const MAX_DEATHS = 3;

/** Takes a thread from the pool, and gives it back (or lets it go when it died). */
export interface ThreadSeat {
  take(): ThreadLink;
  release(): void;
}

/** Names attempts within the process. */
let attempts = 0;

/**
 * An attempt that runs in a worker thread. When the thread dies, the chunk goes on in a fresh one within
 * the same attempt, one item at a time; the item that the thread was at fails alone.
 */
export async function openThreadAttempt(
  seat: ThreadSeat,
  { spec, batch, control }: { spec: AttemptSpec; batch: ThreadBatch; control: Control },
): Promise<Attempt> {
  attempts += 1;
  const name = attempts;
  let current = spec;
  const verdicts = new Map<number, ItemError>();
  const deaths = new Map<number, number>();
  let closed = false;
  let worked = 0;
  let thread = seat.take();
  const open = async (): Promise<void> => {
    thread.allow(control.state());
    await thread.call(name, { op: 'open', spec: current, batch, verdicts: [...verdicts] });
  };
  const judge = (index: number, hung: boolean): void => {
    const times = (deaths.get(index) ?? 0) + 1;
    deaths.set(index, times);
    if (hung || times >= MAX_DEATHS) verdicts.set(index, CRASHED);
  };
  /** Calls again in fresh threads until the killer has its verdict. */
  const survive = async <R>(action: () => Promise<R>, hung: () => boolean): Promise<R> => {
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof ThreadDied)) throw error;
        judge(error.index, hung());
        current = { ...current, careful: true };
        thread = seat.take();
        await open();
      }
    }
  };
  await open();
  return {
    work(until) {
      worked = Math.max(worked, until);
      const watch = watchThread(() => thread, {
        control,
        limitMs: batch.settings.itemTimeoutMs + HANG_GRACE_MS,
      });
      const run = (): Promise<{ cursor: number; state: ControlState }> =>
        thread.call(name, { op: 'work', until }) as ReturnType<Attempt['work']>;
      return survive(run, watch.hung).finally(watch.end);
    },
    fail: (error) =>
      survive(
        () => thread.call(name, { op: 'fail', error }) as Promise<void>,
        () => false,
      ),
    notRun: () =>
      survive(
        () => thread.call(name, { op: 'notRun' }) as Promise<void>,
        () => false,
      ),
    async write(key) {
      const holder = thread;
      const write = async (): Promise<PartSummary> => {
        // A fresh thread has none of the rows: they are worked again.
        if (thread !== holder) await thread.call(name, { op: 'work', until: worked });
        return (await thread.call(name, { op: 'write', key })) as PartSummary;
      };
      const summary = await survive(write, () => false);
      const items = Object.values(summary.counts).reduce((sum, n) => sum + n, 0);
      current = { ...current, saved: key, cursor: items };
      return summary;
    },
    close() {
      if (closed) return;
      closed = true;
      thread.call(name, { op: 'close' }).catch(() => undefined);
      seat.release();
    },
  };
}

/** While items run: copies the control state to the thread, and ends a thread whose item hangs. */
function watchThread(
  thread: () => ThreadLink,
  { control, limitMs }: { control: Control; limitMs: number },
): { hung(): boolean; end(): void } {
  let seen = { thread: thread(), beat: thread().beat(), at: performance.now() };
  let hung = false;
  const timer = setInterval(() => {
    const now = thread();
    now.allow(control.state());
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

import type { Pull } from '../pool/run-bounded.ts';
import type { Clock } from '../ports/clock.ts';
import type { Taken } from './record-source.ts';

/** Polls due within so long are waited for; beyond, the item is parked, and a chunk of nothing else is handed back. */
export const WAIT_MS = 2_000;
/** A sleep is cut into slices: what may still be done is looked at between them, and a clock may jump. */
export const SLICE_MS = 500;

export interface ParkingOptions {
  clock: Clock;
  /** Open polls are items in flight: parked or not, there are never more. */
  concurrency: number;
  /** A parked item may run again within the attempt: not where its group has gone on without it. */
  again: boolean;
  /** Whether an item is to run now. */
  admits(taken: Taken): boolean;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Items that wait for their remotes, and whose turn it is. */
export function newParking({ clock, concurrency, again, admits }: ParkingOptions) {
  const parked = new Map<number, { taken: Taken; until: number }>();
  const { rest, wake } = newSleepers(clock);
  let inFlight = 0;
  /** Given out and not begun; asked of the source and not there yet. */
  let handed = 0;
  let reserved = 0;
  let deferred: number | undefined;
  let toEnd = false;
  // Where parked items do not come again, slots wait in groups: whoever counted them would wait for ever.
  const running = (): number => (again ? inFlight + handed + reserved : 0);
  const firstDue = (): { taken: Taken; until: number } | undefined => {
    let first: { taken: Taken; until: number } | undefined;
    for (const one of parked.values()) if (!first || one.until < first.until) first = one;
    return first;
  };
  return {
    park(taken: Taken, until: number): void {
      parked.set(taken.position, { taken, until });
    },
    begin(): void {
      if (handed > 0) handed -= 1;
      inFlight += 1;
    },
    end(): void {
      inFlight -= 1;
      wake();
    },
    // Also what was parked by the last items to run.
    deferredTo: () => deferred ?? (toEnd ? firstDue()?.until : undefined),
    pull(source: Pull<Taken>, { goes, whole }: { goes: () => boolean; whole: boolean }) {
      let dry = false;
      toEnd = whole;
      const fromSource = async (): Promise<IteratorResult<Taken> | undefined> => {
        reserved += 1;
        const step = await source.next();
        dry ||= step.done === true;
        // A row that does not run leaves its groups: those must be told of it.
        const runs = step.done !== true && (!again || admits(step.value));
        // In one turn, or another loop would see room between the two.
        reserved -= 1;
        if (runs) handed += 1;
        return runs ? step : undefined;
      };
      return async (): Promise<IteratorResult<Taken>> => {
        while (goes()) {
          const first = firstDue();
          if (again && first !== undefined && first.until <= clock.now()) {
            parked.delete(first.taken.position);
            handed += 1;
            return { done: false, value: first.taken };
          }
          if (!dry && parked.size + running() < concurrency) {
            const fresh = await fromSource();
            if (fresh !== undefined) return fresh;
            continue;
          }
          if (dry && first === undefined) return DONE;
          if (running() === 0) {
            // Nothing but polls is left: of the items so far, or of the whole chunk.
            if (first === undefined || (dry && !whole)) return DONE;
            if (!again || first.until - clock.now() > WAIT_MS) {
              deferred = first.until;
              return DONE;
            }
          }
          await rest(first === undefined ? SLICE_MS : first.until - clock.now());
        }
        return DONE;
      };
    },
  };
}

/** Loops that have nothing to do for a while, until time passes or an item ends. */
function newSleepers(clock: Clock): { rest(ms: number): Promise<void>; wake(): void } {
  const idle = new Set<AbortController>();
  return {
    async rest(ms) {
      const sleeper = new AbortController();
      idle.add(sleeper);
      await clock.sleep(Math.max(1, Math.min(ms, SLICE_MS)), sleeper.signal);
      idle.delete(sleeper);
    },
    wake() {
      if (idle.size > 0) for (const sleeper of idle) sleeper.abort();
    },
  };
}

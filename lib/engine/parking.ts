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
export const newParking = (options: ParkingOptions): Parking => new Parking(options);

class Parking {
  readonly #options: ParkingOptions;
  readonly #parked = new Map<number, { taken: Taken; until: number }>();
  readonly #sleepers: Sleepers;
  #inFlight = 0;
  /** Given out and not begun; asked of the source and not there yet. */
  #handed = 0;
  #reserved = 0;
  #deferred: number | undefined;
  #toEnd = false;

  constructor(options: ParkingOptions) {
    this.#options = options;
    this.#sleepers = new Sleepers(options.clock);
  }

  park(taken: Taken, until: number): void {
    this.#parked.set(taken.position, { taken, until });
  }

  begin(): void {
    if (this.#handed > 0) this.#handed -= 1;
    this.#inFlight += 1;
  }

  end(): void {
    this.#inFlight -= 1;
    this.#sleepers.wake();
  }

  /** Also what was parked by the last items to run. */
  deferredTo(): number | undefined {
    return this.#deferred ?? (this.#toEnd ? this.#firstDue()?.until : undefined);
  }

  pull(source: Pull<Taken>, { goes, whole }: { goes: () => boolean; whole: boolean }) {
    const { clock, concurrency, again, admits } = this.#options;
    let dry = false;
    this.#toEnd = whole;
    const fromSource = async (): Promise<IteratorResult<Taken> | undefined> => {
      this.#reserved += 1;
      const step = await source.next();
      dry ||= step.done === true;
      // A row that does not run leaves its groups: those must be told of it.
      const runs = step.done !== true && (!again || admits(step.value));
      // In one turn, or another loop would see room between the two.
      this.#reserved -= 1;
      if (runs) this.#handed += 1;
      return runs ? step : undefined;
    };
    return async (): Promise<IteratorResult<Taken>> => {
      while (goes()) {
        const first = this.#firstDue();
        if (again && first !== undefined && first.until <= clock.now()) {
          this.#parked.delete(first.taken.position);
          this.#handed += 1;
          return { done: false, value: first.taken };
        }
        if (!dry && this.#parked.size + this.#running() < concurrency) {
          const fresh = await fromSource();
          if (fresh !== undefined) return fresh;
          continue;
        }
        if (dry && first === undefined) return DONE;
        if (this.#running() === 0) {
          // Nothing but polls is left: of the items so far, or of the whole chunk.
          if (first === undefined || (dry && !whole)) return DONE;
          if (!again || first.until - clock.now() > WAIT_MS) {
            this.#deferred = first.until;
            return DONE;
          }
        }
        await this.#sleepers.rest(first === undefined ? SLICE_MS : first.until - clock.now());
      }
      return DONE;
    };
  }

  // Where parked items do not come again, slots wait in groups: whoever counted them would wait for ever.
  #running(): number {
    return this.#options.again ? this.#inFlight + this.#handed + this.#reserved : 0;
  }

  #firstDue(): { taken: Taken; until: number } | undefined {
    let first: { taken: Taken; until: number } | undefined;
    for (const one of this.#parked.values()) if (!first || one.until < first.until) first = one;
    return first;
  }
}

/** Loops that have nothing to do for a while, until time passes or an item ends. */
class Sleepers {
  readonly #clock: Clock;
  readonly #idle = new Set<AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async rest(ms: number): Promise<void> {
    const sleeper = new AbortController();
    this.#idle.add(sleeper);
    await this.#clock.sleep(Math.max(1, Math.min(ms, SLICE_MS)), sleeper.signal);
    this.#idle.delete(sleeper);
  }

  wake(): void {
    if (this.#idle.size > 0) for (const sleeper of this.#idle) sleeper.abort();
  }
}

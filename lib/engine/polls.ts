import type { OpenPoll, Remotes } from '../core/poll.ts';
import type { Pull } from '../pool/run-bounded.ts';
import { newParking, type ParkingOptions, WAIT_MS } from './parking.ts';
import type { Going, Taken } from './record-source.ts';

/** The remote work that the items of one attempt wait for. */
export interface Polls {
  find(at: number, name: string): OpenPoll | undefined;
  /** Notes a poll, new or as it stands after a check. */
  note(poll: OpenPoll): void;
  /** What remotes call the work of an item; undefined where it has none. */
  remotes(at: number): Remotes | undefined;
  /** When the first work of an item was submitted, ms since 1970. */
  since(at: number): number | undefined;
  /** Those of items without a row: what a save must hold. */
  open(): OpenPoll[];
  /** Saves all rows and polls; false when a later attempt has the chunk. */
  save(): Promise<boolean>;
  /** Whether items may still start, and wait. */
  goes(): boolean;
  /** Whether an item is to run now: not when it has its row, nor while its poll is not due; it is parked then. */
  admits(taken: Taken): boolean;
  /** The item waits until then, ms since 1970, without holding anything but its record. */
  park(taken: Taken, until: number): void;
  /** Told of each item that runs, before and after. */
  begin(): void;
  end(): void;
  /**
   * What is to run next: records of `source`, and parked items when they are due.
   *
   * @param whole the source goes to the chunk's end: where nothing but polls is left, the chunk may be deferred
   */
  pull(source: Pull<Taken>, going: Going, whole: boolean): Pull<Taken>;
  /** When the first parked item is due, ms since 1970, once nothing else was left to do. */
  deferredTo(): number | undefined;
}

export interface PollsOptions extends Omit<ParkingOptions, 'admits'> {
  /** What an earlier attempt saved. */
  saved: readonly OpenPoll[];
  /** Rows that are there already. */
  has(at: number): boolean;
  /** Whether an earlier attempt left rows behind the cursor. */
  ahead: boolean;
  save(): Promise<boolean>;
}

export const newPolls = (options: PollsOptions): Polls => new AttemptPolls(options);

class AttemptPolls implements Polls {
  readonly #options: PollsOptions;
  readonly #byItem = new Map<number, Map<string, OpenPoll>>();
  readonly #parking: ReturnType<typeof newParking>;
  #going: Going = { goes: () => true };

  constructor(options: PollsOptions) {
    this.#options = options;
    for (const poll of options.saved) this.note(poll);
    this.#parking = newParking({ ...options, admits: (taken) => this.admits(taken) });
  }

  /** Until then nothing here costs an item of a job that does not poll. */
  engaged(): boolean {
    return this.#byItem.size > 0 || this.#options.ahead;
  }

  find(at: number, name: string): OpenPoll | undefined {
    return this.#byItem.get(at)?.get(name);
  }

  note(poll: OpenPoll): void {
    const polls = this.#byItem.get(poll.at) ?? new Map<string, OpenPoll>();
    this.#byItem.set(poll.at, polls.set(poll.name, poll));
  }

  remotes(at: number): Remotes | undefined {
    const polls = this.#byItem.get(at);
    return polls && Object.fromEntries([...polls.values()].map(({ name, id }) => [name, id]));
  }

  since(at: number): number | undefined {
    return this.#byItem.get(at)?.values().next().value?.since;
  }

  open(): OpenPoll[] {
    const without = [...this.#byItem.keys()].filter((at) => !this.#options.has(at));
    return without.flatMap((at) => this.#of(at));
  }

  save(): Promise<boolean> {
    return this.#options.save();
  }

  goes(): boolean {
    return this.#going.goes();
  }

  admits(taken: Taken): boolean {
    if (!this.engaged()) return true;
    if (this.#options.has(taken.position)) return false;
    // One poll after the other: the last one is what the item waits for.
    const due = this.#of(taken.position).at(-1)?.next ?? 0;
    if (due <= this.#options.clock.now() + WAIT_MS) return true;
    this.park(taken, due);
    return false;
  }

  park(taken: Taken, until: number): void {
    this.#parking.park(taken, until);
  }

  begin(): void {
    this.#parking.begin();
  }

  end(): void {
    this.#parking.end();
  }

  pull(source: Pull<Taken>, going: Going, whole: boolean): Pull<Taken> {
    this.#going = going;
    const polled = this.#parking.pull(source, { goes: () => going.goes(), whole });
    return new PolledPull(this, source, polled);
  }

  deferredTo(): number | undefined {
    return this.#parking.deferredTo();
  }

  #of(at: number): OpenPoll[] {
    return [...(this.#byItem.get(at)?.values() ?? [])];
  }
}

class PolledPull implements Pull<Taken> {
  readonly #polls: AttemptPolls;
  readonly #source: Pull<Taken>;
  readonly #polled: Pull<Taken>['next'];

  constructor(polls: AttemptPolls, source: Pull<Taken>, polled: Pull<Taken>['next']) {
    this.#polls = polls;
    this.#source = source;
    this.#polled = polled;
  }

  next(): IteratorResult<Taken> | Promise<IteratorResult<Taken>> {
    return this.#polls.engaged() ? this.#polled() : this.#source.next();
  }
}

import type { OpenPoll, Remotes } from '../core/poll.ts';
import type { Pull } from '../pool/run-bounded.ts';
import { newParking, type ParkingOptions, WAIT_MS } from './parking.ts';
import type { Taken } from './record-source.ts';

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
  pull(source: Pull<Taken>, goes: () => boolean, whole: boolean): Pull<Taken>;
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

export function newPolls(options: PollsOptions): Polls {
  const { clock, has, save } = options;
  const byItem = new Map<number, Map<string, OpenPoll>>();
  let goes = (): boolean => true;
  const of = (at: number): OpenPoll[] => [...(byItem.get(at)?.values() ?? [])];
  const note = (poll: OpenPoll): void => {
    const polls = byItem.get(poll.at) ?? new Map<string, OpenPoll>();
    byItem.set(poll.at, polls.set(poll.name, poll));
  };
  for (const poll of options.saved) note(poll);
  /** Until then nothing here costs an item of a job that does not poll. */
  const engaged = (): boolean => byItem.size > 0 || options.ahead;
  const admits = (taken: Taken): boolean => {
    if (!engaged()) return true;
    if (has(taken.position)) return false;
    // One poll after the other: the last one is what the item waits for.
    const due = of(taken.position).at(-1)?.next ?? 0;
    if (due <= clock.now() + WAIT_MS) return true;
    parking.park(taken, due);
    return false;
  };
  const parking = newParking({ ...options, admits });
  return {
    find: (at, name) => byItem.get(at)?.get(name),
    note,
    remotes(at) {
      const polls = byItem.get(at);
      return polls && Object.fromEntries([...polls.values()].map(({ name, id }) => [name, id]));
    },
    since: (at) => byItem.get(at)?.values().next().value?.since,
    open: () => [...byItem.keys()].filter((at) => !has(at)).flatMap(of),
    save,
    goes: () => goes(),
    admits,
    park: parking.park,
    begin: parking.begin,
    end: parking.end,
    pull(source, mayGo, whole) {
      goes = mayGo;
      const polled = parking.pull(source, { goes, whole });
      return { next: () => (engaged() ? polled() : source.next()) };
    },
    deferredTo: parking.deferredTo,
  };
}

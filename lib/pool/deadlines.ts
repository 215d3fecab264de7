/** What must end in time. */
export interface Deadline {
  /** By the clock that was given. */
  readonly due: number;
  /** Its neighbours among what is open, and whether it is. Kept by `Deadlines`. */
  before: Deadline | undefined;
  behind: Deadline | undefined;
  open: boolean;
  /** Told once, when its time is over and nobody dropped it. */
  late(): void;
}

export interface Deadlines {
  /** Each is due no earlier than the one before it. */
  add(one: Deadline): void;
  drop(one: Deadline): void;
}

/**
 * Deadlines that come one after the other, as they do where everybody has the same time, under one timer: the first
 * one's. So none is early, and none is later than a timer of its own would be; most are dropped long before.
 *
 * @param after calls back once, that many milliseconds later; what it returns cancels it
 */
export function newDeadlines({
  monotonic,
  after,
}: {
  monotonic(): number;
  after(ms: number, call: () => void): () => void;
}): Deadlines {
  let first: Deadline | undefined;
  let last: Deadline | undefined;
  let cancel: (() => void) | undefined;
  const remove = (one: Deadline): void => {
    const { before, behind } = one;
    if (before === undefined) first = behind;
    else before.behind = behind;
    if (behind === undefined) last = before;
    else behind.before = before;
    // What is gone must not keep its neighbours: they would grow old with it.
    one.before = undefined;
    one.behind = undefined;
    one.open = false;
  };
  const arm = (): void => {
    if (first !== undefined) cancel ??= after(Math.max(0, first.due - monotonic()), tick);
  };
  const tick = (): void => {
    cancel = undefined;
    const now = monotonic();
    for (let one = first; one !== undefined && one.due <= now; one = first) {
      remove(one);
      one.late();
    }
    arm();
  };
  return {
    add(one) {
      one.open = true;
      one.before = last;
      if (last === undefined) first = one;
      else last.behind = one;
      last = one;
      arm();
    },
    drop(one) {
      if (!one.open) return;
      remove(one);
      if (first !== undefined) return;
      cancel?.();
      cancel = undefined;
    },
  };
}

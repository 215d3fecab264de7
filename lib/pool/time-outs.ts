/** What must end in time. */
export interface Timed {
  /** By the clock that was given. */
  readonly due: number;
  /** Its place among what is open; -1 where it is not. Kept by `TimeOuts`. */
  slot: number;
  /** Told once, when its time is over and nobody dropped it. */
  late(): void;
}

export interface TimeOuts {
  add(one: Timed): void;
  drop(one: Timed): void;
}

/**
 * Time-outs that nearly never come, under one timer for all: what is open is looked at each `tickMs`, so each comes
 * late by that much at most, and never early. A timer of its own for each call is 2 us of it (profiled).
 *
 * A list, not a Set: a Set that grows and shrinks makes a new table each few hundred calls, and the old one keeps the
 * next one and what was open then. Once one of them is in the old heap, so are all that follow: 2.5 MB of garbage
 * in each collection of the young heap (measured).
 *
 * @param after calls back once, that many milliseconds later
 */
export function newTimeOuts(
  { now, after }: { now(): number; after(ms: number, call: () => void): void },
  tickMs: number,
): TimeOuts {
  const open: Timed[] = [];
  let ticking = false;
  const drop = (one: Timed): void => {
    if (one.slot < 0) return;
    const last = open.pop() as Timed;
    if (last !== one) {
      open[one.slot] = last;
      last.slot = one.slot;
    }
    one.slot = -1;
  };
  const tick = (): void => {
    const time = now();
    const late = open.filter(({ due }) => due <= time);
    for (const one of late) {
      // One that is late may end others.
      if (one.slot < 0) continue;
      drop(one);
      one.late();
    }
    ticking = open.length > 0;
    if (ticking) after(tickMs, tick);
  };
  return {
    add(one) {
      one.slot = open.length;
      open.push(one);
      if (ticking) return;
      ticking = true;
      after(tickMs, tick);
    },
    drop,
  };
}

/** How fast a batch goes, from what this process has seen of it. */
export interface Pace {
  note(doneItems: number, atMs: number): void;
  /** Items per second; undefined until something was seen to be done. */
  rate(): number | undefined;
}

/** Samples kept; beyond, every second one goes, so that hours need no more than minutes. */
const MAX_SAMPLES = 128;
/** Chunks end in bursts: less than this says nothing. */
const MIN_SPAN_MS = 500;

/**
 * The rate over the newer half of the time that was watched: smooth, since the span grows with the run,
 * and free of the start, when nothing is warm. It is taken from one step of the count to another: chunks that last
 * for minutes end together, and a look just before or after they do would be wrong by all of them. A wait that is
 * longer than those between the steps counts.
 */
export function newPace(): Pace {
  /** Looks at which the count had grown. */
  let steps: { done: number; at: number }[] = [];
  let lookedAt = 0;
  return {
    note(done, at) {
      lookedAt = at;
      if (steps.at(-1)?.done === done) return;
      steps.push({ done, at });
      if (steps.length > MAX_SAMPLES) {
        const last = steps.length - 1;
        steps = steps.filter((_, i) => i % 2 === 0 || i === last);
      }
    },
    rate() {
      const first = steps[0];
      const last = steps.at(-1);
      if (first === undefined || last === undefined || lookedAt - first.at < MIN_SPAN_MS) {
        return undefined;
      }
      const middle = (first.at + lookedAt) / 2;
      const from = steps.findLastIndex(({ at, done }) => at <= middle && done < last.done);
      const begin = steps[from] ?? first;
      const span = steps.slice(Math.max(0, from));
      const longest = Math.max(0, ...span.slice(1).map(({ at }, i) => at - (span[i]?.at ?? at)));
      const until = Math.max(last.at, lookedAt - longest);
      const done = last.done - begin.done;
      return done > 0 ? (done * 1000) / (until - begin.at) : undefined;
    },
  };
}

/** Milliseconds to go at this rate, and not less than a quota takes; undefined while the rate or the total is unknown. */
export function etaMs(
  {
    done,
    total,
    itemMs = 0,
  }: { done: number; total: number | undefined; itemMs?: number | undefined },
  rate: number | undefined,
): number | undefined {
  if (total === undefined || rate === undefined) return undefined;
  return Math.max(0, total - done) * Math.max(1000 / rate, itemMs);
}

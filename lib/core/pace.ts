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
 * and free of the start, when nothing is warm.
 */
export function newPace(): Pace {
  let samples: { done: number; at: number }[] = [];
  return {
    note(done, at) {
      samples.push({ done, at });
      if (samples.length > MAX_SAMPLES) {
        const last = samples.length - 1;
        samples = samples.filter((_, i) => i % 2 === 0 || i === last);
      }
    },
    rate() {
      const first = samples[0];
      const last = samples.at(-1);
      if (first === undefined || last === undefined || last.at - first.at < MIN_SPAN_MS) {
        return undefined;
      }
      const middle = (first.at + last.at) / 2;
      const from = samples.findLast(({ at, done }) => at <= middle && done < last.done) ?? first;
      const done = last.done - from.done;
      return done > 0 ? (done * 1000) / (last.at - from.at) : undefined;
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

/** Entries that are held before they are flushed. */
const FLUSH_AT = 1000;
/** Names kept apart in one flush. A name comes from code, so this is a guard, not a limit to plan with. */
const MAX_NAMES = 1000;

export interface MetricSummary {
  count: number;
  sum: number;
  min: number;
  max: number;
}

/** Takes single values, and gives them on in summaries by name: what it holds does not grow with what it is given. */
export interface Metrics {
  add(name: string, value: number): void;
  /** Gives on what is there; does nothing when nothing is. */
  flush(): void;
  /** Flushes so far. */
  readonly flushes: number;
}

/**
 * @param give what each flush is given to, at the 1,000th entry and at `flush`. It answers at once: what
 * it does with a summary of a few names may take its own time.
 */
export function newMetrics(give: (summaries: Record<string, MetricSummary>) => void): Metrics {
  let names: string[] = [];
  let values: number[] = [];
  let flushes = 0;
  const flush = (): void => {
    if (names.length === 0) return;
    const summaries = summarise(names, values);
    names = [];
    values = [];
    flushes += 1;
    give(summaries);
  };
  return {
    add(name, value) {
      names.push(name);
      values.push(value);
      if (names.length >= FLUSH_AT) flush();
    },
    flush,
    get flushes() {
      return flushes;
    },
  };
}

function summarise(
  names: readonly string[],
  values: readonly number[],
): Record<string, MetricSummary> {
  const found = new Map<string, MetricSummary>();
  for (const [at, given] of names.entries()) {
    const value = values[at] as number;
    const name = found.has(given) || found.size < MAX_NAMES ? given : 'other';
    const known = found.get(name) ?? { count: 0, sum: 0, min: value, max: value };
    known.count += 1;
    known.sum += value;
    known.min = Math.min(known.min, value);
    known.max = Math.max(known.max, value);
    found.set(name, known);
  }
  return Object.fromEntries(found);
}

/** Keys of one set of counters; what comes later counts as `other`. */
export const MAX_KEYS = 10_000;

/**
 * Counters by key that stay bounded whatever the keys are. Nothing is ever reset: reading them changes
 * nothing. Each thread has its own, and sends a `snapshot`, which another merges; adding is commutative,
 * so the sum over all keys is exact in any order. A snapshot is merged once: a thread sends the difference,
 * or its counters of one piece of work, never a running total twice.
 */
export interface Counters {
  add(key: string, amount?: number): void;
  /** Adds what another one counted. */
  merge(snapshot: Readonly<Record<string, number>>): void;
  /** Sums by key, in the order in which the keys came; `other` is last. A copy. */
  snapshot(): Record<string, number>;
  /** The sum over all keys. */
  readonly total: number;
  /** Keys that are kept apart. */
  readonly size: number;
}

export function newCounters({ keys = MAX_KEYS, other = 'other' } = {}): Counters {
  const sums = new Map<string, number>();
  let folded = 0;
  let total = 0;
  const add = (key: string, amount = 1): void => {
    total += amount;
    const sum = sums.get(key);
    if (key !== other && (sum !== undefined || sums.size < keys)) {
      sums.set(key, (sum ?? 0) + amount);
    } else folded += amount;
  };
  return {
    add,
    merge(snapshot) {
      for (const [key, amount] of Object.entries(snapshot)) add(key, amount);
    },
    snapshot() {
      const copy = Object.fromEntries(sums);
      return folded === 0 ? copy : { ...copy, [other]: folded };
    },
    get total() {
      return total;
    },
    get size() {
      return sums.size;
    },
  };
}

import { type GroupStep, isGroup, type SizedGroup, type Step } from '../core/step.ts';
import type { GroupRow } from './group-call.ts';

/** A row between two steps. */
export interface Traveller extends GroupRow {
  /** Its place in the round's input: groups are cut by it. In a retry its index is not. */
  ordinal: number;
  /** Milliseconds that were spent on it so far; of a group's call, its share. */
  spentMs: number;
}

/** A group whose rows are all there, or which no other row will join. */
export interface Full<T> {
  at: number;
  step: GroupStep;
  rows: T[];
}

interface Open<T> {
  rows: T[];
  /** Rows that can still come. */
  missing: number;
}

const NONE: readonly never[] = [];

/** Collects the rows of each group of each step. */
export class Groups<T extends Traveller> {
  readonly #steps: readonly Step[];
  readonly #span: { from: number; until: number };
  readonly #alone: boolean;
  readonly #open: Map<number, Open<T>>[];
  readonly #groupSteps: number[];
  readonly #lastGroup: number;

  /**
   * @param span ordinals of the rows that can come: borders lie at multiples of a step's size within it
   * @param alone each row is a group of its own
   */
  constructor(steps: readonly Step[], span: { from: number; until: number }, alone: boolean) {
    this.#steps = steps;
    this.#span = span;
    this.#alone = alone;
    this.#open = steps.map(() => new Map<number, Open<T>>());
    this.#groupSteps = steps.flatMap((step, at) => (isGroup(step) ? [at] : []));
    this.#lastGroup = this.#groupSteps.at(-1) ?? -1;
  }

  /** A row that stands before step `at`; returns the group when it was the last one to come. */
  arrive(at: number, row: T): Full<T> | undefined {
    return this.#oneLess(at, row.ordinal, row);
  }

  /** A row that left before step `at`: no later group waits for it. Returns the groups that it completed. */
  leave(at: number, ordinal: number): readonly Full<T>[] {
    if (at > this.#lastGroup) return NONE;
    const complete: Full<T>[] = [];
    for (const later of this.#groupSteps) {
      if (later < at) continue;
      const done = this.#oneLess(later, ordinal, undefined);
      if (done !== undefined) complete.push(done);
    }
    return complete;
  }

  /** What waits at the first step that has any: nobody will join it any more. */
  flush(): Full<T>[] {
    for (const [at, there] of this.#open.entries()) {
      const waiting = [...there.values()].filter(({ rows }) => rows.length > 0);
      there.clear();
      if (waiting.length > 0) return waiting.map((group) => this.#full(at, group));
    }
    return [];
  }

  #oneLess(at: number, ordinal: number, row: T | undefined): Full<T> | undefined {
    const size = this.#alone ? 1 : (this.#steps[at] as SizedGroup).size;
    const number = Math.floor(ordinal / size);
    const there = this.#open[at] as Map<number, Open<T>>;
    let group = there.get(number);
    if (group === undefined) {
      const { from, until } = this.#span;
      const missing = Math.min((number + 1) * size, until) - Math.max(number * size, from);
      group = { rows: [], missing };
      there.set(number, group);
    }
    group.missing -= 1;
    if (row !== undefined) group.rows.push(row);
    if (group.missing > 0) return undefined;
    there.delete(number);
    return group.rows.length === 0 ? undefined : this.#full(at, group);
  }

  #full(at: number, { rows }: Open<T>): Full<T> {
    rows.sort(byOrdinal);
    return { at, step: this.#steps[at] as GroupStep, rows };
  }
}

const byOrdinal = (a: Traveller, b: Traveller): number => a.ordinal - b.ordinal;

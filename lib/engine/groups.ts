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
export interface Groups<T> {
  /** A row that stands before step `at`; returns the group when it was the last one to come. */
  arrive(at: number, row: T): Full<T> | undefined;
  /** A row that left before step `at`: no later group waits for it. Returns the groups that it completed. */
  leave(at: number, ordinal: number): readonly Full<T>[];
  /** What waits at the first step that has any: nobody will join it any more. */
  flush(): Full<T>[];
}

/**
 * @param span ordinals of the rows that can come: borders lie at multiples of a step's size within it
 * @param alone each row is a group of its own
 */
export function newGroups<T extends Traveller>(
  steps: readonly Step[],
  { from, until }: { from: number; until: number },
  alone: boolean,
): Groups<T> {
  const open = steps.map(() => new Map<number, Open<T>>());
  const groupSteps = steps.flatMap((step, at) => (isGroup(step) ? [at] : []));
  const lastGroup = groupSteps.at(-1) ?? -1;
  const sizeOf = (at: number): number => (alone ? 1 : (steps[at] as SizedGroup).size);
  const opened = (at: number, number: number): Open<T> => {
    const size = sizeOf(at);
    const missing = Math.min((number + 1) * size, until) - Math.max(number * size, from);
    const group = { rows: [], missing };
    open[at]?.set(number, group);
    return group;
  };
  const oneLess = (at: number, ordinal: number, row: T | undefined): Full<T> | undefined => {
    const number = Math.floor(ordinal / sizeOf(at));
    const group = open[at]?.get(number) ?? opened(at, number);
    group.missing -= 1;
    if (row !== undefined) group.rows.push(row);
    if (group.missing > 0) return undefined;
    open[at]?.delete(number);
    return group.rows.length === 0 ? undefined : full(at, group);
  };
  const full = (at: number, { rows }: Open<T>): Full<T> => ({
    at,
    step: steps[at] as GroupStep,
    rows: rows.sort((a, b) => a.ordinal - b.ordinal),
  });
  return {
    arrive: (at, row) => oneLess(at, row.ordinal, row),
    leave(at, ordinal) {
      if (at > lastGroup) return NONE;
      const complete: Full<T>[] = [];
      for (const later of groupSteps) {
        if (later < at) continue;
        const done = oneLess(later, ordinal, undefined);
        if (done !== undefined) complete.push(done);
      }
      return complete;
    },
    flush() {
      for (const [at, there] of open.entries()) {
        const waiting = [...there.values()].filter(({ rows }) => rows.length > 0);
        there.clear();
        if (waiting.length > 0) return waiting.map((group) => full(at, group));
      }
      return [];
    },
  };
}

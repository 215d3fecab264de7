import { type ItemError, SluiceError } from '../core/errors.ts';
import type { Counts } from '../core/outcome.ts';
import type { Remotes } from '../core/poll.ts';
import type { Detail, Report } from '../core/report.ts';
import type { JoinedRow } from './committed-parts.ts';
import { addExample, addFailures, type FailureGroups } from './failure-groups.ts';

/** A line of failures.jsonl, as far as the next round needs it. */
export interface FailureLine {
  index: number;
  key: string | null;
  status: 'failed' | 'stalled';
  error: ItemError;
  remotes?: Remotes;
}

/** The batch as a later round leaves it. */
export interface BatchAfter {
  counts: Counts;
  /** Failures that this and earlier rounds resolved. */
  resolved: number;
  groups: FailureGroups;
  details: Detail[] | undefined;
}

export interface RoundMerge {
  /** A row of the round, in input order. */
  add(row: JoinedRow): Promise<void>;
  /** After the last row: what the round did not touch is still failed. */
  end(): Promise<void>;
  after(): BatchAfter;
}

export interface RoundMergeOptions {
  round: number;
  /** The report of the round before, and its failures. */
  earlier: Report;
  failures: AsyncIterable<string>;
  /** Takes text of the new failures.jsonl, piece by piece. */
  push(text: string): Promise<void>;
}

const PIECE_CHARS = 64 * 1024;

/**
 * Lays the rows of a later round over the failures that it found. Both come in input order, so one pass is enough,
 * and it reads as much as is still failed, whatever the size of the batch. What was not run changes nothing.
 */
export function newRoundMerge(options: RoundMergeOptions): RoundMerge {
  const { earlier, round } = options;
  const { ok, skipped, failed, stalled, notRun } = earlier;
  const counts: Counts = { ok, skipped, failed, stalled, notRun };
  const groups: FailureGroups = new Map();
  const details = earlier.details && [...earlier.details];
  const placeOf = new Map(details?.map(({ index }, at) => [index, at]));
  const before = newPeeked(options.failures);
  let resolved = earlier.resolved ?? 0;
  let held = '';
  const emit = async (line: string, failure: FailureLine): Promise<void> => {
    const { code, kind } = failure.error;
    addFailures(groups, { code, kind, items: 1 });
    addExample(groups, failure);
    held += `${line}\n`;
    if (held.length < PIECE_CHARS) return;
    const text = held;
    held = '';
    await options.push(text);
  };
  const pass = async (until: number): Promise<void> => {
    for (;;) {
      const next = await before.peek();
      if (next === undefined || next.failure.index >= until) return;
      before.drop();
      await emit(next.line, next.failure);
    }
  };
  return {
    async add({ outcome, facts, kept }) {
      const { index, key, status } = outcome;
      await pass(index);
      const was = await before.peek();
      if (was?.failure.index !== index) {
        throw new SluiceError('DAMAGED', `Item ${index} of round ${round} had not failed before.`);
      }
      before.drop();
      if (status === 'notRun') return emit(was.line, was.failure);
      counts[was.failure.status] -= 1;
      counts[status] += 1;
      if (details !== undefined) {
        details[placeOf.get(index) as number] = { ...outcome, ...facts, round };
      }
      if (!('error' in outcome)) {
        resolved += 1;
        return;
      }
      const line = { sluice: 'failure/1', index, key, status, error: outcome.error, round };
      await emit(JSON.stringify({ ...line, ...facts, ...kept }), outcome);
    },
    async end() {
      await pass(Number.POSITIVE_INFINITY);
      if (held !== '') await options.push(held);
      held = '';
    },
    after: () => ({ counts, resolved, groups, details }),
  };
}

interface Peeked {
  peek(): Promise<{ line: string; failure: FailureLine } | undefined>;
  drop(): void;
}

function newPeeked(lines: AsyncIterable<string>): Peeked {
  const iterator = lines[Symbol.asyncIterator]();
  let next: { line: string; failure: FailureLine } | undefined;
  return {
    async peek() {
      if (next !== undefined) return next;
      const step = await iterator.next();
      if (!step.done) next = { line: step.value, failure: JSON.parse(step.value) as FailureLine };
      return next;
    },
    drop() {
      next = undefined;
    },
  };
}

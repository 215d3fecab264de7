import { type ItemError, SluiceError } from '../core/errors.ts';
import { type Counts, noCounts, STATUSES } from '../core/outcome.ts';
import type { Remotes } from '../core/poll.ts';
import { DETAILS_LIMIT, type Detail, type Report } from '../core/report.ts';
import type { JoinedRow } from './committed-parts.ts';
import { addExample, addFailures, type FailureGroups } from './failure-groups.ts';

/** A line of failures.jsonl, as far as the next round needs it. */
export interface FailureLine {
  /** Absent for the first. */
  stage?: number;
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
  /** Before the first row. */
  begin(): void;
  /** A row of the round, stage by stage in the order of their numbers. */
  add(row: JoinedRow): Promise<void>;
  /** After the last row: what the round did not touch is still failed. */
  end(): Promise<void>;
  after(): BatchAfter;
}

export interface RoundMergeOptions {
  round: number;
  /** Numbers of a stage's items from here on are new ones, which the stage before gave in this round. */
  nextOf(stage: number): number;
  /** Whether a row counts. */
  counts(row: JoinedRow): boolean;
  /** The report of the round before, and its failures. */
  earlier: Report;
  failures: AsyncIterable<string>;
  /** What the round replaces as a whole: from a stage on, of which there were so many; none where it was cut short. */
  replaced(): { from: number; counts: Counts };
  /** Takes text of the new failures.jsonl, piece by piece. */
  push(text: string): Promise<void>;
}

const PIECE_CHARS = 64 * 1024;

/**
 * Lays the rows of a later round over the failures that it found. Both come in the order of stages and numbers, so one pass
 * is enough, and it reads as much as is still failed, whatever the size of the batch. What was not run changes nothing.
 */
export function newRoundMerge(options: RoundMergeOptions): RoundMerge {
  const { earlier, round } = options;
  const { ok, skipped, failed, stalled, notRun } = earlier;
  const counts: Counts = { ok, skipped, failed, stalled, notRun };
  const lines = newFailureLines(options.push);
  const details = newDetails(earlier.details);
  const before = newPeeked(options.failures);
  let resolved = earlier.resolved ?? 0;
  let replaced = { from: Number.POSITIVE_INFINITY, counts: noCounts() };
  let failedAnew = 0;
  const pass = async (until: Place | undefined): Promise<void> => {
    for (;;) {
      const next = await before.peek();
      if (next === undefined || (until !== undefined && !isBefore(next.failure, until))) return;
      before.drop();
      if ((next.failure.stage ?? 0) < replaced.from) await lines.add(next.line, next.failure);
    }
  };
  const record = async ({ outcome, facts, kept }: JoinedRow): Promise<void> => {
    const { index, key, status } = outcome;
    counts[status] += 1;
    details.set({ ...outcome, ...facts, round });
    if (!('error' in outcome)) return;
    if ((facts.stage ?? 0) >= replaced.from) failedAnew += 1;
    const line = { sluice: 'failure/1', index, key, status, error: outcome.error, round };
    await lines.add(JSON.stringify({ ...line, ...facts, ...kept }), { ...outcome, ...facts });
  };
  return {
    begin() {
      replaced = options.replaced();
      for (const status of STATUSES) counts[status] -= replaced.counts[status];
      details.drop(({ stage = 0 }) => stage >= replaced.from);
    },
    async add(row) {
      const { outcome, facts } = row;
      const { index, status } = outcome;
      const { stage = 0 } = facts;
      const left = !options.counts(row) || status === 'notRun';
      await pass({ stage, index });
      if (index >= options.nextOf(stage)) return left ? undefined : record(row);
      const was = await before.peek();
      if (was === undefined || isBefore({ stage, index }, was.failure)) {
        const item = stage === 0 ? `Item ${index}` : `Item ${index} of stage ${stage}`;
        throw new SluiceError('DAMAGED', `${item} of round ${round} had not failed before.`);
      }
      before.drop();
      if (left) return lines.add(was.line, was.failure);
      counts[was.failure.status] -= 1;
      if (!('error' in outcome)) resolved += 1;
      return record(row);
    },
    async end() {
      await pass(undefined);
      await lines.end();
      const { failed, stalled } = replaced.counts;
      resolved += Math.max(0, failed + stalled - failedAnew);
    },
    after: () => ({ counts, resolved, groups: lines.groups, details: details.all() }),
  };
}

/** The new failures.jsonl, and its groups. */
function newFailureLines(push: RoundMergeOptions['push']) {
  const groups: FailureGroups = new Map();
  let held = '';
  return {
    groups,
    async add(line: string, failure: FailureLine): Promise<void> {
      const { code, kind } = failure.error;
      addFailures(groups, { code, kind, items: 1 });
      addExample(groups, failure);
      held += `${line}\n`;
      if (held.length < PIECE_CHARS) return;
      const text = held;
      held = '';
      await push(text);
    },
    async end(): Promise<void> {
      if (held !== '') await push(held);
    },
  };
}

type Place = Pick<FailureLine, 'stage' | 'index'>;

const isBefore = (a: Place, b: Place): boolean => {
  const [one, other] = [a.stage ?? 0, b.stage ?? 0];
  return one === other ? a.index < b.index : one < other;
};

/** Details of the batch, each item's of its newest row, new items in their place; none once they are too many. */
function newDetails(earlier: readonly Detail[] | undefined) {
  const nameOf = ({ stage = 0, index }: Place): string => `${stage}/${index}`;
  const found = earlier && new Map(earlier.map((detail) => [nameOf(detail), detail]));
  return {
    set(detail: Detail): void {
      if (found !== undefined && found.size <= DETAILS_LIMIT) found.set(nameOf(detail), detail);
    },
    drop(is: (detail: Detail) => boolean): void {
      for (const [name, detail] of found ?? []) if (is(detail)) found?.delete(name);
    },
    all(): Detail[] | undefined {
      if (found === undefined || found.size > DETAILS_LIMIT) return undefined;
      return [...found.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
    },
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

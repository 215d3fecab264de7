import type { ItemError } from '../core/errors.ts';
import { type Histogram, record } from '../core/histogram.ts';
import { noCounts } from '../core/outcome.ts';
import type { CodeCount, Trailer, WorkerShare } from './part.ts';
import type { Row } from './rows.ts';

/** What a trailer says of its rows alone. */
export type Facts = Omit<Trailer, 'v' | 'sha256' | 'durations' | 'ahead' | 'polls' | 'blocks'>;

/** Codes kept apart per part; failures with any other count as OTHER (a code is a name, not data). */
const MAX_CODES = 50;

export interface RowSums {
  facts: Facts;
  durations: Histogram;
  share: WorkerShare;
  startedAt: number;
}

export function countRow(row: Row, { facts, durations, share, startedAt }: RowSums): void {
  facts.items += 1;
  facts.counts[row.status] += 1;
  if (row.error !== undefined) countCode(facts.codes, row.error);
  if (row.tries > 1) facts.retried += 1;
  if (row.tries === 0) return;
  const { since = row.at } = row;
  record(durations, row.endedAt - since);
  const [startAt, endAt] = [startedAt + since, startedAt + row.endedAt];
  facts.firstAt = facts.firstAt === 0 ? startAt : Math.min(facts.firstAt, startAt);
  facts.lastAt = Math.max(facts.lastAt, endAt);
  share.items += 1;
  share.busyMs += row.endedAt - row.at;
  if (row.error !== undefined) share.failed += 1;
}

function countCode(codes: Record<string, CodeCount>, { kind, code }: ItemError): void {
  const known = Object.hasOwn(codes, code) || Object.keys(codes).length < MAX_CODES;
  const name = known ? code : 'OTHER';
  const entry = Object.hasOwn(codes, name) ? (codes[name] as CodeCount) : { kind, items: 0 };
  codes[name] = { ...entry, items: entry.items + 1 };
}

export const noFacts = (first: number | undefined, feeds: boolean): Facts => ({
  ...(feeds ? { gives: [] } : {}),
  ...(first === undefined ? {} : { first }),
  items: 0,
  counts: noCounts(),
  codes: {},
  retried: 0,
  firstAt: 0,
  lastAt: 0,
  workers: {},
  processes: {},
});

export function factsOf(trailer: Trailer): Facts {
  const {
    v: _v,
    sha256: _sha256,
    durations: _durations,
    ahead: _ahead,
    polls: _polls,
    blocks: _blocks,
    ...facts
  } = structuredClone(trailer);
  return facts;
}

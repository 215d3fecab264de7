import type { ItemError } from '../core/errors.ts';
import { fromSparse, newHistogram, type SparseHistogram, toSparse } from '../core/histogram.ts';
import { type HostUse, mergeUses } from '../core/http-meter.ts';
import type { Counts, Status } from '../core/outcome.ts';
import type { OpenPoll } from '../core/poll.ts';
import { assemblePart, type CodeCount, digest, type Trailer, type WorkerShare } from './part.ts';
import type { PartBytes } from './read-part.ts';
import { countRow, factsOf, noFacts } from './row-sums.ts';
import { newSections } from './sections.ts';

/** One ended item. */
export interface Row {
  status: Status;
  /** Its outcome line, with the line end. */
  outcome: string;
  /** Items that it gives to a next stage. */
  gives: number;
  error: ItemError | undefined;
  /** 0 for an item that never ran. */
  tries: number;
  /** Milliseconds from the attempt's start to the item's, and to its end. */
  at: number;
  endedAt: number;
  /** When its remote took the work, which may be attempts ago: the item's duration counts from then. */
  since?: number | undefined;
  /** What the attempts line keeps of a failed item, as JSON: its record, the stack, the cause. */
  extra: string | undefined;
  /** Its log lines, each with a line end. */
  log: string | undefined;
}

/**
 * The rows of one attempt at a chunk, put in any order and kept by position. What a write has
 * compressed stays as it is, so that careful mode, which writes after every item, compresses a row once.
 */
export interface Rows {
  /** Rows without a gap from the chunk's start. */
  readonly cursor: number;
  put(position: number, row: Row): void;
  /** Whether there is a row already, be it behind a gap. */
  has(position: number): boolean;
  /** Rows by status, also those behind a gap. */
  ended(): Counts;
  /** The whole prefix as a part; rows behind a gap and open polls go along, and the digest of what `shuffle` makes of its outcomes. */
  toPart(usage: PartUsage, polls?: readonly OpenPoll[], shuffle?: MakeShuffle): WrittenPart;
  /** Gives memory back: no part that it made is read any more. */
  close(): void;
}

/** What the attempt used so far. */
export interface PartUsage {
  cpuMs: number;
  rssBytes: number;
  /** Its own calls by host, without those of what was saved before. */
  http?: Record<string, HostUse> | undefined;
}

/** Makes the shuffle object of the gzip members of a part's outcomes. */
export type MakeShuffle = (outcomes: readonly Buffer[]) => Buffer[];

export interface WrittenPart {
  body: Buffer[];
  /** The object that is stored before it. */
  shuffle: Buffer[] | undefined;
  counts: Counts;
  codes: Record<string, CodeCount>;
  durations: SparseHistogram;
}

export interface RowsOptions {
  first: number | undefined;
  /** Names of the worker and of its process. */
  worker: string;
  process: string;
  /** Wall clock in ms when this attempt began: attempts lines count from it. */
  startedAt: number;
  /** A stage follows: the trailer says where in the outcomes its items lie. */
  feeds: boolean;
  /** What an earlier attempt saved. */
  saved: { part: PartBytes; trailer: Trailer } | undefined;
}

/**
 * Text that is held before it is compressed; a row becomes bytes as soon as those before it have. Rows that live as
 * long as their chunk are copied by every collection of the young heap: with 1.3 KB a row a quarter of the CPU (measured).
 */
const FLUSH_BYTES = 128 * 1024;

export function newRows({ first, worker, process, startedAt, feeds, saved }: RowsOptions): Rows {
  const facts = saved ? factsOf(saved.trailer) : noFacts(first, feeds);
  const durations = saved ? fromSparse(saved.trailer.durations) : newHistogram();
  const sections = newSections(saved?.part, facts.gives);
  const share: WorkerShare = facts.workers[worker] ?? { items: 0, failed: 0, busyMs: 0 };
  /** Rows behind a gap. */
  const open = new Map<number, Row>(
    saved?.trailer.ahead?.map(([position, row]) => [position, movedBy(row, -startedAt)]),
  );
  let headed = false;
  const sums = { facts, durations, share, startedAt };

  const [outcomes, attempts, log] = sections.texts;
  const head = (): void => {
    if (!headed) attempts.add(`{"worker":${JSON.stringify(worker)},"at":${startedAt}}\n`);
    headed = true;
  };
  const add = (row: Row): void => {
    head();
    outcomes.add(row.outcome);
    attempts.add(attemptLine(row));
    if (row.log !== undefined) log.add(row.log);
    sections.give(row.gives);
    countRow(row, sums);
    // Each gzip call sets up 256 KB of its own: small sections wait until they are worth one.
    if (outcomes.length >= FLUSH_BYTES) sections.zip(FLUSH_BYTES);
  };

  return {
    get cursor() {
      return facts.items;
    },
    has: (position) => position < facts.items || open.has(position),
    put(position, row) {
      if (position > facts.items) {
        open.set(position, row);
        return;
      }
      add(row);
      for (let next = open.get(facts.items); next !== undefined; next = open.get(facts.items)) {
        open.delete(facts.items);
        add(next);
      }
    },
    ended() {
      const counts = { ...facts.counts };
      for (const { status } of open.values()) counts[status] += 1;
      return counts;
    },
    toPart({ http, ...usage }, polls = [], makeShuffle) {
      head();
      if (share.items > 0) facts.workers[worker] = share;
      const uses = mergeUses(saved?.trailer.http, http);
      if (uses !== undefined) facts.http = uses;
      sections.zip(1);
      facts.processes[process] = usage;
      const sparse = toSparse(durations);
      const shuffle = makeShuffle?.(sections.members[0]);
      const blocks = sections.blocks();
      const body = assemblePart(sections.members, {
        ...facts,
        durations: sparse,
        ...keptOf(open, { startedAt, polls }),
        ...(shuffle && { shuffle: digest(shuffle) }),
        ...(blocks !== undefined && { blocks }),
      });
      const codes = structuredClone(facts.codes);
      return { body, shuffle, counts: { ...facts.counts }, codes, durations: sparse };
    },
    close: sections.close,
  };
}

/** What a save keeps beside the prefix: rows behind a gap by their place in the chunk, and open polls. */
function keptOf(
  open: ReadonlyMap<number, Row>,
  { startedAt, polls }: { startedAt: number; polls: readonly OpenPoll[] },
): Pick<Trailer, 'ahead' | 'polls'> {
  const ahead = [...open]
    .sort(([a], [b]) => a - b)
    .map(([position, row]): [number, Row] => [position, movedBy(row, startedAt)]);
  return { ...(ahead[0] && { ahead }), ...(polls[0] && { polls: [...polls] }) };
}

/** Saved rows hold wall-clock times: each attempt counts from its own beginning. */
const movedBy = (row: Row, ms: number): Row =>
  row.tries === 0
    ? row
    : {
        ...row,
        at: row.at + ms,
        endedAt: row.endedAt + ms,
        since: row.since === undefined ? undefined : row.since + ms,
      };

/**
 * `[tries, ms from the header's time, µs it took]`, and for a failed item what it keeps and its outcome: so failures are
 * read without unpacking the outcomes, which are ten times as much.
 */
const attemptLine = ({ tries, at: own, since: at = own, endedAt, extra, outcome }: Row): string => {
  const line = `[${tries},${Math.round(at)},${Math.round((endedAt - at) * 1000)}`;
  return extra === undefined ? `${line}]\n` : `${line},${extra},${outcome.slice(0, -1)}]\n`;
};

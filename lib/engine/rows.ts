import type { ItemError } from '../core/errors.ts';
import { fromSparse, newHistogram, type SparseHistogram, toSparse } from '../core/histogram.ts';
import { type HostUse, mergeUses } from '../core/http-meter.ts';
import type { Counts, Status } from '../core/outcome.ts';
import type { OpenPoll } from '../core/poll.ts';
import { assemblePart, type CodeCount, digest, type Trailer } from './part.ts';
import type { PartBytes } from './read-part.ts';
import { countRow, factsOf, noFacts, type RowSums } from './row-sums.ts';
import { Sections } from './sections.ts';

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

export const newRows = (options: RowsOptions): Rows => new AttemptRows(options);

/** A class, as all that works row by row: the optimised code of an attempt's closures is gone when the next one comes. */
class AttemptRows implements Rows {
  readonly #options: RowsOptions;
  readonly #sections: Sections;
  readonly #sums: RowSums;
  /** Rows behind a gap. */
  readonly #open: Map<number, Row>;
  #headed = false;

  constructor(options: RowsOptions) {
    const { first, worker, startedAt, feeds, saved } = options;
    const facts = saved ? factsOf(saved.trailer) : noFacts(first, feeds);
    const durations = saved ? fromSparse(saved.trailer.durations) : newHistogram();
    const share = facts.workers[worker] ?? { items: 0, failed: 0, busyMs: 0 };
    const ahead = saved?.trailer.ahead ?? [];
    this.#options = options;
    this.#sections = new Sections(saved?.part, facts.gives);
    this.#sums = { facts, durations, share, startedAt };
    this.#open = new Map(ahead.map(([position, row]) => [position, movedBy(row, -startedAt)]));
  }

  get cursor(): number {
    return this.#sums.facts.items;
  }

  has(position: number): boolean {
    return position < this.cursor || this.#open.has(position);
  }

  put(position: number, row: Row): void {
    const open = this.#open;
    if (position > this.cursor) {
      open.set(position, row);
      return;
    }
    this.#add(row);
    for (let next = open.get(this.cursor); next !== undefined; next = open.get(this.cursor)) {
      open.delete(this.cursor);
      this.#add(next);
    }
  }

  ended(): Counts {
    const counts = { ...this.#sums.facts.counts };
    for (const { status } of this.#open.values()) counts[status] += 1;
    return counts;
  }

  toPart(
    { http, ...usage }: PartUsage,
    polls: readonly OpenPoll[] = [],
    makeShuffle?: MakeShuffle,
  ): WrittenPart {
    const { worker, process, startedAt, saved } = this.#options;
    const { facts, durations, share } = this.#sums;
    const sections = this.#sections;
    this.#head();
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
      ...keptOf(this.#open, { startedAt, polls }),
      ...(shuffle && { shuffle: digest(shuffle) }),
      ...(blocks !== undefined && { blocks }),
    });
    const codes = structuredClone(facts.codes);
    return { body, shuffle, counts: { ...facts.counts }, codes, durations: sparse };
  }

  close(): void {
    this.#sections.close();
  }

  #head(): void {
    if (this.#headed) return;
    const { worker, startedAt } = this.#options;
    this.#sections.attempts.add(`{"worker":${JSON.stringify(worker)},"at":${startedAt}}\n`);
    this.#headed = true;
  }

  #add(row: Row): void {
    const sections = this.#sections;
    this.#head();
    sections.outcomes.add(row.outcome);
    sections.attempts.add(attemptLine(row));
    if (row.log !== undefined) sections.log.add(row.log);
    sections.give(row.gives);
    countRow(row, this.#sums);
    // Each gzip call sets up 256 KB of its own: small sections wait until they are worth one.
    if (sections.outcomes.length >= FLUSH_BYTES) sections.zip(FLUSH_BYTES);
  }
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

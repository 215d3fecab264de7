import type { ItemError } from '../core/errors.ts';
import { fromSparse, type Histogram, newHistogram, record, toSparse } from '../core/histogram.ts';
import { type Counts, noCounts, type Status } from '../core/outcome.ts';
import { assemblePart, type CodeCount, compress, type Trailer, type WorkerShare } from './part.ts';
import { type PartBytes, rawSection } from './read-part.ts';

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
  /** The whole prefix as a part. */
  toPart(usage: { cpuMs: number; rssBytes: number }): WrittenPart;
}

export interface WrittenPart {
  body: Buffer[];
  counts: Counts;
  codes: Record<string, CodeCount>;
}

export interface RowsOptions {
  first: number;
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

/** Codes kept apart per part; failures with any other count as OTHER (a code is a name, not data). */
const MAX_CODES = 50;

/**
 * Text that is held before it is compressed. Rows that live as long as their chunk are copied by every
 * collection of the young heap: with 1.3 KB a row that was a quarter of the CPU (measured).
 */
const FLUSH_CHARS = 128 * 1024;

const SECTION_NUMBERS = [0, 1, 2] as const;

type Facts = Omit<Trailer, 'v' | 'sha256' | 'durations'>;

export function newRows(options: RowsOptions): Rows {
  const { first, worker, process, startedAt, feeds, saved } = options;
  const facts = saved ? factsOf(saved.trailer) : noFacts(first, feeds);
  const durations = saved ? fromSparse(saved.trailer.durations) : newHistogram();
  const sections: [Buffer[], Buffer[], Buffer[]] = saved ? savedSections(saved.part) : [[], [], []];
  const share: WorkerShare = facts.workers[worker] ?? { items: 0, failed: 0, busyMs: 0 };
  let open: (Row | undefined)[] = [];
  let contiguous = 0;
  let chars = 0;
  let headed = false;
  /** Text of each section that is not compressed yet. */
  let texts: [string, string, string] = ['', '', ''];
  const sums = { facts, durations, share, startedAt };
  let given = 0;

  const zip = (section: 0 | 1 | 2, least: number): void => {
    if (texts[section].length < least) return;
    const member = compress(texts[section]);
    sections[section].push(member);
    texts[section] = '';
    if (section > 0) return;
    facts.gives?.push([member.length, given]);
    given = 0;
  };
  const flush = (): void => {
    if (contiguous === 0 && headed) return;
    // Strings that are added up are written to bytes once; map and join cost a third more (measured).
    let [outcomes, attempts, log] = texts;
    if (!headed) attempts += `{"worker":${JSON.stringify(worker)},"at":${startedAt}}\n`;
    headed = true;
    for (let at = 0; at < contiguous; at += 1) {
      const row = open[at] as Row;
      outcomes += row.outcome;
      given += row.gives;
      attempts += attemptLine(row);
      if (row.log !== undefined) log += row.log;
      count(row, sums);
    }
    texts = [outcomes, attempts, log];
    open = open.slice(contiguous);
    contiguous = 0;
    chars = 0;
    // Each gzip call sets up 256 KB of its own: small sections wait until they are worth one.
    for (const section of SECTION_NUMBERS) zip(section, FLUSH_CHARS);
    if (share.items > 0) facts.workers[worker] = share;
  };

  return {
    get cursor() {
      return facts.items + contiguous;
    },
    has: (position) => position < facts.items || open[position - facts.items] !== undefined,
    put(position, row) {
      open[position - facts.items] = row;
      for (let next = open[contiguous]; next !== undefined; next = open[contiguous]) {
        contiguous += 1;
        chars += next.outcome.length;
      }
      if (chars >= FLUSH_CHARS) flush();
    },
    toPart(usage) {
      flush();
      // A section always holds a member, be it of nothing, so that it unzips.
      for (const section of SECTION_NUMBERS) zip(section, sections[section].length === 0 ? 0 : 1);
      facts.processes[process] = usage;
      const body = assemblePart(sections, { ...facts, durations: toSparse(durations) });
      return { body, counts: { ...facts.counts }, codes: structuredClone(facts.codes) };
    },
  };
}

/** `[tries, ms from the header's time, µs it took]`, and for a failed item what it keeps. */
const attemptLine = ({ tries, at, endedAt, extra }: Row): string =>
  `[${tries},${Math.round(at)},${Math.round((endedAt - at) * 1000)}${extra === undefined ? '' : `,${extra}`}]\n`;

interface Sums {
  facts: Facts;
  durations: Histogram;
  share: WorkerShare;
  startedAt: number;
}

function count(row: Row, { facts, durations, share, startedAt }: Sums): void {
  facts.items += 1;
  facts.counts[row.status] += 1;
  if (row.error !== undefined) countCode(facts.codes, row.error);
  if (row.tries > 1) facts.retried += 1;
  if (row.tries === 0) return;
  record(durations, row.endedAt - row.at);
  const [startAt, endAt] = [startedAt + row.at, startedAt + row.endedAt];
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

const noFacts = (first: number, feeds: boolean): Facts => ({
  ...(feeds ? { gives: [] } : {}),
  first,
  items: 0,
  counts: noCounts(),
  codes: {},
  retried: 0,
  firstAt: 0,
  lastAt: 0,
  workers: {},
  processes: {},
});

function factsOf(trailer: Trailer): Facts {
  const { v: _v, sha256: _sha256, durations: _durations, ...facts } = structuredClone(trailer);
  return facts;
}

const savedSections = (part: PartBytes): [Buffer[], Buffer[], Buffer[]] => [
  [Buffer.from(rawSection(part, 'outcomes'))],
  [Buffer.from(rawSection(part, 'attempts'))],
  [Buffer.from(rawSection(part, 'log'))],
];

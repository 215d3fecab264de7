import { hash as digestOf } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import { groupKey } from '../core/group.ts';
import type { Stage } from '../core/stage.ts';
import { type GivenBytes, givenBytes } from './given-lines.ts';
import { newTextBytes } from './text-bytes.ts';

/**
 * A shuffle object holds what a part gives to a groupBy stage, sorted by (SHA-256 of the key, key, place): blocks of
 * rows, each a gzip member; an index of one JSON line; a foot of fixed size. Whatever the size of the part, it is one
 * object, and a worker reads of it the blocks of its own hashes. It is gzip from end to end, as a part is.
 *
 * A block is runs of one key: a line `<12 hex digits of the hash> <rows> <numbers> <key as JSON>`, then a line a row. The
 * numbers of the items that gave the rows are `7,0,3` for 7, 7 and 10; `-` where a group gave them, which has none.
 */
export interface ShuffleIndex {
  v: 1;
  segments: ShuffleSegment[];
}

/** What was sorted at a time: a part of many values is several, and each holds the rows behind those of the one before. */
export interface ShuffleSegment {
  /** First and last prefix, compressed bytes, rows, bytes before compression. */
  blocks: [first: number, last: number, zipped: number, rows: number, bytes: number][];
}

/** Rows that are sorted together. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** A segment has so many blocks at most, but for heavy keys: an index of 2 KB. */
const BLOCKS = 64;
/** Each block costs 0.1 ms to compress, and 60 bytes of frame and index. */
const BLOCK_BYTES = 4 * 1024;
/** A heavy key's blocks are no longer than this. */
const MAX_BLOCK_BYTES = 256 * 1024;

/** Small blocks need no 32 KB of window: they unpack in half the time (measured). */
const ZIP = { level: 1, windowBits: 13, memLevel: 6 } as const;

const FOOT_TEXT_BYTES = 80;
/** A stored gzip member is its text and 23 bytes of frame. */
export const SHUFFLE_FOOT_BYTES = FOOT_TEXT_BYTES + 23;

/** The first 48 bits of the SHA-256 of a key's UTF-8 bytes, as 12 hex digits. */
const hashOf = (key: string): string => fullHash(key).slice(0, HASH_DIGITS);
const fullHash = (key: string): string => digestOf('sha256', key, 'hex');
export const HASH_DIGITS = 12;
export const prefixOf = (hash: string): number => Number.parseInt(hash.slice(0, 8), 16);

/** The order of groups. Two keys have one hash where unpaired surrogates, which UTF-8 does not have, tell them apart. */
export function compareKeys(
  a: { hash: string; key: string },
  b: { hash: string; key: string },
): number {
  if (a.hash !== b.hash) return a.hash < b.hash ? -1 : 1;
  if (a.key === b.key) return 0;
  const [left, right] = [fullHash(a.key) + a.key, fullHash(b.key) + b.key];
  return left < right ? -1 : 1;
}

interface Entry {
  hash: string;
  key: string;
  row: GivenBytes;
}

/**
 * The shuffle object of a part, whose outcomes are given as runs of gzip members: a pure function of them and of the
 * stage that groups, so an attempt that goes on where another one died makes the same.
 *
 * @param known keys by the number of the item, of items that give one row: these rows are not parsed again
 */
export function shuffleOf(
  outcomes: readonly Buffer[],
  stage: Pick<Stage, 'name' | 'key'>,
  known: ReadonlyMap<number, string> = NONE,
): Buffer[] {
  const members: Buffer[] = [];
  const segments: ShuffleSegment[] = [];
  const hashes = new Map<string, string>();
  let entries: Entry[] = [];
  let bytes = 0;
  const flush = (): void => {
    const { blocks, bodies } = segmentOf(entries, bytes);
    members.push(...bodies);
    segments.push({ blocks });
    [entries, bytes] = [[], 0];
  };
  for (const member of outcomes) {
    for (const row of givenBytes(gunzipSync(member))) {
      const key = known.get(row.item) ?? keyOf(stage, parsed(row));
      const hash = hashes.get(key) ?? hashOf(key);
      hashes.set(key, hash);
      entries.push({ hash, key, row });
      bytes += row.to - row.from;
      if (bytes >= SEGMENT_BYTES) flush();
    }
    if (hashes.size > HASHES) hashes.clear();
  }
  if (entries.length > 0) flush();
  const index = gzipSync(`${JSON.stringify({ v: 1, segments } satisfies ShuffleIndex)}\n`, ZIP);
  const data = members.reduce((sum, member) => sum + member.length, 0);
  const text = `{"sluice":"shuffle/1","bytes":[${data},${index.length}]}`.padEnd(
    FOOT_TEXT_BYTES - 1,
  );
  return [...members, index, gzipSync(`${text}\n`, { level: 0 })];
}

const NONE: ReadonlyMap<number, string> = new Map();
/** Hashes that are remembered: a key mostly comes again soon, or not at all. */
const HASHES = 100_000;

/** The key was fit when the item ended: one that changed since would put a row into no group, or into two. */
function keyOf(stage: Pick<Stage, 'name' | 'key'>, value: unknown): string {
  const found = groupKey(stage, value);
  if ('key' in found) return found.key;
  throw new SluiceError('BAD_JOB', `${found.error.message} Before, the same row had a key.`, {
    hint: 'Let key(row) depend on the row alone.',
  });
}

const parsed = ({ bytes, from, to }: GivenBytes): unknown =>
  JSON.parse(bytes.toString('utf8', from, to));

/** Sorts rows and cuts them into blocks; a heavy key's blocks hold nothing else. */
function segmentOf(
  entries: Entry[],
  bytes: number,
): { blocks: ShuffleSegment['blocks']; bodies: Buffer[] } {
  const most = Math.min(Math.max(BLOCK_BYTES, Math.ceil(bytes / BLOCKS)), MAX_BLOCK_BYTES);
  const blocks: ShuffleSegment['blocks'] = [];
  const bodies: Buffer[] = [];
  const text = newTextBytes();
  let open = { rows: 0, first: 0, last: 0 };
  const close = (): void => {
    if (open.rows === 0) return;
    const { first, last, rows } = open;
    text.take((plain) => {
      const body = gzipSync(plain, ZIP);
      bodies.push(body);
      blocks.push([first, last, body.length, rows, plain.length]);
    });
    open = { rows: 0, first: 0, last: 0 };
  };
  // Stable: rows of one key stay in input order.
  entries.sort(compareKeys);
  for (const run of runsOf(entries, most)) {
    if (text.length + run.bytes > most) close();
    const { hash, key } = entries[run.from] as Entry;
    const prefix = prefixOf(hash);
    if (open.rows === 0) open.first = prefix;
    open.last = prefix;
    open.rows += run.to - run.from;
    const numbers = numbersOf(entries, run);
    text.add(`${hash} ${run.to - run.from} ${numbers} ${JSON.stringify(key)}\n`);
    for (let at = run.from; at < run.to; at += 1) {
      const { row } = entries[at] as Entry;
      text.addLine(row.bytes, row.from, row.to);
    }
    if (text.length >= most) close();
  }
  close();
  return { blocks, bodies };
}

function numbersOf(entries: readonly Entry[], { from, to }: Pick<Run, 'from' | 'to'>): string {
  let before = (entries[from] as Entry).row.item;
  if (Number.isNaN(before)) return UNNUMBERED;
  let text = `${before}`;
  for (let at = from + 1; at < to; at += 1) {
    const next = (entries[at] as Entry).row.item;
    text += `,${next - before}`;
    before = next;
  }
  return text;
}

const UNNUMBERED = '-';

interface Run {
  from: number;
  to: number;
  bytes: number;
}

/** Rows of one key, cut where they fill a block; there is at least one row. */
function* runsOf(entries: readonly Entry[], most: number): Generator<Run> {
  let run: Run = { from: 0, to: 0, bytes: 0 };
  for (const [at, { key, row }] of entries.entries()) {
    const same = at > run.from && (entries[run.from] as Entry).key === key;
    if (at > run.from && (!same || run.bytes >= most)) {
      yield run;
      run = { from: at, to: at, bytes: 0 };
    }
    run.to = at + 1;
    run.bytes += row.to - row.from + 1;
  }
  yield run;
}

import type { ChunkRange } from './records.ts';

/** Groups are cut by the first 32 bits of the SHA-256 of their keys. */
export const PREFIXES = 2 ** 32;

/** One border of a groupBy stage: how many groups a chunk has is not known yet. */
export interface GroupCut {
  range: Omit<ChunkRange, 'count'>;
  cursor: string;
}

/** A block of a shuffle object: rows sorted by the hash of their keys, from one prefix to another. */
export interface BlockFacts {
  /** Prefixes of its first and of its last row. */
  first: number;
  last: number;
  rows: number;
  /** Before compression. */
  bytes: number;
}

/** What a worker of a groupBy stage holds at once: the text of its rows, and what each row costs beside it. */
const CHUNK_BYTES = 6 * 1024 * 1024;
/** A row that is a group of its own takes about so much more: the group, its key, its place. */
export const ROW_BYTES = 150;

const heldBytes = ({ rows, bytes }: Pick<BlockFacts, 'rows' | 'bytes'>): number =>
  bytes + ROW_BYTES * rows;
/** Pairs of a part and a chunk, each one or two requests of whoever works the chunk: 0.02 dollars on S3. */
const MAX_READS = 20_000;
/** Borders lie between so many prefixes: fine enough for 4,000 chunks of 16 each. */
const BUCKETS = 65_536;
const BUCKET_PREFIXES = PREFIXES / BUCKETS;

export interface GroupCutOptions {
  /** Parts of the stage before. */
  parts: number;
  /** Rows of a chunk, where the bounds on bytes and requests leave a choice. */
  chunk: number;
}

/** How many chunks a groupBy stage has, about: as many as memory needs, more while requests are few. */
function groupChunks(
  { rows, bytes }: Pick<BlockFacts, 'rows' | 'bytes'>,
  { parts, chunk }: GroupCutOptions,
): number {
  const byRequests = Math.floor(MAX_READS / Math.max(parts, 1));
  const byRows = Math.min(Math.ceil(rows / chunk), byRequests);
  return Math.max(1, Math.ceil(heldBytes({ rows, bytes }) / CHUNK_BYTES), byRows);
}

/**
 * Cuts the hashes into ranges of about as many rows: a pure function of the blocks, which come in the order of their
 * parts, and of frozen options. A block's rows count as spread evenly over its prefixes, so counts are about right and
 * heavy keys, which have blocks of their own, are exact.
 */
export function cutGroups({ total, buckets }: BlockSums, options: GroupCutOptions): GroupCut[] {
  if (total.rows === 0) return [];
  const wanted = total.rows / groupChunks(total, options);
  const ends: number[] = [];
  let open = { rows: 0, bytes: 0 };
  for (const [at, { rows, bytes }] of buckets()) {
    const held = heldBytes(open) + heldBytes({ rows, bytes });
    const full = held > CHUNK_BYTES || rows >= wanted;
    if (open.rows > LEAST_ROWS && full) {
      ends.push(at);
      open = { rows: 0, bytes: 0 };
    }
    open = { rows: open.rows + rows, bytes: open.bytes + bytes };
    if (open.rows < wanted - LEAST_ROWS) continue;
    ends.push(at + 1);
    open = { rows: 0, bytes: 0 };
  }
  // What is left over by rounding is no chunk of its own.
  if (open.rows <= LEAST_ROWS) ends.pop();
  ends.push(BUCKETS);
  return ends.map((end, at) => cutOf(at, { start: ends[at - 1] ?? 0, end, ...options }));
}

/** Less than this is what rounding leaves. */
const LEAST_ROWS = 0.5;

function cutOf(
  at: number,
  { start, end, parts }: { start: number; end: number; parts: number },
): GroupCut {
  const [from, to] = [start * BUCKET_PREFIXES, end * BUCKET_PREFIXES];
  // Any number that no other chunk's groups have, of 31 bits: what tells them apart where they run.
  const range = { source: 0, start: from, end: to, first: Math.floor(from / 2), last: parts - 1 };
  return { range, cursor: `${at + 1}:${to}:0` };
}

/** Of all blocks, in 1 MB however many there are. */
export interface BlockSums {
  add(block: BlockFacts): void;
  readonly total: { rows: number; bytes: number };
  buckets(): Generator<[number, { rows: number; bytes: number }]>;
}

/** Rows and bytes by bucket, as differences from bucket to bucket: a block is two additions, however wide. */
export function newBlockSums(): BlockSums {
  const total = { rows: 0, bytes: 0 };
  const rowSteps = new Float64Array(BUCKETS + 1);
  const byteSteps = new Float64Array(BUCKETS + 1);
  return {
    total,
    add({ first, last, rows, bytes }) {
      total.rows += rows;
      total.bytes += bytes;
      const from = Math.floor(first / BUCKET_PREFIXES);
      const to = Math.floor(last / BUCKET_PREFIXES) + 1;
      step(rowSteps, { from, to, amount: rows / (to - from) });
      step(byteSteps, { from, to, amount: bytes / (to - from) });
    },
    *buckets() {
      let [rows, bytes] = [0, 0];
      for (let at = 0; at < BUCKETS; at += 1) {
        rows += rowSteps[at] as number;
        bytes += byteSteps[at] as number;
        yield [at, { rows, bytes }];
      }
    },
  };
}

function step(
  steps: Float64Array,
  { from, to, amount }: { from: number; to: number; amount: number },
): void {
  steps[from] = (steps[from] as number) + amount;
  steps[to] = (steps[to] as number) - amount;
}

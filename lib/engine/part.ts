import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { ErrorKind } from '../core/errors.ts';
import type { SparseHistogram } from '../core/histogram.ts';
import type { HostUse } from '../core/http-meter.ts';
import type { Counts } from '../core/outcome.ts';
import type { OpenPoll } from '../core/poll.ts';
import type { Row } from './rows.ts';

/**
 * A part is what one attempt of a chunk wrote: one object of three gzip sections (outcomes, attempts,
 * log lines), a trailer section with one JSON line, and a foot of fixed size with their lengths. It is
 * gzip from end to end, so `zcat` reads it, and a suffix read finds every section. A part without its
 * foot, or whose lengths do not add up, is damaged (gunzip alone accepts a cut at a section's end).
 */
export const SECTIONS = ['outcomes', 'attempts', 'log', 'trailer'] as const;
export type Section = (typeof SECTIONS)[number];

/** The facts of a part: the report's times come from here, since finalise has no clock. */
export interface Trailer {
  v: 1;
  /** Index of the first item, where that is known (not of groups), and how many rows there are. */
  first?: number;
  items: number;
  counts: Counts;
  codes: Record<string, CodeCount>;
  /** Items tried more than once. */
  retried: number;
  /** Durations of items in ms. */
  durations: SparseHistogram;
  /** When the first item started and the last ended, ms since 1970; 0 when none ran. */
  firstAt: number;
  lastAt: number;
  workers: Record<string, WorkerShare>;
  /** CPU ms so far and resident bytes of each process that worked on it, when it wrote. */
  processes: Record<string, { cpuMs: number; rssBytes: number }>;
  /** Of a stage that feeds another: bytes of each gzip member of the outcomes, and how many items its rows give. */
  gives?: [bytes: number, items: number][];
  /** Calls by host, of a job that called some. */
  http?: Record<string, HostUse>;
  /** SHA-256 of the shuffle object beside it, of a part that feeds a groupBy. */
  shuffle?: string;
  /** SHA-256s of each 1,000 outcome lines, base64; absent of a part that went on with a save. */
  blocks?: string;
  /** SHA-256 of the first three sections' bytes. */
  sha256: [string, string, string];
  /** Of a save only: rows behind a gap by their place in the chunk, and the remote work that is waited for. */
  ahead?: [number, Row][];
  polls?: OpenPoll[];
}

export interface CodeCount {
  kind: ErrorKind;
  items: number;
}

export interface WorkerShare {
  items: number;
  failed: number;
  busyMs: number;
}

/** Level 1: 145 MB/s against 60 at level 6, for outcomes that are a sixth larger (measured). */
const LEVEL = 1;

/** Bytes that come back at a time, for a result in one piece: in Node's 16 KiB a section of 350 KB is put together from 22. */
const pieceBytes = (textBytes: number): number => Math.max(16 * 1024, Math.ceil(textBytes / 3));

export const compress = (text: Uint8Array): Buffer =>
  text.length === 0 ? EMPTY : gzipSync(text, { level: LEVEL, chunkSize: pieceBytes(text.length) });

/** A section without a text still holds a member, so that it unzips; half of all log sections are it. */
const EMPTY = gzipSync('', { level: LEVEL });

/** Lengths are padded, so that the foot always has the same size. */
const FOOT_TEXT_BYTES = 80;
/** A stored gzip member is its text and 23 bytes of frame. */
export const FOOT_BYTES = FOOT_TEXT_BYTES + 23;

/** The bytes of a part whose first three sections are given as runs of gzip members. */
export function assemblePart(
  sections: readonly [Buffer[], Buffer[], Buffer[]],
  facts: Omit<Trailer, 'v' | 'sha256'>,
): Buffer[] {
  const sha256 = sections.map(digest) as Trailer['sha256'];
  const trailer = compress(
    Buffer.from(`${JSON.stringify({ v: 1, ...facts, sha256 } satisfies Trailer)}\n`),
  );
  const lengths = [...sections.map(lengthOf), trailer.length];
  // Whoever does not know of polls must not go on without them: they would be submitted again.
  const version = facts.ahead === undefined && facts.polls === undefined ? 1 : 2;
  const text = `{"sluice":"part/${version}","bytes":${JSON.stringify(lengths)}}`.padEnd(
    FOOT_TEXT_BYTES - 1,
  );
  return [...sections.flat(), trailer, gzipSync(`${text}\n`, { level: 0 })];
}

export const digest = (members: readonly Buffer[]): string => {
  const hash = createHash('sha256');
  for (const member of members) hash.update(member);
  return hash.digest('hex');
};

const lengthOf = (members: Buffer[]): number =>
  members.reduce((sum, member) => sum + member.length, 0);

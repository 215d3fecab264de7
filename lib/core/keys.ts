import type { RecordKey } from './change.ts';

/** Chunks a tally covers: 100 marks of about 6 bytes and 40 counters stay near 1 KB, one DynamoDB write unit. */
export const CHUNKS_PER_TALLY = 100;

/** The partition of the list of batches: one record each, so that `list` and sweep need no scan. */
export const LIVE = 'live';

/** A stage of one round of one batch: every key below begins with the round. */
export interface StageId {
  batch: string;
  round: number;
  stage: number;
}

export interface ChunkId extends StageId {
  chunk: number;
}

const pad = (n: number, width: number): string => String(n).padStart(width, '0');
const stagePath = ({ round, stage }: StageId): string => `${pad(round, 4)}/${pad(stage, 2)}`;

export const batchKey = (batch: string): RecordKey => ({ batch, sort: 'B' });
export const liveKey = (batch: string): RecordKey => ({ batch: LIVE, sort: batch });
/** How a round ended, kept when the next one begins. */
export const endedRoundKey = (batch: string, round: number): RecordKey => ({
  batch,
  sort: `E${pad(round, 4)}`,
});
/** Which local process runs the batch; the others follow it. */
export const runnerKey = (batch: string): RecordKey => ({ batch, sort: 'R' });
export const stageKey = (id: StageId): RecordKey => ({
  batch: id.batch,
  sort: `S${stagePath(id)}`,
});
export const chunkKey = (id: ChunkId): RecordKey => ({
  batch: id.batch,
  sort: `C${stagePath(id)}/${pad(id.chunk, 9)}`,
});
export const tallyKey = (id: StageId, tally: number): RecordKey => ({
  batch: id.batch,
  sort: `T${stagePath(id)}/${pad(tally, 7)}`,
});
export const tallyOf = (chunk: number): number => Math.floor(chunk / CHUNKS_PER_TALLY);

/** Object keys. A part's name carries the epoch, so no attempt ever overwrites another's. */
const roundPath = (batch: string, round: number): string => `batches/${batch}/r${round}`;
export const inputKey = (batch: string): string => `batches/${batch}/input.json`;
export const spoolKey = (batch: string, source: number, piece: number): string =>
  `batches/${batch}/spool/${pad(source, 5)}/${pad(piece, 6)}`;
export const spoolIndexKey = (batch: string, source: number): string =>
  `batches/${batch}/spool/${pad(source, 5)}/index.json`;
export const partsPrefix = (id: StageId): string =>
  `${roundPath(id.batch, id.round)}/parts/${id.stage}/`;
export const partKey = (id: ChunkId, epoch: number): string =>
  `${partsPrefix(id)}${pad(id.chunk, 6)}-${epoch}.gz`;
/** Beside each part of a stage before a groupBy: its rows by the hash of their keys. */
export const shufflePrefix = (id: StageId): string =>
  `${roundPath(id.batch, id.round)}/shuffle/${id.stage}/`;
export const shuffleKey = (id: ChunkId, epoch: number): string =>
  `${shufflePrefix(id)}${pad(id.chunk, 6)}-${epoch}.gz`;
/** Which of them count: the epochs of the stage's marks. */
export const shuffleListKey = (id: StageId): string => `${shufflePrefix(id)}parts.json`;
export const savedPrefix = (id: StageId): string =>
  `${roundPath(id.batch, id.round)}/saved/${id.stage}/`;
export const savedKey = (id: ChunkId, epoch: number, save: number): string =>
  `${savedPrefix(id)}${pad(id.chunk, 6)}-${epoch}-${save}.gz`;
/** The bundled job file that the batch was started with. */
export const jobKey = (batch: string): string => `batches/${batch}/job.mjs`;
/** The one that a round runs; of a later round named by content, as its list is. */
export const roundJobKey = (batch: { id: string; round: number; digest: string }): string =>
  batch.round === 0
    ? jobKey(batch.id)
    : `${roundPath(batch.id, batch.round)}/job-${batch.digest.slice(0, 16)}.mjs`;
/** What a later round runs again. Named by content: two retries that race never write one object. */
export const retryListPrefix = (batch: string, round: number): string =>
  `${roundPath(batch, round)}/retry-`;
export const retryListKey = (batch: string, round: number, sha256: string): string =>
  `${retryListPrefix(batch, round)}${sha256.slice(0, 16)}.jsonl`;
export const REPORT_FILES = [
  'report.json',
  'report.html',
  'failures.jsonl',
  'manifest.jsonl',
  'log.jsonl.gz',
] as const;
export type ReportFile = (typeof REPORT_FILES)[number];
export const reportKey = (batch: string, round: number, file: ReportFile): string =>
  `${roundPath(batch, round)}/${file}`;

import type { StoredRecord } from '../core/change.ts';
import type { RunnerNote } from '../core/figures.ts';
import {
  CHUNKS_PER_TALLY,
  chunkKey,
  runnerKey,
  type StageId,
  tallyKey,
  tallyOf,
} from '../core/keys.ts';
import { hasEnded, markName } from '../core/transitions.ts';
import { type Batch, requireStage, stagesOf } from '../engine/batch.ts';
import type { Place } from './place.ts';

/**
 * Whether somebody works on the batch. In a home: the process that holds the batch's lease, and is not proved
 * dead on this host. In a stack the functions do, until a pause has come to all of them.
 */
export async function hasRunner(
  place: Place & { kind: 'home' | 'stack' },
  batch: Batch,
): Promise<boolean> {
  if (place.kind === 'stack') return batch.stop !== 'pause' || isHeld(place, batch);
  return (await runnerOf(place, batch.id)).alive;
}

/** A note is written each second: an older one is of a process that stands still. */
const NOTE_MS = 15_000;

/** The process that runs a batch of a home, and what it noted last. */
export async function runnerOf(
  { store, host, clock }: Pick<Place, 'store' | 'host' | 'clock'>,
  batch: string,
): Promise<{ alive: boolean; note?: RunnerNote }> {
  const record = await store.read(runnerKey(batch));
  const { owner, lease = 0, note } = record ?? {};
  const now = clock.now();
  if (typeof owner !== 'string' || host.isDead(owner) || Number(lease) <= now) {
    return { alive: false };
  }
  const noted = typeof note === 'string' ? (JSON.parse(note) as RunnerNote) : undefined;
  const fresh = noted !== undefined && Math.abs(now - noted.at) < NOTE_MS;
  return fresh ? { alive: true, note: noted } : { alive: true };
}

/** A worker holds one of the chunks: a pause makes it save, and give its lease back. */
async function isHeld({ store, clock }: Place, batch: Batch): Promise<boolean> {
  for (const id of stagesOf(batch)) {
    const { low, rel } = await requireStage(store, id);
    for (let tally = low; tally * CHUNKS_PER_TALLY < rel; tally += 1) {
      const open = await openChunks(store, { ...id, rel, tally });
      if (open.some(({ lease = 0 }) => Number(lease) > clock.now())) return true;
    }
  }
  return false;
}

/** Chunks of a tally that were released and not committed. */
async function openChunks(
  store: Place['store'],
  { rel, tally, ...id }: StageId & { rel: number; tally: number },
): Promise<StoredRecord[]> {
  const first = tally * CHUNKS_PER_TALLY;
  const last = Math.min(first + CHUNKS_PER_TALLY, rel) - 1;
  const keys = [first, last].map((chunk) => chunkKey({ ...id, chunk }).sort) as [string, string];
  const marks = (await store.read(tallyKey(id, tallyOf(first)))) ?? {};
  const chunks = await store.query(id.batch, ...keys);
  return chunks
    .filter((_, at) => marks[markName(first + at)] === undefined)
    .map(({ record }) => record);
}

/** How a batch stands, in a word for people. */
export function standing(batch: Batch, runner: boolean): string {
  if (hasEnded(batch.status)) return batch.status;
  if (batch.stop === 'pause') return runner ? 'pausing' : 'paused';
  if (!runner) return 'interrupted';
  if (batch.status === 'ending') return 'ending';
  return batch.stop === 'none' ? 'running' : 'stopping';
}

/** Whether a word of `standing` is an end. */
export const isEnd = (word: string): boolean =>
  ['done', 'cancelled', 'stopped', 'failed'].includes(word);

/** Whether by a word of `standing` somebody works on the batch: one that is paused or was interrupted is left alone. */
export const isWorked = (word: string): boolean =>
  ['running', 'ending', 'stopping', 'pausing'].includes(word);

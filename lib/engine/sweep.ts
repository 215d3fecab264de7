import type { StoredRecord } from '../core/change.ts';
import {
  CHUNKS_PER_TALLY,
  chunkKey,
  liveKey,
  type StageId,
  stageKey,
  tallyKey,
  tallyOf,
} from '../core/keys.ts';
import {
  copyHalt,
  endLive,
  hasEnded,
  isCancel,
  markName,
  markSent,
  noteSeen,
} from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import {
  type Batch,
  type LiveEntry,
  readBatch,
  requireStage,
  type Stage,
  stagesOf,
} from './batch.ts';
import type { Engine, SettlePorts } from './engine.ts';
import { sendChunks, sendStep } from './send.ts';
import { settle } from './settle.ts';
import { readSums } from './sums.ts';

/** How long after its lease, delay or last message a chunk is left alone. */
export const GRACE_MS = 30_000;
/** A batch that runs and commits nothing for so long is told of: longer than any function lives. */
const STALLED_MS = 1_800_000;

type SweepPorts = SettlePorts & Pick<Engine, 'clock' | 'host'>;

/** What one sweep found, for metrics and logs. */
export interface Swept {
  /** Chunks that were sent again. */
  resent: number;
  /** The batch runs, and no chunk was committed for half an hour. */
  stalled: boolean;
}

/**
 * The batch of a list entry, while there is something to sweep; the entry of one that ended is closed.
 * `absent`: whoever started it died before its batch record, so that it was never started.
 */
export async function liveBatch(
  store: CheckpointStore,
  entry: LiveEntry,
): Promise<Batch | 'ended' | 'absent'> {
  if (hasEnded(entry.status)) return 'ended';
  const batch = await readBatch(store, entry.id);
  if (batch === undefined) return 'absent';
  if (!hasEnded(batch.status)) return batch;
  if (batch.round === entry.round && batch.end !== undefined) {
    await store.change(liveKey(batch.id), endLive(entry.round, batch.end));
  }
  return 'ended';
}

/**
 * PROTOCOL sweep of one batch: works from state, so that losing every message loses nothing. `graceMs` 0
 * is a resume: waits for nobody but living owners and delays.
 */
export async function sweepBatch(
  engine: SweepPorts,
  batch: Batch,
  { graceMs }: { graceMs: number },
): Promise<Swept> {
  const swept: Swept = { resent: 0, stalled: false };
  let planned = false;
  for (const id of stagesOf(batch)) {
    await engine.store.change(stageKey(id), copyHalt(batch.stop, batch.ver));
    const stage = await requireStage(engine.store, id);
    if (stage.sealed === undefined && stage.halt === undefined) {
      const stands = stage.swept === stage.cur || graceMs === 0;
      if (!stands) await engine.store.change(stageKey(id), noteSeen({ swept: stage.cur }));
      // Of several stages the first that is open: a planner plans stage 0 and settles all, so one for each walked the same folders beside the others.
      else if (!planned) await sendStep(engine, 'plan', id);
      planned = true;
    }
    if (stage.halt !== 'pause') swept.resent += await resend(engine, id, { stage, graceMs });
    await settle(engine, id);
    if (stage.halt !== 'pause' && (await standsStill(engine, id, stage))) swept.stalled = true;
  }
  return swept;
}

/** One write a sweep while chunks are committed, none while nothing moves. */
async function standsStill(engine: SweepPorts, id: StageId, stage: Stage): Promise<boolean> {
  const { done } = await readSums(engine.store, id, stage);
  const now = engine.clock.now();
  if (stage.progress === done && stage.progressAt !== undefined) {
    return now - stage.progressAt > STALLED_MS;
  }
  await engine.store.change(stageKey(id), noteSeen({ progress: done, progressAt: now }));
  return false;
}

/** Returns how many chunks were sent. */
async function resend(
  engine: SweepPorts,
  id: StageId,
  { stage, graceMs }: { stage: Stage; graceMs: number },
): Promise<number> {
  let sent = 0;
  const now = engine.clock.now();
  for (let tally = stage.low; tally <= tallyOf(Math.max(stage.rel - 1, 0)); tally += 1) {
    const first = tally * CHUNKS_PER_TALLY;
    const end = Math.min(first + CHUNKS_PER_TALLY, stage.rel);
    const marks = (await engine.store.read(tallyKey(id, tally))) ?? {};
    const chunks = await engine.store.query(
      id.batch,
      chunkKey({ ...id, chunk: first }).sort,
      chunkKey({ ...id, chunk: end - 1 }).sort,
    );
    for (const [at, { record }] of chunks.entries()) {
      const chunk = first + at;
      if (chunk >= end || marks[markName(chunk)] !== undefined) continue;
      const due = dueIn(engine, record, { now, graceMs, cancelled: isCancel(stage.halt) });
      if (due === 'leave') continue;
      const [sentAt, epoch] = [record['sentAt'] as number, record['epoch'] as number];
      const answer = await engine.store.change(
        chunkKey({ ...id, chunk }),
        markSent(sentAt, epoch, now),
      );
      if (!answer.applied || due === 'note') continue;
      await sendChunks(engine, id, { from: chunk, to: chunk + 1, delayMs: due });
      sent += 1;
    }
  }
  return sent;
}

/**
 * With what delay (ms) an unmarked chunk should be sent again. `note`: released, but never claimed or
 * swept; its message may be on its way, so its time begins now.
 */
function dueIn(
  engine: SweepPorts,
  record: StoredRecord,
  { now, graceMs, cancelled }: { now: number; graceMs: number; cancelled: boolean },
): number | 'leave' | 'note' {
  const [lease, resumeAt, sentAt] = [
    record['lease'],
    record['resumeAt'],
    record['sentAt'],
  ] as number[];
  const owner = record['owner'] as string | undefined;
  const dead = owner !== undefined && engine.host.isDead(owner);
  const waitsUntil = cancelled ? 0 : (resumeAt as number);
  if ((lease as number) > now && !dead) return 'leave';
  if (graceMs === 0 || dead) return Math.max(0, waitsUntil - now);
  if (waitsUntil > now) return 'leave';
  const last = Math.max(lease as number, waitsUntil, sentAt as number);
  if (last === 0) return 'note';
  return last + graceMs < now ? 0 : 'leave';
}

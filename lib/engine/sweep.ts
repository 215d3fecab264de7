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
  noteSwept,
} from '../core/transitions.ts';
import { type Batch, listBatches, readBatch, requireStage, type Stage, stagesOf } from './batch.ts';
import type { Engine } from './engine.ts';
import { sendChunks, sendStep } from './send.ts';
import { settle } from './settle.ts';

/** How long after its lease, delay or last message a chunk is left alone. */
const GRACE_MS = 30_000;

/** PROTOCOL sweep: works from state, so that losing every message loses nothing. */
export async function sweep(engine: Engine): Promise<void> {
  for (const entry of await listBatches(engine.store)) {
    if (hasEnded(entry.status)) continue;
    const batch = await readBatch(engine.store, entry.id);
    if (batch === undefined) continue;
    if (hasEnded(batch.status)) await closeEntry(engine, batch, entry.round);
    else await sweepBatch(engine, batch, { graceMs: GRACE_MS });
  }
}

async function closeEntry(engine: Engine, batch: Batch, round: number): Promise<void> {
  if (batch.round === round && batch.end !== undefined) {
    await engine.store.change(liveKey(batch.id), endLive(round, batch.end));
  }
}

/** One batch. `graceMs` 0 is a resume: waits for nobody but living owners and delays. */
export async function sweepBatch(
  engine: Engine,
  batch: Batch,
  { graceMs }: { graceMs: number },
): Promise<void> {
  for (const id of stagesOf(batch)) {
    await engine.store.change(stageKey(id), copyHalt(batch.stop, batch.ver));
    const stage = await requireStage(engine.store, id);
    if (stage.sealed === undefined && stage.halt === undefined) {
      if (stage.swept === stage.cur || graceMs === 0) await sendStep(engine, 'plan', id);
      else await engine.store.change(stageKey(id), noteSwept(stage.cur));
    }
    if (stage.halt !== 'pause') await resend(engine, id, { stage, graceMs });
    await settle(engine, id);
  }
}

async function resend(
  engine: Engine,
  id: StageId,
  { stage, graceMs }: { stage: Stage; graceMs: number },
): Promise<void> {
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
    }
  }
}

/**
 * With what delay (ms) an unmarked chunk should be sent again. `note`: released, but never claimed or
 * swept; its message may be on its way, so its time begins now.
 */
function dueIn(
  engine: Engine,
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

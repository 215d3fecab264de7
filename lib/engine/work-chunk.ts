import type { RecordKey, StoredRecord } from '../core/change.ts';
import { isBroken } from '../core/errors.ts';
import { type ChunkId, chunkKey, partKey, tallyKey, tallyOf } from '../core/keys.ts';
import { itemsOf } from '../core/outcome.ts';
import type { ChunkRange } from '../core/records.ts';
import {
  claim,
  commit,
  fence,
  hasEnded,
  isCancel,
  markName,
  type Stop,
} from '../core/transitions.ts';
import { type Batch, readBatch, readStage, type Stage } from './batch.ts';
import { lastChance, workCarefully } from './careful.ts';
import type { Attempt, ControlState, Engine, HeldLease, PartSummary } from './engine.ts';
import { newRowSaver, type RowSaver } from './save-rows.ts';
import { sendChunks } from './send.ts';
import { settle } from './settle.ts';
import { pauseForOtherCode, stopBatch } from './stop-batch.ts';
import { watchHalt } from './watch-halt.ts';

/** A chunk this worker may work: claimed, fenced, its lease held. */
export interface Claimed {
  id: ChunkId;
  epoch: number;
  owner: string;
  record: StoredRecord;
  range: ChunkRange;
  lease: HeldLease;
}

/** What became of a message, for logs and progress. */
export type WorkAnswer =
  | { did: 'nothing'; why: string }
  | { did: 'handed back'; why: ControlState | 'deferred' }
  | { did: 'committed'; part: PartSummary; epoch: number };

/** PROTOCOL work: one message, one chunk. The message may always be acknowledged afterwards. */
export async function workChunk(engine: Engine, id: ChunkId): Promise<WorkAnswer> {
  const [tally, stage, batch] = await Promise.all([
    engine.store.read(tallyKey(id, tallyOf(id.chunk))),
    readStage(engine.store, id),
    readBatch(engine.store, id.batch),
  ]);
  const refusal = refusedBecause(id, { tally, stage, batch });
  if (refusal === 'committed') await settle(engine, id);
  if (refusal !== undefined || batch === undefined || stage === undefined) {
    return { did: 'nothing', why: refusal ?? 'gone' };
  }
  if (batch.digest !== engine.jobDigest && !isCancel(stage.halt)) {
    await pauseForOtherCode(engine, batch);
    return { did: 'nothing', why: 'other code' };
  }
  const claimed = await claimChunk(engine, id, { cancelled: isCancel(stage.halt) });
  if (claimed === undefined) return { did: 'nothing', why: 'claimed by another' };
  try {
    return await workClaimed(engine, batch, { ...claimed, halt: stage.halt });
  } finally {
    claimed.lease.drop();
  }
}

function refusedBecause(
  id: ChunkId,
  {
    tally,
    stage,
    batch,
  }: { tally: StoredRecord | undefined; stage: Stage | undefined; batch: Batch | undefined },
): string | undefined {
  if (batch === undefined || stage === undefined) return 'unknown batch';
  if (batch.round !== id.round || hasEnded(batch.status)) return 'ended';
  if (tally?.[markName(id.chunk)] !== undefined) return 'committed';
  if (id.chunk >= stage.rel) return 'not released';
  if (stage.halt === 'pause') return 'paused';
  return undefined;
}

async function claimChunk(
  engine: Engine,
  id: ChunkId,
  { cancelled }: { cancelled: boolean },
): Promise<Claimed | undefined> {
  const key = chunkKey(id);
  const owner = engine.host.newOwner();
  const record = await takeClaim(engine, key, { owner, cancelled });
  if (record === undefined) return undefined;
  const epoch = record['epoch'] as number;
  const lease = engine.leases.hold(key, { epoch, owner });
  if (epoch > 1) {
    const fenced = await engine.store.change(
      tallyKey(id, tallyOf(id.chunk)),
      fence(id.chunk, epoch),
    );
    if (!fenced.applied) {
      lease.drop();
      await settle(engine, id);
      return undefined;
    }
  }
  return { id, epoch, owner, record, range: rangeOf(record as unknown as ChunkRange), lease };
}

function rangeOf(record: ChunkRange): ChunkRange {
  const {
    source,
    start,
    end,
    first,
    count = Number.POSITIVE_INFINITY,
    line,
    last,
    epochs,
    walk,
    wasStalled,
  } = record;
  const range = { source, start, end, first, count };
  return {
    ...range,
    ...(line === undefined ? {} : { line }),
    ...(last === undefined ? {} : { last }),
    ...(epochs === undefined ? {} : { epochs }),
    ...(walk === undefined ? {} : { walk }),
    ...(wasStalled === undefined ? {} : { wasStalled }),
  };
}

/** Who holds the chunk is looked up only when a claim was refused: few are, and most of those by living owners. */
async function takeClaim(
  engine: Engine,
  key: RecordKey,
  { owner, cancelled }: { owner: string; cancelled: boolean },
): Promise<StoredRecord | undefined> {
  const attempt = async (deadOwner: string | undefined): Promise<StoredRecord | undefined> => {
    const now = engine.clock.now();
    const change = claim({ owner, now, lease: engine.leases.until(now), cancelled, deadOwner });
    return (await engine.store.change(key, change)).record;
  };
  const record = await attempt(undefined);
  if (record !== undefined) return record;
  const holder = (await engine.store.read(key))?.['owner'] as string | undefined;
  return holder !== undefined && engine.host.isDead(holder) ? attempt(holder) : undefined;
}

async function workClaimed(
  engine: Engine,
  batch: Batch,
  claimed: Claimed & { halt: Stop | undefined },
): Promise<WorkAnswer> {
  const { id, epoch, record, range, lease, halt } = claimed;
  const cursor = record['cursor'] as number;
  const careful = (record['attempts'] as number) > 1 || record['named'] !== undefined;
  const saver = newRowSaver(engine, claimed);
  const watch = watchHalt(engine, { id, lease, halt });
  const control = { ...watch, save: saver.save };
  const saved = record['part'] as string | undefined;
  let attempt: Attempt | undefined;
  try {
    const spec = { id, epoch, range, cursor, saved, careful, alone: lastChance(record) };
    attempt = await engine.openAttempt(spec, control);
    const { state, blocked, resumeAt, count } = careful
      ? await workCarefully(engine, { claimed, attempt, control, saver })
      : await attempt.work(range.count);
    if (state === 'lost') return { did: 'nothing', why: 'lease lost' };
    if (blocked !== undefined) {
      engine.log.error('batch paused', { chunk: id.chunk, reason: blocked });
      await stopBatch(engine, batch.id, { stop: 'pause', reason: blocked });
    }
    if (state === 'pause' || state === 'drain')
      return await handBack(engine, { id, attempt, saver, state, resumeAt });
    if (state === 'cancel') await attempt.notRun();
    return await commitPart(engine, claimed, { attempt, count: count ?? range.count });
  } catch (error) {
    if (!isBroken(error)) throw error;
    await stopBatch(engine, batch.id, { stop: 'broken', reason: error.message });
    if (await saver.giveUp()) await sendChunks(engine, id, { from: id.chunk, to: id.chunk + 1 });
    return { did: 'handed back', why: 'cancel' };
  } finally {
    watch.end();
    attempt?.close();
  }
}

/** Step 7: the part, then the mark, then settle, won or not. */
async function commitPart(
  engine: Engine,
  { id, epoch, range, lease }: Claimed,
  { attempt, count }: { attempt: Attempt; count: number },
): Promise<WorkAnswer> {
  const part = await attempt.write(partKey(id, epoch));
  const rows = itemsOf(part.counts);
  if (rows !== count) {
    throw new Error(`Chunk ${id.chunk} has ${rows} of ${count} rows: it is not committed.`);
  }
  attempt.close();
  // In the same turn as the commit: both go to the store as one message.
  lease.drop();
  const wasStalled = (range.wasStalled ?? 0) - (part.stillStalled ?? 0);
  const fresh = isFresh(id, range) ? rows - part.counts.notRun : 0;
  const change = commit(id.chunk, epoch, nonZero({ ...part.counts, wasStalled, fresh }));
  const answer = await engine.store.change(tallyKey(id, tallyOf(id.chunk)), change);
  await settle(engine, id);
  return answer.applied
    ? { did: 'committed', part, epoch }
    : { did: 'nothing', why: 'committed by another' };
}

/** Step 5: what is done is saved, the lease given up, and the chunk sent again (a pause's resume sends). */
async function handBack(
  engine: Engine,
  {
    id,
    attempt,
    saver,
    state,
    resumeAt: until = 0,
  }: {
    id: ChunkId;
    attempt: Attempt;
    saver: RowSaver;
    state: ControlState;
    resumeAt: number | undefined;
  },
): Promise<WorkAnswer> {
  // A quota's slot or a remote's next answer is far away: saved until then, without counting an attempt.
  const resumeAt = Math.ceil(until);
  const applied = await saver.handBack(attempt, resumeAt);
  if (applied && state === 'drain') {
    // Whoever takes it may have a clock that is behind: sent too early, it would be refused and wait for the sweep.
    const delayMs =
      resumeAt === 0 ? 0 : Math.max(0, resumeAt - engine.clock.now()) + 2 * (engine.skewMs ?? 0);
    await sendChunks(engine, id, { from: id.chunk, to: id.chunk + 1, delayMs });
  }
  return { did: 'handed back', why: resumeAt === 0 ? state : 'deferred' };
}

/** Items of a later round that are not retried: the stage before gave them. */
const isFresh = ({ round, stage }: ChunkId, { epochs }: ChunkRange): boolean =>
  round > 0 && stage > 0 && epochs !== undefined;

const nonZero = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, items]) => items > 0));

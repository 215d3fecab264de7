import {
  batchKey,
  liveKey,
  partKey,
  partsPrefix,
  reportKey,
  retryListKey,
  retryListPrefix,
  type StageId,
  savedPrefix,
  shuffleKey,
  shuffleListKey,
  shufflePrefix,
} from '../core/keys.ts';
import {
  beginEnd,
  type End,
  endBatch,
  endLive,
  endOf,
  expire,
  hasEnded,
  isCancel,
} from '../core/transitions.ts';
import { runBounded } from '../pool/run-bounded.ts';
import { type Batch, readBatch, stagesOf } from './batch.ts';
import { leavesOpen } from './came-through.ts';
import { committedParts, sha256 } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { passOverParts } from './pass-over-parts.ts';
import { buildReport, type ReportState, reportHtml, reportJson } from './report-files.ts';
import { roundReport } from './round-report.ts';
import { allComplete, type SeenStage } from './settle-stages.ts';
import { recordsOf } from './start-round.ts';
import { lookAtStage } from './sums.ts';

/** Lost races for the end before this call gives up; the next settle or sweep sends another. */
const MAX_RACES = 5;

/** PROTOCOL finalise: a pure function of stored state, safe to run twice. Returns how the batch ended. */
export async function finalise(
  engine: Engine,
  { batch: name, round }: { batch: string; round: number },
): Promise<End | undefined> {
  const batch = await decideEnd(engine, name, round);
  if (batch?.round !== round || batch.end === undefined || hasEnded(batch.status)) return undefined;
  const state = await reportState(engine, batch, batch.end);
  if (state === undefined) return undefined;
  const left = await writeReport(engine, state);
  await engine.store.change(batchKey(name), endBatch(round, batch.end, left));
  await engine.store.change(liveKey(name), endLive(round, batch.end, left.resolvedAt));
  await removeLeftovers(engine, state);
  if (engine.keepMs !== undefined) await expireRecords(engine, state, engine.keepMs);
  return batch.end;
}

/** The end is one decision: frozen under the version of the stop it was judged by. */
async function decideEnd(engine: Engine, name: string, round: number): Promise<Batch | undefined> {
  for (let race = 0; race < MAX_RACES; race += 1) {
    const batch = await readBatch(engine.store, name);
    if (batch === undefined || batch.round !== round || batch.status !== 'running') return batch;
    const seen = await readStages(engine.store, batch);
    const agree = seen.every(({ stage }) => isCancel(batch.stop) === isCancel(stage.halt));
    if (!agree || !allComplete(seen)) return undefined;
    const end = endOf(batch.stop, seen[0]?.stage.fault);
    await engine.store.change(batchKey(name), beginEnd(round, batch.ver, end));
  }
  return undefined;
}

async function readStages(store: Engine['store'], batch: Batch): Promise<SeenStage[]> {
  const seen: SeenStage[] = [];
  for (const id of stagesOf(batch)) seen.push({ id, ...(await lookAtStage(store, id)) });
  return seen;
}

/** The state a report is made of, undefined while not all chunks are committed. */
export async function reportState(
  engine: Pick<Engine, 'store' | 'objects'>,
  batch: Batch,
  end: End,
): Promise<ReportState | undefined> {
  const stages: ReportState['stages'] = [];
  for (const { id, stage, sums } of await readStages(engine.store, batch)) {
    const chunks = isCancel(batch.stop) ? stage.rel : stage.sealed;
    if (chunks === undefined || sums.done !== chunks) return undefined;
    stages.push({ id, stage, sums, chunks });
  }
  const { round } = batch;
  const earlier = round === 0 ? undefined : await roundReport(engine.objects, batch.id, round - 1);
  return { batch, end, stages, earlier };
}

/** Returns when a later round had resolved the last failure, or what is open where tallies cannot tell it. */
async function writeReport(
  engine: Engine,
  state: ReportState,
): Promise<{ resolvedAt?: number; open?: string }> {
  const { id: name } = state.batch;
  const key = (file: Parameters<typeof reportKey>[2]): string =>
    reportKey(name, state.batch.round, file);
  const pass = passOverParts(engine, state);
  await Promise.all([
    engine.objects.put(key('manifest.jsonl'), pass.manifest),
    engine.objects.put(key('failures.jsonl'), pass.failures),
    engine.objects.put(key('log.jsonl.gz'), pass.log),
  ]);
  const totals = pass.totals();
  const report = buildReport(state, totals);
  const page = reportHtml(report);
  await engine.objects.put(key('report.html'), page);
  await engine.objects.put(key('report.json'), reportJson(report, sha256(page)));
  const { resolved = 0, failed, stalled } = report;
  const all = resolved > 0 && failed + stalled === 0;
  return {
    ...(all ? { resolvedAt: Math.max(totals.lastAt, state.batch.roundAt) } : {}),
    ...(leavesOpen(state.batch) ? { open: JSON.stringify({ failed, stalled }) } : {}),
  };
}

/** Records changed at once when a batch's records are marked to expire. */
const EXPIRE_WIDTH = 25;

/** One more write a record, only where the records of finished batches are not kept for ever. */
async function expireRecords(
  engine: Engine,
  { batch, end }: ReportState,
  keepMs: number,
): Promise<void> {
  const { id: name, round } = batch;
  const at = Math.ceil((engine.clock.now() + keepMs) / 1000);
  // Of these two only while no retry has begun: what runs must not expire.
  const ended = expire(at, { round, end });
  if (!(await engine.store.change(batchKey(name), ended)).applied) return;
  await engine.store.change(liveKey(name), ended);
  const keys = recordsOf(engine.store, batch);
  await runBounded(keys, EXPIRE_WIDTH, async (key) => {
    await engine.store.change(key, expire(at));
  });
}

/** Saved prefixes, losers' parts, and lists of retries that lost, only after the end: until then somebody may still read them. */
async function removeLeftovers(engine: Engine, { batch, stages }: ReportState): Promise<void> {
  const list = retryListKey(batch.id, batch.round, batch.filter?.sha256 ?? '');
  for await (const key of engine.objects.list(retryListPrefix(batch.id, batch.round))) {
    if (key !== list) await engine.objects.delete(key);
  }
  for (const { id, chunks } of stages) await removeLosers(engine, id, chunks);
}

async function removeLosers(engine: Engine, id: StageId, chunks: number): Promise<void> {
  for await (const key of engine.objects.list(savedPrefix(id))) await engine.objects.delete(key);
  await removeOthers(engine, { id, chunks }, { prefix: partsPrefix(id), nameOf: partKey });
  await removeOthers(engine, { id, chunks }, { prefix: shufflePrefix(id), nameOf: shuffleKey });
}

async function removeOthers(
  engine: Engine,
  { id, chunks }: { id: StageId; chunks: number },
  { prefix, nameOf }: { prefix: string; nameOf: typeof partKey },
): Promise<void> {
  const names = committedParts(engine.store, id, chunks);
  let committed = await names.next();
  const name = (): string =>
    committed.done ? '' : nameOf({ ...id, chunk: committed.value.chunk }, committed.value.epoch);
  // Both come in chunk order, so one walk tells losers from winners without holding all names.
  for await (const key of engine.objects.list(prefix)) {
    if (key === shuffleListKey(id)) continue;
    while (!committed.done && name() < key) committed = await names.next();
    if (committed.done || name() !== key) await engine.objects.delete(key);
  }
}

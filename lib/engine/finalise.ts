import type { RecordKey } from '../core/change.ts';
import {
  batchKey,
  CHUNKS_PER_TALLY,
  chunkKey,
  liveKey,
  partsPrefix,
  reportKey,
  savedPrefix,
  stageKey,
  tallyKey,
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
import { type Batch, readBatch, readSums, requireStage, stagesOf } from './batch.ts';
import { committedParts, sha256 } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import {
  buildReport,
  passOverParts,
  type ReportState,
  reportHtml,
  reportJson,
} from './report-files.ts';
import { isComplete } from './settle.ts';

/** Lost races for the end before this call gives up; the next settle or sweep sends another. */
const MAX_RACES = 5;

/** PROTOCOL finalise: a pure function of stored state, safe to run twice. Returns how the batch ended. */
export async function finalise(
  engine: Engine,
  { batch: name, round }: { batch: string; round: number },
): Promise<End | undefined> {
  const batch = await decideEnd(engine, name, round);
  if (batch?.end === undefined || hasEnded(batch.status)) return undefined;
  const state = await reportState(engine, batch, batch.end);
  if (state === undefined) return undefined;
  await writeReport(engine, state);
  await engine.store.change(batchKey(name), endBatch(round, batch.end));
  await engine.store.change(liveKey(name), endLive(round, batch.end));
  await removeLeftovers(engine, state);
  if (engine.keepMs !== undefined) await expireRecords(engine, state, engine.keepMs);
  return batch.end;
}

/** The end is one decision: frozen under the version of the stop it was judged by. */
async function decideEnd(engine: Engine, name: string, round: number): Promise<Batch | undefined> {
  for (let race = 0; race < MAX_RACES; race += 1) {
    const batch = await readBatch(engine.store, name);
    if (batch === undefined || batch.round !== round || batch.status !== 'running') return batch;
    const [id] = stagesOf(batch);
    if (id === undefined) return undefined;
    const stage = await requireStage(engine.store, id);
    const sums = await readSums(engine.store, id, stage);
    if (isCancel(batch.stop) !== isCancel(stage.halt) || !isComplete(stage, sums)) return undefined;
    const end = endOf(batch.stop, stage.fault);
    await engine.store.change(batchKey(name), beginEnd(round, batch.ver, end));
  }
  return undefined;
}

/** The state a report is made of, undefined while not all chunks are committed. */
export async function reportState(
  engine: Pick<Engine, 'store'>,
  batch: Batch,
  end: End,
): Promise<ReportState | undefined> {
  const [id] = stagesOf(batch);
  if (id === undefined) return undefined;
  const stage = await requireStage(engine.store, id);
  const sums = await readSums(engine.store, id, stage);
  const chunks = isCancel(batch.stop) ? stage.rel : stage.sealed;
  return chunks === undefined || sums.done !== chunks
    ? undefined
    : { batch, end, id, stage, sums, chunks };
}

async function writeReport(engine: Engine, state: ReportState): Promise<void> {
  const { id: name } = state.batch;
  const key = (file: Parameters<typeof reportKey>[2]): string =>
    reportKey(name, state.id.round, file);
  const pass = passOverParts(engine, state);
  await Promise.all([
    engine.objects.put(key('manifest.jsonl'), pass.manifest),
    engine.objects.put(key('failures.jsonl'), pass.failures),
    engine.objects.put(key('log.jsonl.gz'), pass.log),
  ]);
  const report = buildReport(state, pass.totals());
  const page = reportHtml(report);
  await engine.objects.put(key('report.html'), page);
  await engine.objects.put(key('report.json'), reportJson(report, sha256(page)));
}

/** Records changed at once when a batch's records are marked to expire. */
const EXPIRE_WIDTH = 25;

/** One more write a record, only where the records of finished batches are not kept for ever. */
async function expireRecords(
  engine: Engine,
  { batch: { id: name }, id, end, stage: { planned } }: ReportState,
  keepMs: number,
): Promise<void> {
  const at = Math.ceil((engine.clock.now() + keepMs) / 1000);
  const ended = await engine.store.change(batchKey(name), expire(at, { round: id.round, end }));
  if (!ended.applied) return;
  const keys = function* (): Generator<RecordKey> {
    yield liveKey(name);
    yield stageKey(id);
    for (let tally = 0; tally * CHUNKS_PER_TALLY < planned; tally += 1) yield tallyKey(id, tally);
    for (let chunk = 0; chunk < planned; chunk += 1) yield chunkKey({ ...id, chunk });
  };
  await runBounded(keys(), EXPIRE_WIDTH, async (key) => {
    await engine.store.change(key, expire(at));
  });
}

/** Saved prefixes and losers' parts, only after the end: until then somebody may still read them. */
async function removeLeftovers(engine: Engine, { id, chunks }: ReportState): Promise<void> {
  for await (const key of engine.objects.list(savedPrefix(id))) await engine.objects.delete(key);
  const names = committedParts(engine.store, id, chunks);
  let committed = await names.next();
  // Both come in chunk order, so one walk tells losers from winners without holding all names.
  for await (const key of engine.objects.list(partsPrefix(id))) {
    while (!committed.done && committed.value.key < key) committed = await names.next();
    if (committed.done || committed.value.key !== key) await engine.objects.delete(key);
  }
}

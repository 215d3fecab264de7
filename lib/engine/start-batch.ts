import { createHash } from 'node:crypto';
import { batchKey, inputKey, liveKey, stageKey } from '../core/keys.ts';
import type { Settings } from '../core/options.ts';
import type { ReaderOptions } from '../core/reader.ts';
import type { SourcePin } from '../core/records.ts';
import { newStage, putIfAbsent } from '../core/transitions.ts';
import { type Batch, stagesOf } from './batch.ts';
import type { Engine } from './engine.ts';
import { sendStep } from './send.ts';

export interface NewBatch {
  id: string;
  job: string;
  /** Built-in name or path of the job, so that a resume finds its current code. */
  jobRef: string;
  /** For people: a file name, a pattern, `stdin`. */
  inputName: string;
  sources: SourcePin[];
  readerOptions: ReaderOptions;
  settings: Settings;
  options: Record<string, unknown>;
  /** Milliseconds since 1970 that the job sees; default: the start. */
  now: number | undefined;
  /** The upload that starts it, for the list: what a sweep compares with the bucket. */
  upload?: { source: string; version: string };
  /** Why it cannot be run: it is made stopped, so that it ends failed with this reason. */
  broken?: string | undefined;
}

/** What `input.json` holds: too long for the batch record when a pattern matches thousands of files. */
export interface StoredInput {
  sources: SourcePin[];
  readerOptions: ReaderOptions;
}

type StartPorts = Pick<Engine, 'clock' | 'store' | 'objects' | 'queue' | 'log' | 'jobDigest'>;

/**
 * PROTOCOL start: input list, stage records, list entry, and last the batch record, each only if
 * absent; then plan. Starting twice is harmless. Returns whether this call made the batch.
 */
export async function startBatch(engine: StartPorts, batch: NewBatch): Promise<boolean> {
  const { id } = batch;
  const startedAt = Math.floor(engine.clock.now());
  const input: StoredInput = { sources: batch.sources, readerOptions: batch.readerOptions };
  const inputBytes = Buffer.from(JSON.stringify(input));
  if ((await engine.store.read(batchKey(id))) === undefined) {
    await engine.objects.put(inputKey(id), inputBytes);
    const stages = stagesOf({ id, round: 0, settings: batch.settings });
    for (const stage of stages)
      await engine.store.change(stageKey(stage), putIfAbsent(newStage(stages.length)));
    const entry = { id, job: batch.job, input: batch.inputName, startedAt, round: 0 };
    const line = { ...entry, ...batch.upload, status: 'running' };
    await engine.store.change(liveKey(id), putIfAbsent(line));
  }
  const inputFacts: Batch['input'] = {
    name: batch.inputName,
    bytes: batch.sources.reduce((sum, source) => sum + source.bytes, 0),
    sources: batch.sources.length,
    sha256: createHash('sha256').update(inputBytes).digest('hex'),
  };
  const answer = await engine.store.change(
    batchKey(id),
    putIfAbsent({
      id,
      job: batch.job,
      jobRef: batch.jobRef,
      status: 'running',
      round: 0,
      digest: engine.jobDigest,
      ...(batch.broken === undefined
        ? { stop: 'none', ver: 0 }
        : { stop: 'broken', reason: batch.broken, ver: 1 }),
      startedAt,
      now: batch.now ?? startedAt,
      options: JSON.stringify(batch.options),
      settings: JSON.stringify(batch.settings),
      input: JSON.stringify(inputFacts),
    }),
  );
  await sendStep(engine, 'plan', { batch: id, round: 0 });
  return answer.applied;
}

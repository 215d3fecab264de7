import { isDiscovering, type WalkOptions } from '../core/discovery.ts';
import { SluiceError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { inputKey } from '../core/keys.ts';
import type { SourcePin } from '../core/records.ts';
import type { StoredInput } from '../engine/start-batch.ts';
import { openInput } from '../io/input.ts';
import type { BoundSource } from '../io/source.ts';
import { openWalkInput, type WalkPlace, type WalkStep } from '../io/walk/walk-input.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type InputOf, inputOfRound } from './round-of.ts';

export interface StoredInputOptions {
  objects: ObjectStore;
  job: Pick<Job, 'input'>;
  /** The means to read a pinned source: a file, an upload. */
  bind(pin: SourcePin): BoundSource;
  /** Walks roots, of a job that finds its files. */
  walk: Walk;
}

export type Walk = (
  roots: readonly SourcePin[],
  options: WalkOptions,
  after: WalkPlace | undefined,
) => AsyncIterable<WalkStep>;

export type InputOpener = (batch: InputOf) => Promise<Input>;

const OPEN_KEPT = 16;

/** Opens the stored input of batches, each once per thread: layouts and file handles stay open. */
export function storedInputOpener({ objects, job, bind, walk }: StoredInputOptions): InputOpener {
  const opened = new Map<string, Promise<Input>>();
  const open = async ({ id, settings }: InputOf): Promise<Input> => {
    const bytes = await objects.get(inputKey(id));
    if (bytes === undefined) {
      throw new SluiceError('NOT_FOUND', `The input list of batch ${id} is missing.`, {
        hint: 'Start the batch again with --again.',
      });
    }
    const { sources, readerOptions } = JSON.parse(Buffer.from(bytes).toString()) as StoredInput;
    const { chunk, chunkBytes, maxRecordBytes } = settings;
    const { input } = job;
    if (isDiscovering(input)) {
      const from = (after: WalkPlace | undefined) => walk(sources, input.walk, after);
      return openWalkInput({ objects, batch: id, items: chunk, walk: from });
    }
    return openInput({
      reader: input,
      readerOptions,
      sources: sources.map(bind),
      limits: { items: chunk, bytes: chunkBytes, maxRecordBytes },
      objects,
      batch: id,
    });
  };
  const openOnce = (batch: InputOf): Promise<Input> => {
    const known = opened.get(batch.id);
    if (known !== undefined) return known;
    const input = open(batch);
    opened.set(batch.id, input);
    // An environment lives for days; the pins of 100,000 objects are 30 MB.
    if (opened.size > OPEN_KEPT) opened.delete(opened.keys().next().value as string);
    // What failed once (a store that did not answer) is asked for again.
    input.catch(() => opened.delete(batch.id));
    return input;
  };
  return async (batch) => inputOfRound(batch, await openOnce(batch), objects);
}

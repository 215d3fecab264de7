import { SluiceError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { inputKey } from '../core/keys.ts';
import type { Settings } from '../core/options.ts';
import type { SourcePin } from '../core/records.ts';
import type { StoredInput } from '../engine/start-batch.ts';
import { openInput } from '../io/input.ts';
import type { BoundSource } from '../io/source.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export interface StoredInputOptions {
  objects: ObjectStore;
  job: Pick<Job, 'input'>;
  /** The means to read a pinned source: a file, an upload. */
  bind(pin: SourcePin): BoundSource;
}

export type InputOpener = (batch: { id: string; settings: Settings }) => Promise<Input>;

/** Opens the stored input of batches, each once per thread: layouts and file handles stay open. */
export function storedInputOpener({ objects, job, bind }: StoredInputOptions): InputOpener {
  const opened = new Map<string, Promise<Input>>();
  const open = async ({ id, settings }: { id: string; settings: Settings }): Promise<Input> => {
    const bytes = await objects.get(inputKey(id));
    if (bytes === undefined) {
      throw new SluiceError('NOT_FOUND', `The input list of batch ${id} is missing.`, {
        hint: 'Start the batch again with --again.',
      });
    }
    const { sources, readerOptions } = JSON.parse(Buffer.from(bytes).toString()) as StoredInput;
    const { chunk, chunkBytes, maxRecordBytes } = settings;
    return openInput({
      reader: job.input,
      readerOptions,
      sources: sources.map(bind),
      limits: { items: chunk, bytes: chunkBytes, maxRecordBytes },
      objects,
      batch: id,
    });
  };
  return (batch) => {
    const known = opened.get(batch.id);
    if (known !== undefined) return known;
    const input = open(batch);
    opened.set(batch.id, input);
    // What failed once (a store that did not answer) is asked for again.
    input.catch(() => opened.delete(batch.id));
    return input;
  };
}

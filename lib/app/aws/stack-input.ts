import { SluiceError } from '../../core/errors.ts';
import { inputKey } from '../../core/keys.ts';
import type { Reader } from '../../core/reader.ts';
import type { Batch } from '../../engine/batch.ts';
import type { StoredInput } from '../../engine/start-batch.ts';
import { openInput } from '../../io/input.ts';
import { openWalkInput } from '../../io/walk/walk-input.ts';
import type { Input } from '../../ports/input.ts';
import type { StackPlace } from './open-stack.ts';
import { uploadSource } from './upload-source.ts';

/**
 * The uploads of a batch, for their digest only. The job's own reader is not needed for that: code that lies
 * in a bucket is not run on a person's machine.
 */
export async function stackInput(
  { objects, s3 }: StackPlace,
  batch: Batch,
): Promise<{ input?: Input; why?: string }> {
  const bytes = await objects.get(inputKey(batch.id));
  if (bytes === undefined) return { why: 'its list of sources is missing' };
  const { sources, readerOptions } = JSON.parse(Buffer.from(bytes).toString()) as StoredInput;
  const { chunk, chunkBytes, maxRecordBytes } = batch.settings;
  if (sources.some(({ root }) => root === true)) {
    const walk = (): never => {
      throw new SluiceError('STATE', 'Only the digest of this input can be read here.');
    };
    return { input: openWalkInput({ objects, batch: batch.id, items: chunk, walk }) };
  }
  const input = openInput({
    reader: NO_READER,
    readerOptions,
    sources: sources.map((pin) => uploadSource(s3, pin)),
    limits: { items: chunk, bytes: chunkBytes, maxRecordBytes },
    objects,
    batch: batch.id,
  });
  // Preparing would spool compressed uploads and ask the reader for their columns.
  return { input: { ...input, prepare: async () => undefined } };
}

const NO_READER: Reader = {
  format: 'ndjson',
  schema: undefined,
  options: {},
  open() {
    throw new SluiceError('STATE', 'Only the digest of this input can be read here.');
  },
};

import { createReadStream, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { SluiceError } from '../../core/errors.ts';
import { clientOptions } from './create.ts';
import type { Emulator } from './emulator.ts';

export interface UploadRequest {
  /** The stack's name of the job. */
  job: string;
  file: string;
  /** Options of the batch: stored with the object as `sluice-<name>`. */
  options: Readonly<Record<string, string>>;
  /** Of a manifest: files that it names, by the keys they get; they are uploaded first. */
  objects?: readonly { file: string; key: string }[] | undefined;
  /** What the manifest names in their place. */
  prefix?: string | undefined;
}

/**
 * Uploads a file where the stack waits for a job's input; of a manifest first what it names. Resolves with
 * `s3://<bucket>/<key>`, by which its batch is found. Throws a SluiceError `NOT_FOUND` for a file that cannot be read,
 * `BAD_INPUT` for a stack that takes no uploads.
 */
export async function uploadTo(
  { endpoint, outputs }: Pick<Emulator, 'endpoint' | 'outputs'>,
  { job, file, options, objects, prefix }: UploadRequest,
): Promise<string> {
  const bucket = requireOutput(outputs, 'UploadBucket');
  const client = new S3Client({ ...clientOptions(endpoint, 'outside'), forcePathStyle: true });
  const put = async (
    key: string,
    body: Buffer | ReadStream,
    metadata: Record<string, string> = {},
  ): Promise<void> => {
    const params = { Bucket: bucket, Key: key, Body: body, Metadata: metadata };
    await new Upload({ client, params }).done();
  };
  const metadata = Object.entries(options).map(([name, value]) => [`sluice-${name}`, value]);
  const key = `inbox/${job}/${basename(file)}`;
  try {
    for (const one of objects ?? []) await put(one.key, await bodyOf(one.file));
    const keys = prefix === undefined ? objects?.map((one) => one.key) : [prefix];
    const named = keys?.map((one) => `${JSON.stringify({ key: one })}\n`);
    const body = named === undefined ? await bodyOf(file) : Buffer.from(named.join(''));
    await put(key, body, Object.fromEntries(metadata) as Record<string, string>);
  } finally {
    client.destroy();
  }
  return `s3://${bucket}/${key}`;
}

async function bodyOf(file: string): Promise<Buffer | ReadStream> {
  const { size } = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new SluiceError('NOT_FOUND', `The file ${file} cannot be read: ${cause.code}.`, {
      cause,
    });
  });
  // A stream of nothing would be an upload of no parts.
  return size === 0 ? Buffer.alloc(0) : createReadStream(file);
}

/** An output of the stack. Throws a SluiceError `BAD_INPUT` for a stack that has it not. */
export function requireOutput(outputs: Readonly<Record<string, string>>, name: string): string {
  const value = outputs[name];
  if (value !== undefined) return value;
  throw new SluiceError('BAD_INPUT', `The stack has no output ${name}: it is no Sluice stack.`);
}

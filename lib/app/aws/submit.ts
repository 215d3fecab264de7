import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Upload } from '@aws-sdk/lib-storage';
import { awsError } from '../../adapters/aws/errors.ts';
import { checkKey } from '../../adapters/aws/object-key.ts';
import { SluiceError } from '../../core/errors.ts';
import { listBatches, readBatch } from '../../engine/batch.ts';
import { resolveInputs } from '../sources.ts';
import type { StackPlace } from './open-stack.ts';
import { isS3Url, planPrefix } from './submit-prefix.ts';

/** A file that will be uploaded. */
export interface PlannedUpload {
  /** What was named: a file, or the prefix that a manifest was made of. */
  file: string;
  bytes: number;
  key: string;
  /** `s3://bucket/key`. */
  url: string;
  /** A manifest's bytes, and how many objects it names; undefined for a file. */
  body?: Buffer;
  objects?: number;
}

/** An object as S3 answered for it. */
export interface Uploaded extends PlannedUpload {
  etag: string;
  /** Undefined in a bucket that keeps no versions. */
  version: string | undefined;
}

export interface UploadOptions {
  metadata: Readonly<Record<string, string>>;
  /** Told as parts are stored. */
  onBytes?: (loaded: number) => void;
  signal?: AbortSignal;
}

/** 8 MiB a part, so that a lost connection repeats one part only; memory is 4 of them. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;
/** S3 user guide, "Amazon S3 multipart upload limits". */
const MAX_PARTS = 10_000;

/**
 * Where each file goes: `inbox/<job>/<file name>`; of a prefix (`s3://...`) a manifest goes there. Nothing is uploaded before all of it is known to fit.
 * Throws `NOT_FOUND` (a job that is not deployed, a file that is not there), `USAGE` (two files of one name).
 */
export async function planUploads(
  { outputs, name, s3 }: Pick<StackPlace, 'outputs' | 'name' | 's3'>,
  { job, files }: { job: string; files: readonly string[] },
): Promise<PlannedUpload[]> {
  if (!Object.hasOwn(outputs.jobs, job)) {
    throw new SluiceError('NOT_FOUND', `${capital(name)} has no job ${JSON.stringify(job)}.`, {
      hint: `Its jobs: ${Object.keys(outputs.jobs).join(', ')}. Nothing was uploaded.`,
    });
  }
  if (files.includes('-')) {
    throw new SluiceError('USAGE', 'submit takes files; standard input (-) cannot be uploaded.', {
      hint: 'Write it to a file first: its length must be known.',
    });
  }
  const prefixes = files.filter(isS3Url);
  const manifests: PlannedUpload[] = [];
  for (const url of prefixes) {
    manifests.push(await planPrefix({ outputs, name, s3 }, { job, url }));
  }
  if (prefixes.length === files.length) return manifests;
  const { sources } = await resolveInputs(
    files.filter((file) => !isS3Url(file)),
    { manifests: 'as files' },
  );
  const planned = sources.map(({ name: file, bytes }) => {
    const key = `inbox/${job}/${basename(file)}`;
    checkKey(key);
    return { file, bytes, key, url: `s3://${outputs.uploads}/${key}` };
  });
  const seen = new Map<string, string>();
  for (const { file, key } of planned) {
    const other = seen.get(key);
    if (other !== undefined) {
      throw new SluiceError('USAGE', `${other} and ${file} would both be uploaded as ${key}.`, {
        hint: 'Rename one of them, or submit them one after the other.',
      });
    }
    seen.set(key, file);
  }
  return [...manifests, ...planned];
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * Uploads one file; a key that is there already gets a new version, which is a new batch, on purpose.
 * An upload that fails or is aborted leaves no object.
 */
export async function uploadFile(
  { s3, outputs }: StackPlace,
  planned: PlannedUpload,
  { metadata, onBytes, signal }: UploadOptions,
): Promise<Uploaded> {
  const body = planned.body === undefined ? createReadStream(planned.file) : undefined;
  const upload = new Upload({
    client: s3,
    params: {
      Bucket: outputs.uploads,
      Key: planned.key,
      Body: body ?? (planned.body as Buffer),
      Metadata: { ...metadata },
    },
    partSize: Math.max(PART_BYTES, Math.ceil(planned.bytes / MAX_PARTS)),
    queueSize: PARTS_AT_ONCE,
  });
  upload.on('httpUploadProgress', ({ loaded }) => onBytes?.(loaded ?? 0));
  const onAbort = (): void => void upload.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { ETag: etag = '', VersionId: version } = await upload.done();
    return {
      ...planned,
      etag: etag.replaceAll('"', ''),
      version: version === 'null' ? undefined : version,
    };
  } catch (error) {
    if (signal?.aborted) throw new SluiceError('STATE', `${planned.file} was not uploaded.`);
    throw awsError(error, `cannot upload ${planned.file} to ${planned.url}`);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    body?.destroy();
  }
}

/** The batch that the functions made of an upload; undefined while there is none. */
export async function batchOfUpload(
  { store }: StackPlace,
  { url, etag, version }: Uploaded,
): Promise<string | undefined> {
  const pin = version === undefined ? etag : `${etag} ${version}`;
  const entries = await listBatches(store);
  const id = entries.find((entry) => entry.source === url && entry.version === pin)?.id;
  // The list has it a moment before its own record is there.
  return id === undefined || (await readBatch(store, id)) === undefined ? undefined : id;
}

import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { awsError, nameOf } from '../../adapters/aws/errors.ts';
import { SluiceError } from '../../core/errors.ts';
import type { SourcePin } from '../../core/records.ts';
import type { BoundSource } from '../../io/source.ts';
import type { Upload } from './inbox-event.ts';

/** What is asked of S3 in one request while a source is read from front to back: a request takes about 30 ms. */
const AHEAD_BYTES = 8 * 1024 * 1024;

/** An upload as it lies in the bucket now. */
export interface PinnedUpload {
  pin: SourcePin;
  /** Lower-case names, as S3 keeps them. */
  metadata: Record<string, string>;
}

/**
 * Pins an upload by ETag, and by version where the bucket keeps versions. Undefined when it is not there
 * any more, or is not the one that the event told of: the object that replaced it has an event of its own.
 */
export async function pinUpload(s3: S3Client, upload: Upload): Promise<PinnedUpload | undefined> {
  const { bucket, key, etag, versionId } = upload;
  try {
    const head = await s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }),
    );
    const found = (head.ETag ?? '').replaceAll('"', '');
    if (etag !== undefined && etag !== found) return undefined;
    const version = versionId ?? realVersion(head.VersionId);
    const pin: SourcePin = {
      name: `s3://${bucket}/${key}`,
      bytes: head.ContentLength ?? 0,
      version: version === undefined ? found : `${found} ${version}`,
    };
    return {
      pin: { ...pin, compressed: await isGzip(s3, pin) },
      metadata: head.Metadata ?? {},
    };
  } catch (error) {
    if (ABSENT.has(nameOf(error))) return undefined;
    throw awsError(error, `cannot look at the upload s3://${bucket}/${key}`);
  }
}

const ABSENT = new Set(['NotFound', 'NoSuchKey', 'NoSuchVersion']);

const realVersion = (id: string | undefined): string | undefined =>
  id === 'null' ? undefined : id;

/** By its first two bytes: the suffix says nothing about the content. */
async function isGzip(s3: S3Client, pin: SourcePin): Promise<boolean> {
  if (pin.bytes < 2) return false;
  const magic = await readPinned(s3, pin, { start: 0, end: 2 });
  return magic[0] === 0x1f && magic[1] === 0x8b;
}

const NAME = /^s3:\/\/([^/]+)\/(.+)$/s;

/** The source of a pinned upload: every read asks for the very object that was pinned (If-Match). */
export function uploadSource(s3: S3Client, pin: SourcePin): BoundSource {
  const range = (start: number, end: number): Promise<Uint8Array> =>
    readPinned(s3, pin, { start, end });
  return {
    pin,
    compressed: pin.compressed === true,
    seekable: true,
    remote: true,
    read: readAhead(range, pin.bytes),
    async *stream() {
      for (let at = 0; at < pin.bytes; at += AHEAD_BYTES) {
        yield await range(at, Math.min(at + AHEAD_BYTES, pin.bytes));
      }
    },
  };
}

type Read = (start: number, end: number) => Promise<Uint8Array>;

/**
 * Planning and digests read a source in pieces of 1 MiB, one after the other. A read that goes on where
 * the last one ended is served from a block that is asked for as a whole; all others go to S3 as they are.
 */
function readAhead(read: Read, bytes: number): Read {
  let expected = 0;
  let block: { start: number; bytes: Promise<Uint8Array>; end: number } | undefined;
  return async (start, end) => {
    const follows = start === expected && start > 0 && end - start < AHEAD_BYTES;
    expected = end;
    if (!follows) return read(start, end);
    if (block === undefined || start < block.start || end > block.end) {
      const to = Math.min(start + AHEAD_BYTES, bytes);
      block = { start, end: to, bytes: read(start, to) };
    }
    const { start: from, bytes: whole } = block;
    try {
      return (await whole).subarray(start - from, end - from);
    } catch (error) {
      block = undefined;
      throw error;
    }
  };
}

async function readPinned(
  s3: S3Client,
  pin: SourcePin,
  { start, end }: { start: number; end: number },
): Promise<Uint8Array> {
  if (end <= start) return new Uint8Array();
  const [, bucket, key] = NAME.exec(pin.name) ?? [];
  const [etag, versionId] = pin.version.split(' ');
  try {
    const { Body: body } = await s3.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        VersionId: versionId,
        IfMatch: `"${etag}"`,
        Range: `bytes=${start}-${end - 1}`,
      }),
    );
    return (await body?.transformToByteArray()) ?? new Uint8Array();
  } catch (error) {
    const name = nameOf(error);
    if (GONE.has(name)) throw changed(pin, name, error);
    throw awsError(error, `cannot read ${pin.name}`);
  }
}

/** Errors that say that the bytes are not the pinned ones any more. */
const GONE = new Set(['PreconditionFailed', 'NoSuchKey', 'NoSuchVersion', 'InvalidRange']);

function changed(pin: SourcePin, how: string, cause: unknown): SluiceError {
  return new SluiceError(
    'INPUT_CHANGED',
    `${pin.name} is not the object that the batch was started with (${how}): it was replaced or removed.`,
    { hint: 'The object that replaced it is a batch of its own.', cause },
  );
}

import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { awsError, nameOf } from '../../adapters/aws/errors.ts';
import { SluiceError } from '../../core/errors.ts';
import type { SourcePin } from '../../core/records.ts';
import {
  checkEntry,
  checkManifestSize,
  type ManifestEntry,
  parseManifest,
} from '../../io/manifest.ts';
import { rootPin } from '../root-pin.ts';
import { uploadSource } from './upload-source.ts';

/** Where a manifest's objects may lie in the upload bucket: what the functions may read. */
export const READABLE = ['data/', 'inbox/'] as const;

/** Objects that are asked for at once; the SDK opens 50 connections at most. */
const AT_ONCE = 32;

/**
 * The objects that an uploaded manifest names, pinned in its order, with one request each. Throws a
 * SluiceError: `BAD_INPUT` (the manifest, another bucket, a key that may not be read), `NOT_FOUND` and
 * `INPUT_CHANGED`, which name the line and the object.
 */
export async function pinManifest(s3: S3Client, manifest: SourcePin): Promise<SourcePin[]> {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(manifest.name) ?? [];
  const name = key.slice(key.lastIndexOf('/') + 1);
  checkManifestSize(name, manifest.bytes);
  const source = uploadSource(s3, manifest);
  const entries = parseManifest(name, await source.read(0, manifest.bytes));
  const keys = entries.map((entry) => keyOf(entry, { bucket, name }));
  const pins: SourcePin[] = [];
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const group = entries.slice(at, at + AT_ONCE).map(async (entry, offset) => {
      const place = `${name} line ${entry.line}`;
      const pin = await pinObject(s3, { bucket, key: keys[at + offset] as string, entry, place });
      await checkEntry(name, entry, uploadSource(s3, pin));
      return pin;
    });
    pins.push(...(await Promise.all(group)));
  }
  return pins;
}

/**
 * The prefixes that an uploaded manifest names, for a job that finds its files: they are pinned by name alone. Throws
 * a SluiceError `BAD_INPUT` that names the line.
 */
export async function pinPrefixes(s3: S3Client, manifest: SourcePin): Promise<SourcePin[]> {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(manifest.name) ?? [];
  const name = key.slice(key.lastIndexOf('/') + 1);
  checkManifestSize(name, manifest.bytes);
  const entries = parseManifest(name, await uploadSource(s3, manifest).read(0, manifest.bytes));
  const prefixes = entries.map((entry) => {
    const fact = (['size', 'etag', 'sha256'] as const).find((one) => entry[one] !== undefined);
    if (fact === undefined) return keyOf(entry, { bucket, name });
    throw new SluiceError(
      'BAD_INPUT',
      `${name} line ${entry.line}: ${fact} is of an object; a job that finds its files takes prefixes.`,
      { hint: 'Leave it out.' },
    );
  });
  for (const [at, prefix] of prefixes.entries()) {
    const above = prefixes.findIndex((other, i) => i !== at && prefix.startsWith(other));
    if (above < 0) continue;
    throw new SluiceError(
      'BAD_INPUT',
      `${name} line ${entries[at]?.line}: ${prefix} lies below ${prefixes[above]}, which is named in line ${entries[above]?.line}.`,
      { hint: 'Its files would be worked twice: leave one of them out.' },
    );
  }
  return prefixes.map((prefix) => rootPin(`s3://${bucket}/${prefix}`));
}

function keyOf(
  { line, name: text }: ManifestEntry,
  { bucket, name }: { bucket: string; name: string },
): string {
  const [, other, rest] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(text) ?? [];
  if (other !== undefined && other !== bucket) {
    throw new SluiceError('BAD_INPUT', `${name} line ${line}: ${text} is in another bucket.`, {
      hint: `The functions may read ${bucket} alone: copy it there, under ${READABLE[0]}.`,
    });
  }
  const key = rest ?? text;
  if (READABLE.some((prefix) => key.startsWith(prefix))) return key;
  throw new SluiceError(
    'BAD_INPUT',
    `${name} line ${line}: the functions may read ${READABLE.join(' and ')} of the upload bucket; got ${key}.`,
    { hint: `Copy the object under ${READABLE[0]}: aws s3 cp, aws s3 sync.` },
  );
}

interface Wanted {
  bucket: string;
  key: string;
  entry: ManifestEntry;
  place: string;
}

/** Its first two bytes say whether it is gzip, and the answer's head says all the rest. */
async function pinObject(s3: S3Client, wanted: Wanted): Promise<SourcePin> {
  const { bucket, key, entry, place } = wanted;
  const at = { Bucket: bucket, Key: key };
  const match = entry.etag === undefined ? {} : { IfMatch: `"${entry.etag}"` };
  try {
    const answer = await s3.send(new GetObjectCommand({ ...at, ...match, Range: 'bytes=0-1' }));
    const magic = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
    const bytes = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? answer.ContentLength);
    return pinOf(wanted, {
      bytes,
      etag: answer.ETag,
      version: answer.VersionId,
      compressed: magic[0] === 0x1f && magic[1] === 0x8b,
    });
  } catch (error) {
    const name = nameOf(error);
    if (name === 'InvalidRange' || name === '416') return pinEmpty(s3, wanted);
    if (name === 'PreconditionFailed' || name === '412') {
      throw new SluiceError(
        'INPUT_CHANGED',
        `${place}: s3://${bucket}/${key} has another ETag than ${entry.etag}.`,
        { hint: 'It was replaced: bring it back, or write the manifest anew.', cause: error },
      );
    }
    if (ABSENT.has(name)) {
      throw new SluiceError('NOT_FOUND', `${place}: there is no object s3://${bucket}/${key}.`, {
        hint: 'Upload it, or write the manifest anew.',
        cause: error,
      });
    }
    throw awsError(error, `cannot look at s3://${bucket}/${key} (${place})`);
  }
}

const ABSENT = new Set(['NotFound', 'NoSuchKey', 'NoSuchVersion', '404']);

/** S3 answers a range of an object without bytes with 416. */
async function pinEmpty(s3: S3Client, wanted: Wanted): Promise<SourcePin> {
  const at = { Bucket: wanted.bucket, Key: wanted.key };
  const head = await s3.send(new HeadObjectCommand(at)).catch((error: unknown) => {
    throw awsError(error, `cannot look at s3://${wanted.bucket}/${wanted.key} (${wanted.place})`);
  });
  return pinOf(wanted, {
    bytes: head.ContentLength ?? 0,
    etag: head.ETag,
    version: head.VersionId,
    compressed: false,
  });
}

function pinOf(
  { bucket, key }: Wanted,
  found: {
    bytes: number;
    etag: string | undefined;
    version: string | undefined;
    compressed: boolean;
  },
): SourcePin {
  const etag = (found.etag ?? '').replaceAll('"', '');
  const isVersion = found.version !== undefined && found.version !== 'null';
  return {
    name: `s3://${bucket}/${key}`,
    bytes: found.bytes,
    version: isVersion ? `${etag} ${found.version}` : etag,
    compressed: found.compressed,
  };
}

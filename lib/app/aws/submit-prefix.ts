import { createHash } from 'node:crypto';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { asking } from '../../adapters/aws/errors.ts';
import { SluiceError } from '../../core/errors.ts';
import { READABLE } from './manifest-source.ts';
import type { StackPlace } from './open-stack.ts';
import type { PlannedUpload } from './submit.ts';

const URL = /^s3:\/\/([^/]*)\/?(.*)$/s;

export const isS3Url = (text: string): boolean => text.startsWith('s3://');

/**
 * All objects below a prefix as one batch: a manifest of them, in the order of their keys, with size and
 * ETag as they are now. One request lists 1,000. For a job that finds its files the manifest names the prefix. Throws `USAGE` (a bucket or prefix that the functions may
 * not read), `NOT_FOUND` (no object).
 */
export async function planPrefix(
  { s3, outputs }: Pick<StackPlace, 'outputs' | 'name' | 's3'>,
  { job, url }: { job: string; url: string },
): Promise<PlannedUpload> {
  const [, bucket = '', prefix = ''] = URL.exec(url) ?? [];
  checkReadable(url, { bucket, prefix, uploads: outputs.uploads });
  const upload = { url, prefix, inbox: `s3://${outputs.uploads}/`, job };
  // A job that finds its files lists them itself.
  if (outputs.jobs[job]?.finds === true) return manifestOf([{ key: prefix }], upload);
  const objects: object[] = [];
  for (let token: string | undefined, more = true; more; ) {
    const page = await asking(`cannot list ${url}`, () =>
      s3.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
      ),
    );
    for (const { Key: key = '', ETag: etag = '', Size: size } of page.Contents ?? []) {
      // A folder marker is no input.
      if (key.endsWith('/')) continue;
      objects.push({ key, etag: etag.replaceAll('"', ''), size });
    }
    token = page.NextContinuationToken;
    more = token !== undefined;
  }
  if (objects.length === 0) {
    throw new SluiceError('NOT_FOUND', `There is no object below ${url}.`, {
      hint: `Look: aws s3 ls ${url}. Nothing was uploaded.`,
    });
  }
  return manifestOf(objects, upload);
}

function manifestOf(
  entries: readonly object[],
  { url, prefix, inbox, job }: { url: string; prefix: string; inbox: string; job: string },
): PlannedUpload {
  const body = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 12);
  const name = prefix.replace(/\/$/, '').replaceAll(/[^A-Za-z0-9.-]+/g, '-');
  const key = `inbox/${job}/${name}-${digest}.manifest.jsonl`;
  const [bytes, objects] = [body.length, entries.length];
  return { file: url, bytes, key, url: `${inbox}${key}`, body, objects };
}

function checkReadable(
  url: string,
  { bucket, prefix, uploads }: { bucket: string; prefix: string; uploads: string },
): void {
  if (bucket === uploads && READABLE.some((start) => prefix.startsWith(start))) return;
  const allowed = READABLE.map((start) => `s3://${uploads}/${start}`).join(' and ');
  throw new SluiceError(
    'USAGE',
    `The functions of the stack may read below ${allowed}; got ${url}.`,
    { hint: `Copy the objects there: aws s3 sync ${url} s3://${uploads}/${READABLE[0]}<folder>/` },
  );
}

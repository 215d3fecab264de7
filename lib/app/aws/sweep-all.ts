import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { asking } from '../../adapters/aws/errors.ts';
import { type LiveEntry, listBatches } from '../../engine/batch.ts';
import { GRACE_MS, liveBatch, sweepBatch } from '../../engine/sweep.ts';
import { forgetResolved } from '../purge.ts';
import type { Cloud } from './cloud.ts';
import { cloudEngine } from './cloud-engine.ts';
import { uploadOf } from './inbox-event.ts';
import { startUpload } from './start-upload.ts';

/** What one sweep found and did. */
export interface SweepResult {
  live: number;
  resent: number;
  stalled: string[];
  /** Batches that were started from uploads whose event never came. */
  lostUploads: string[];
  /** Batches that left the list, as their failures were resolved long ago. */
  forgotten: string[];
  /** Batches that could not be swept; the others were. */
  errors: { batch: string; error: unknown }[];
}

/** An event usually comes within seconds; S3 promises no time. */
const EVENT_GRACE_MS = 300_000;
/** An upload is looked for this long: whoever purges its batch later does not start it anew. */
const LOOK_BACK_MS = 86_400_000;
/** Keys that one sweep looks at: more than ten requests a minute would cost more than the work. */
const MAX_KEYS = 10_000;

/** Every live batch, then the uploads that no batch was made of. One batch's trouble is not another's. */
export async function sweepAll(cloud: Cloud): Promise<SweepResult> {
  const result: SweepResult = {
    ...{ live: 0, resent: 0, stalled: [], lostUploads: [], forgotten: [], errors: [] },
  };
  const entries = await listBatches(cloud.store, { all: true });
  const neverStarted = new Set<string>();
  for (const entry of entries) {
    try {
      const batch = await liveBatch(cloud.store, entry);
      if (batch === 'absent') neverStarted.add(entry.id);
      if (typeof batch === 'string') continue;
      result.live += 1;
      const engine = await cloudEngine(cloud, batch.job);
      const graceMs = GRACE_MS / cloud.settings.speed;
      const { resent, stalled } = await sweepBatch(engine, batch, { graceMs });
      result.resent += resent;
      if (stalled) result.stalled.push(batch.id);
    } catch (error) {
      result.errors.push({ batch: entry.id, error });
    }
  }
  result.lostUploads = await startLostUploads(
    cloud,
    entries.filter(({ id }) => !neverStarted.has(id)),
  );
  const { purgeResolvedMs } = cloud.settings;
  if (purgeResolvedMs !== undefined) {
    const open = entries.filter(({ forgotten }) => forgotten === undefined);
    result.forgotten = await forgetResolved(cloud, open, cloud.clock.now() - purgeResolvedMs);
  }
  return result;
}

async function startLostUploads(cloud: Cloud, entries: readonly LiveEntry[]): Promise<string[]> {
  const { uploads, speed } = cloud.settings;
  const known = new Set<string>();
  for (const { source, version } of entries) {
    if (source !== undefined) known.add(`${source} ${version?.split(' ')[0]}`);
  }
  const started: string[] = [];
  const now = cloud.clock.now();
  for await (const { key, etag, at } of inboxObjects(cloud)) {
    const age = now - at;
    if (age < EVENT_GRACE_MS / speed || age > LOOK_BACK_MS) continue;
    if (known.has(`s3://${uploads}/${key} ${etag}`)) continue;
    const event = uploadOf(uploads, key, { etag });
    if (event.kind !== 'upload') continue;
    const answer = await startUpload(cloud, event.upload);
    if (answer.did === 'started' || answer.did === 'broken') started.push(answer.batch);
  }
  return started;
}

async function* inboxObjects(
  cloud: Cloud,
): AsyncGenerator<{ key: string; etag: string; at: number }> {
  let token: string | undefined;
  for (let seen = 0; seen < MAX_KEYS; ) {
    const page = await asking(`cannot list the uploads in ${cloud.settings.uploads}`, () =>
      cloud.s3.send(
        new ListObjectsV2Command({
          Bucket: cloud.settings.uploads,
          Prefix: 'inbox/',
          ContinuationToken: token,
        }),
      ),
    );
    for (const { Key: key, ETag: etag, LastModified: at } of page.Contents ?? []) {
      seen += 1;
      if (key === undefined || etag === undefined || at === undefined) continue;
      yield { key, etag: etag.replaceAll('"', ''), at: at.getTime() };
    }
    token = page.NextContinuationToken;
    if (token === undefined) return;
  }
}

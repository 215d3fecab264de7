import { isDiscovering } from '../../core/discovery.ts';
import type { Job } from '../../core/job.ts';
import { jobKey } from '../../core/keys.ts';
import { settingsOf } from '../../core/options.ts';
import type { SourcePin } from '../../core/records.ts';
import { hasEnded } from '../../core/transitions.ts';
import { readBatch } from '../../engine/batch.ts';
import { startBatch } from '../../engine/start-batch.ts';
import { copyStop } from '../../engine/stop-batch.ts';
import { isManifestName } from '../../io/manifest.ts';
import { batchId } from '../batch-id.ts';
import type { Cloud } from './cloud.ts';
import { cloudEngine, notDeployed } from './cloud-engine.ts';
import type { Upload } from './inbox-event.ts';
import { pinManifest, pinPrefixes } from './manifest-source.ts';
import { metadataOptions, type UploadPlan, uploadPlan } from './upload-options.ts';
import { type PinnedUpload, pinUpload } from './upload-source.ts';

export type Started =
  | { did: 'started' | 'known'; batch: string }
  /** A batch that ended failed before its first item, with the reason in its report. */
  | { did: 'broken'; batch: string; why: string }
  | { did: 'ignored'; why: string };

/**
 * An upload becomes a batch: the same upload always the same one, so that duplicated and reordered events
 * change nothing. What cannot be run becomes a failed batch that says why, and the upload stays where it is.
 */
export async function startUpload(cloud: Cloud, upload: Upload): Promise<Started> {
  const pinned = await pinUpload(cloud.s3, upload);
  if (pinned === undefined) {
    return { did: 'ignored', why: 'the object was removed or replaced since' };
  }
  const given = metadataOptions(pinned.metadata);
  const id = idOf(upload, pinned);
  const there = await readBatch(cloud.store, id);
  if (there !== undefined && hasEnded(there.status)) return { did: 'known', batch: id };
  const plan = await planOf(cloud, upload.job, given);
  const { job } = plan;
  const sources =
    there === undefined ? await sourcesOf(cloud, upload, { pinned, job }) : [pinned.pin];
  if (typeof sources === 'string') plan.problem ??= sources;
  const engine = await cloudEngine(cloud, upload.job);
  const deployed = cloud.jobs.get(upload.job);
  if (there === undefined && deployed !== undefined) {
    await cloud.objects.put(jobKey(id), deployed.bytes);
  }
  const isNew = await startBatch(engine, {
    id,
    job: upload.job,
    jobRef: upload.job,
    inputName: upload.key.slice(upload.key.lastIndexOf('/') + 1),
    sources: typeof sources === 'string' ? [pinned.pin] : sources,
    readerOptions: plan.readerOptions,
    settings: cloud.settings.unreserved ? { ...plan.settings, unreserved: true } : plan.settings,
    options: plan.options,
    now: plan.now,
    upload: { source: pinned.pin.name, version: pinned.pin.version },
    broken: plan.problem,
  });
  if (plan.problem === undefined) return { did: isNew ? 'started' : 'known', batch: id };
  await copyStop(engine, id);
  return { did: 'broken', batch: id, why: plan.problem };
}

/** Reasons are kept in a record of less than 8 KB. */
const MAX_REASON = 1000;

/** A job's name is part of a batch's; a folder of another form is not. */
const JOB_NAME = /^[a-z][a-z0-9-]{0,39}$/;

const idOf = (upload: Pick<Upload, 'job'>, { pin, metadata }: PinnedUpload): string =>
  batchId({
    job: JOB_NAME.test(upload.job) ? upload.job : 'unknown',
    sources: [pin],
    options: metadataOptions(metadata),
    readerOptions: {},
    now: undefined,
    again: undefined,
  });

const NO_PREFIX =
  'The job finds its files below prefixes; this upload names none. Upload a manifest with a prefix a line (x.manifest.txt: data/music/), or use sluice submit.';

/** The upload itself; of a manifest the objects that it names, or why they cannot be read. */
async function sourcesOf(
  cloud: Cloud,
  { key }: Upload,
  { pinned: { pin }, job }: { pinned: PinnedUpload; job: Job | undefined },
): Promise<SourcePin[] | string> {
  const finds = job !== undefined && isDiscovering(job.input);
  if (!isManifestName(key)) return finds ? NO_PREFIX : [pin];
  try {
    return await (finds ? pinPrefixes : pinManifest)(cloud.s3, pin);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'STORE') throw error; // another delivery may mend it
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  const { message, hint } = error as { message: string; hint?: string };
  return (hint === undefined ? message : `${message} ${hint}`).slice(0, MAX_REASON);
}

async function planOf(
  cloud: Cloud,
  name: string,
  given: Record<string, string>,
): Promise<UploadPlan & { problem?: string; job?: Job }> {
  try {
    const deployed = cloud.jobs.get(name);
    if (deployed === undefined) throw notDeployed(cloud, name);
    const job = await deployed.load();
    return { ...(await uploadPlan(job, given)), job };
  } catch (error) {
    const problem = reasonOf(error);
    const settings = settingsOf({ limits: {} } as Job);
    return { settings, options: given, readerOptions: {}, now: undefined, problem };
  }
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { stageVariable } from '../../cdk/names.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { type Cloud, openCloud } from '../../lib/app/aws/cloud.ts';
import { cloudEngine } from '../../lib/app/aws/cloud-engine.ts';
import { type Handled, handleInbox } from '../../lib/app/aws/handle-inbox.ts';
import { handleWork, type Worked } from '../../lib/app/aws/handle-work.ts';
import { type SweepResult, sweepAll } from '../../lib/app/aws/sweep-all.ts';
import { bundleJob } from '../../lib/app/job-file.ts';
import { loadJob } from '../../lib/app/load-job.ts';
import { reportKey } from '../../lib/core/keys.ts';
import type { Report } from '../../lib/core/report.ts';
import { hasEnded } from '../../lib/core/transitions.ts';
import { type Batch, listBatches, readBatch } from '../../lib/engine/batch.ts';
import { sweepBatch } from '../../lib/engine/sweep.ts';
import { type Emulators, startEmulators, useEnvironment } from './emulators.ts';

/** Of a job that does not load: the functions tell of it. */
const NONE: { stages?: readonly unknown[] } = {};

export interface CloudWorldOptions {
  /** Job references by the name under which they are deployed. */
  jobs: Record<string, string>;
  env?: Record<string, string>;
  /** Milliseconds that each invocation has; default a minute. */
  lifeMs?: number;
}

/**
 * The functions' own code over S3, SQS and DynamoDB emulated in this process: what the Lambda handlers
 * call, without environments, time-outs and mappings.
 */
export async function cloudWorld({ jobs, env = {}, lifeMs = 60_000 }: CloudWorldOptions) {
  const emulators: Emulators = await startEmulators();
  const root = mkdtempSync(join(tmpdir(), 'sluice-cloud-'));
  mkdirSync(join(root, 'jobs'));
  const stages: Record<string, string> = {};
  for (const [name, reference] of Object.entries(jobs)) {
    const { bytes } = await bundleJob(reference, join(root, 'bundles'));
    writeFileSync(join(root, 'jobs', `${name}.mjs`), bytes);
    const { stages: of = [] } = await loadJob(join(root, 'jobs', `${name}.mjs`)).catch(() => NONE);
    for (let stage = 0; stage < Math.max(1, of.length); stage += 1) {
      const queue = stage === 0 ? `stage-${name}` : `stage-${name}-${stage}`;
      stages[stageVariable(name, stage)] = await emulators.createQueue(queue);
    }
  }
  await emulators.createTable('table');
  await emulators.createBucket('reports');
  await emulators.createBucket('uploads');
  const inbox = await emulators.createQueue('inbox');
  const restore = useEnvironment(emulators.env);
  const functionEnv = {
    ...emulators.env,
    ...stages,
    SLUICE_TABLE: 'table',
    SLUICE_REPORTS: 'reports',
    SLUICE_UPLOADS: 'uploads',
    SLUICE_INBOX: inbox,
    LAMBDA_TASK_ROOT: root,
    AWS_LAMBDA_LOG_STREAM_NAME: '2026/11/22/[$LATEST]0123456789ab',
    ...env,
  };
  const log = memoryLogger();
  const open = (): Cloud => openCloud({ env: functionEnv, log });
  let cloud = open();
  const sqs = new SQSClient({});
  let requests = 0;
  const begin = (): void => {
    requests += 1;
    const end = Date.now() + lifeMs;
    cloud.begin({ requestId: `request-${requests}`, remainingMs: () => end - Date.now() });
  };
  const received = async (url: string, work: (body: string) => Promise<void>): Promise<boolean> => {
    const { Messages: messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 1, VisibilityTimeout: 60 }),
    );
    for (const { Body: body = '', ReceiptHandle: handle } of messages) {
      begin();
      await work(body);
      await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: handle }));
    }
    return messages.length > 0;
  };
  const world = {
    emulators,
    root,
    /** What the stack would set in a function. */
    env: functionEnv,
    log,
    handled: [] as Handled[],
    worked: [] as Worked[],
    get cloud() {
      return cloud;
    },
    /** A new environment: nothing is remembered. */
    coldStart(): void {
      cloud = open();
    },
    begin,
    /** Stores an upload, and returns the body of its event as S3 sends it. */
    async upload(
      key: string,
      body: string | Uint8Array,
      metadata: Record<string, string> = {},
    ): Promise<string> {
      const at = { Bucket: 'uploads', Key: key };
      await cloud.s3.send(
        new PutObjectCommand({ ...at, Body: Buffer.from(body), Metadata: metadata }),
      );
      return world.eventOf(key);
    },
    async eventOf(key: string): Promise<string> {
      const { ETag: etag } = await cloud.s3.send(
        new HeadObjectCommand({ Bucket: 'uploads', Key: key }),
      );
      const object = {
        key: encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/'),
        eTag: etag?.replaceAll('"', ''),
      };
      const s3 = { bucket: { name: 'uploads' }, object };
      const head = { eventSource: 'aws:s3', eventVersion: '2.1', eventName: 'ObjectCreated:Put' };
      return JSON.stringify({ Records: [{ ...head, s3 }] });
    },
    async inbox(body: string): Promise<Handled[]> {
      begin();
      const handled = await handleInbox(cloud, body);
      world.handled.push(...handled);
      return handled;
    },
    async work(job: string, body: string): Promise<Worked> {
      begin();
      return handleWork(cloud, job, body);
    },
    async sweep(): Promise<SweepResult> {
      begin();
      return sweepAll(cloud);
    },
    /** A sweep of one batch that waits for nobody. */
    async resume(id: string): Promise<void> {
      begin();
      const batch = (await readBatch(cloud.store, id)) as Batch;
      await sweepBatch(await cloudEngine(cloud, batch.job), batch, { graceMs: 0 });
    },
    /** Works what is queued, one message at a time, until nothing is left. */
    async run(): Promise<void> {
      for (let any = true; any; ) {
        any = await received(inbox, async (body) => {
          world.handled.push(...(await handleInbox(cloud, body)));
        });
        for (const [variable, url] of Object.entries(stages)) {
          const name = variable
            .slice('SLUICE_STAGE_'.length, -'_0'.length)
            .toLowerCase()
            .replaceAll('_', '-');
          const more = await received(url, async (body) => {
            world.worked.push(await handleWork(cloud, name, body));
          });
          any ||= more;
        }
      }
    },
    batches: async (): Promise<Batch[]> => {
      const entries = await listBatches(cloud.store);
      return Promise.all(
        entries.map(async ({ id }) => (await readBatch(cloud.store, id)) as Batch),
      );
    },
    async report(id: string): Promise<Report> {
      const batch = (await readBatch(cloud.store, id)) as Batch;
      if (!hasEnded(batch.status)) throw new Error(`Batch ${id} is ${batch.status}.`);
      const bytes = await cloud.objects.get(reportKey(id, 0, 'report.json'));
      return JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
    },
    async close(): Promise<void> {
      sqs.destroy();
      restore();
      await emulators.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
  return world;
}

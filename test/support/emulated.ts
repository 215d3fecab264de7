import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { awsCheckpointStore } from '../../lib/adapters/aws/checkpoint-store.ts';
import { awsClients } from '../../lib/adapters/aws/clients.ts';
import { awsObjectStore } from '../../lib/adapters/aws/object-store.ts';
import { parseChaos } from '../../lib/app/emulate/chaos.ts';
import { startEmulator } from '../../lib/app/emulate/emulator.ts';
import { synth } from '../../lib/app/emulate/synth.ts';
import { reportKey } from '../../lib/core/keys.ts';
import type { Report } from '../../lib/core/report.ts';
import { hasEnded } from '../../lib/core/transitions.ts';
import { type Batch, listBatches, readBatch } from '../../lib/engine/batch.ts';
import { useEnvironment } from './emulators.ts';
import { gatherOutcomes } from './outcomes.ts';

/** Job files for the emulated stack, by name: written beside each other, deployed by path. */
export function writeJobs(folder: string, jobs: Record<string, string>): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(jobs).map(([name, text]) => {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, text);
    return file;
  });
}

/** The synthesised stack of these jobs. */
export const synthesised = (folder: string, jobs: readonly string[]): Promise<string> =>
  synth({ folder, outdir: join(folder, 'cdk.out'), context: { jobs: jobs.join(',') } });

export interface EmulatedOptions {
  assembly: string;
  speed?: number;
  chaos?: string;
}

/** The stack, running, with what a person would use to look at it. */
export async function emulated({ assembly, speed = 1, chaos = '' }: EmulatedOptions) {
  const faults: unknown[] = [];
  const emulator = await startEmulator({
    assembly,
    speed,
    chaos: parseChaos(chaos),
    onFault: (fault) => faults.push(fault),
  });
  const restore = useEnvironment(emulator.env);
  const clients = awsClients();
  const s3 = new S3Client({});
  const sqs = new SQSClient({});
  const { outputs } = emulator;
  const output = (name: string): string => outputs[name] ?? '';
  const store = awsCheckpointStore({ client: clients.dynamo, table: output('Table') });
  const objects = awsObjectStore({ client: clients.s3, bucket: output('ReportBucket') });
  const world = {
    emulator,
    store,
    objects,
    faults,
    async upload(key: string, body: string | Uint8Array, metadata = {}): Promise<string> {
      const Bucket = output('UploadBucket');
      const answer = await s3.send(
        new PutObjectCommand({ Bucket, Key: key, Body: Buffer.from(body), Metadata: metadata }),
      );
      return answer.ETag ?? '';
    },
    /** Batches of uploads whose key ends so. */
    async batchesOf(end: string): Promise<Batch[]> {
      const entries = (await listBatches(store)).filter(({ source }) => source?.endsWith(end));
      const batches = await Promise.all(entries.map(({ id }) => readBatch(store, id)));
      return batches.filter((one) => one !== undefined);
    },
    /** Waits for `count` batches of that key to end. */
    async ended(end: string, { count = 1, withinMs = 60_000 } = {}): Promise<Batch[]> {
      const until = Date.now() + withinMs;
      for (;;) {
        const batches = await world.batchesOf(end);
        if (batches.filter(({ status }) => hasEnded(status)).length >= count) return batches;
        if (Date.now() > until) {
          const said = emulator.specs.functions.map(({ logicalId }) => emulator.logs(logicalId));
          const state = batches.map(({ id, status, stop, reason }) => ({
            id,
            status,
            stop,
            reason,
          }));
          throw new Error(
            `${end}: ${JSON.stringify(state)} after ${withinMs} ms\n${JSON.stringify(emulator.stats())}\n${said.join('\n').slice(-6000)}`,
          );
        }
        await new Promise((go) => setTimeout(go, 250));
      }
    },
    async report(id: string): Promise<Report> {
      const bytes = await objects.get(reportKey(id, 0, 'report.json'));
      return JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
    },
    outcomes: (id: string): Promise<string> => gatherOutcomes(objects, id),
    /** Messages in all dead-letter queues. */
    async deadLetters(): Promise<number> {
      let sum = 0;
      for (const { name } of emulator.specs.queues) {
        if (!/dead/i.test(name)) continue;
        const QueueUrl = `${emulator.endpoint}/000000000000/${name}`;
        const { Attributes: found = {} } = await sqs.send(
          new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
        );
        sum += Number(found['ApproximateNumberOfMessages'] ?? 0);
      }
      return sum;
    },
    send: sqs,
    inboxUrl: output('Inbox'),
    async close(): Promise<void> {
      clients.close();
      s3.destroy();
      sqs.destroy();
      restore();
      await emulator.close();
    },
  };
  return world;
}

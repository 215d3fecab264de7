import { CfnOutput, Fn, type Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { BundledJob } from './jobs.ts';
import type { Line } from './stage-queue.ts';
import { INBOX_PREFIX, type Storage } from './storage.ts';

interface Made {
  jobs: readonly BundledJob[];
  storage: Storage;
  inbox: Line;
  /** Queues of stages by `<job>/<stage>`. */
  stages: ReadonlyMap<string, Line>;
}

/** What `--stack` commands and people read of a deployed stack. */
export function createOutputs(stack: Stack, { jobs, storage, inbox, stages }: Made): void {
  const { uploads, reports, records } = storage;
  const queues = {
    orchestrator: inbox.queue.queueUrl,
    ...Object.fromEntries([...stages].map(([name, { queue }]) => [name, queue.queueUrl])),
  };
  const facts = Object.fromEntries(
    jobs.map(({ name, stages: own, digest, quota, finds }) => [
      name,
      {
        ...{ stages: own.length, workers: own[0]?.workers, digest },
        ...(finds && { finds }),
        ...(quota && { quota }),
      },
    ]),
  );
  const [only, other] = jobs.map(({ name }) => name);
  const folder = other === undefined ? only : '<job>';
  const rows: [string, string, string][] = [
    ['UploadBucket', uploads.bucket.bucketName, `Drop files under ${INBOX_PREFIX}<job>/`],
    ['ReportBucket', reports.bucket.bucketName, 'Reports lie under batches/<batch>/'],
    ['Table', records.table.tableName, 'Records of all batches'],
    ['Inbox', inbox.queue.queueUrl, 'Queue of the orchestrator'],
    ['Queues', stack.toJsonString(queues), 'URL of each queue'],
    ['Jobs', stack.toJsonString(facts), 'Jobs of this stack'],
    [
      'UploadCommand',
      Fn.sub(`aws s3 cp <file> s3://\${Bucket}/${INBOX_PREFIX}${folder}/`, {
        Bucket: uploads.bucket.bucketName,
      }),
      'Starts a batch',
    ],
  ];
  const scope = new Construct(stack, 'Outputs');
  for (const [id, value, description] of rows) {
    new CfnOutput(scope, id, { value, description }).overrideLogicalId(id);
  }
}

import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { templateFault } from './faults.ts';
import { REGION } from './names.ts';
import type { QueueSpec, StackSpecs } from './specs.ts';

/** Settings of an SDK client of this emulator, signed as `caller`. */
export const clientOptions = (endpoint: string, caller: string) => ({
  endpoint,
  region: REGION,
  credentials: { accessKeyId: caller, secretAccessKey: 'emulated' },
  // Each poller holds a connection while it waits; the SDK's own limit is 50.
  requestHandler: { httpAgent: { keepAlive: true, maxSockets: 1000 } },
});

/** Makes the stack's buckets, queues and tables in the emulated services, with AWS's own clients. */
export async function createResources(
  { buckets, queues, tables }: Pick<StackSpecs, 'buckets' | 'queues' | 'tables'>,
  endpoint: string,
): Promise<void> {
  const options = clientOptions(endpoint, 'set-up');
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  const sqs = new SQSClient(options);
  const dynamo = new DynamoDBClient(options);
  try {
    for (const { name } of buckets) await s3.send(new CreateBucketCommand({ Bucket: name }));
    for (const { name, attributes } of deadLettersFirst(queues)) {
      await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    }
    for (const { name, definition } of tables) {
      const input = { ...definition, TableName: name } as unknown;
      await dynamo.send(
        new CreateTableCommand(input as ConstructorParameters<typeof CreateTableCommand>[0]),
      );
    }
  } finally {
    for (const client of [s3, sqs, dynamo]) client.destroy();
  }
}

/** A queue is made after its dead-letter queue: SQS refuses one whose dead-letter queue is not there. */
export function deadLettersFirst(queues: readonly QueueSpec[]): QueueSpec[] {
  const made: QueueSpec[] = [];
  let left = [...queues];
  while (left.length > 0) {
    const ready = left.filter(
      ({ deadLetters }) =>
        deadLetters === undefined || !left.some(({ name }) => name === deadLetters),
    );
    if (ready.length === 0) {
      const names = left.map(({ logicalId }) => logicalId).join(', ');
      throw templateFault(`Queues are each other's dead-letter queues: ${names}.`);
    }
    made.push(...ready);
    left = left.filter((queue) => !ready.includes(queue));
  }
  return made;
}

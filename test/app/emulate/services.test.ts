import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import {
  CopyObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Template } from '../../../lib/app/emulate/assembly.ts';
import { parseChaos } from '../../../lib/app/emulate/chaos.ts';
import { clientOptions } from '../../../lib/app/emulate/create.ts';
import { type Emulator, startEmulator } from '../../../lib/app/emulate/emulator.ts';
import { invokeStanding } from '../../../lib/app/emulate/invoke-standing.ts';
import { uploadTo } from '../../../lib/app/emulate/upload.ts';
import { lambda, queue, ROLE, until, writeAssembly } from './tiny-stack.ts';

const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const TEMPLATE: Template = {
  Resources: {
    ...ROLE,
    Uploads: {
      Type: 'AWS::S3::Bucket',
      Properties: {
        NotificationConfiguration: {
          QueueConfigurations: [
            {
              Event: 's3:ObjectCreated:*',
              Queue: arn('Inbox'),
              Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'inbox/' }] } },
            },
          ],
          EventBridgeConfiguration: { EventBridgeEnabled: true },
        },
      },
    },
    Inbox: queue(),
    Bridged: queue(),
    Behave: lambda('behave', {
      Environment: { Variables: { SLUICE_SECRETS: '{"API_KEY":"prod/key"}' } },
    }),
    Table: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      },
    },
    OnUpload: {
      Type: 'AWS::Events::Rule',
      Properties: {
        EventPattern: {
          source: ['aws.s3'],
          'detail-type': ['Object Created'],
          detail: {
            bucket: { name: [{ Ref: 'Uploads' }] },
            object: { key: [{ prefix: 'bridge/' }] },
          },
        },
        Targets: [{ Id: 'T', Arn: arn('Bridged') }],
      },
    },
    EveryMinute: {
      Type: 'AWS::Events::Rule',
      Properties: {
        ScheduleExpression: 'rate(1 minute)',
        Targets: [{ Id: 'T', Arn: arn('Behave'), Input: '{"do":"echo"}' }],
      },
    },
  },
  Outputs: {
    UploadBucket: { Value: { Ref: 'Uploads' }, Description: 'for <uploads> & more' },
    Inbox: { Value: { Ref: 'Inbox' } },
    Bridged: { Value: { Ref: 'Bridged' } },
    Table: { Value: { Ref: 'Table' } },
  },
};

let emulator: Emulator;
let options: ReturnType<typeof clientOptions>;
let s3: S3Client;
let sqs: SQSClient;
const faults: unknown[] = [];

beforeAll(async () => {
  emulator = await startEmulator({
    assembly: writeAssembly(TEMPLATE),
    // A minute is 0.6 s.
    speed: 100,
    secrets: { API_KEY: 's3cret', plain: 'too' },
    onFault: (error) => faults.push(error),
  });
  options = clientOptions(emulator.endpoint, 'outside');
  s3 = new S3Client({ ...options, forcePathStyle: true });
  sqs = new SQSClient(options);
});

afterAll(async () => {
  s3.destroy();
  sqs.destroy();
  await emulator.close();
  expect(faults).toEqual([]);
});

async function receive(name: string, from = sqs, stack = emulator): Promise<object[]> {
  const { Messages = [] } = await from.send(
    new ReceiveMessageCommand({
      QueueUrl: stack.outputs[name],
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 2,
    }),
  );
  // Else they are back after their visibility time-out, in whichever test then runs.
  for (const { ReceiptHandle } of Messages) {
    await from.send(new DeleteMessageCommand({ QueueUrl: stack.outputs[name], ReceiptHandle }));
  }
  return Messages.map(({ Body = '' }: Message) => JSON.parse(Body) as object);
}

const keyOf = (event: object): string =>
  (event as { Records: { s3: { object: { key: string } } }[] }).Records[0]?.s3.object.key ?? '';

describe('an upload', () => {
  it('first makes S3 say that its queue is a destination', async () => {
    expect(await receive('Inbox')).toEqual([
      expect.objectContaining({ Event: 's3:TestEvent', Bucket: emulator.outputs['UploadBucket'] }),
    ]);
  });

  it('comes as one event, with size, ETag and encoded key', async () => {
    const Bucket = emulator.outputs['UploadBucket'];
    const Key = 'inbox/odds/a b+ü.csv';
    await s3.send(new PutObjectCommand({ Bucket, Key: 'elsewhere/x', Body: 'x' }));
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'abc' }));
    const [event, ...more] = await receive('Inbox');
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      Records: [
        {
          eventName: 'ObjectCreated:Put',
          s3: {
            bucket: { name: Bucket },
            object: {
              key: 'inbox/odds/a+b%2B%C3%BC.csv',
              size: 3,
              eTag: ETag?.replaceAll('"', ''),
              sequencer: expect.stringMatching(/^[0-9A-F]{18}$/),
            },
          },
        },
      ],
    });
  });

  it('in parts is one event with the size of the whole; a copy is one too', async () => {
    const Bucket = emulator.outputs['UploadBucket'];
    const Body = Buffer.alloc(12 * 1024 * 1024, 7);
    await new Upload({ client: s3, params: { Bucket, Key: 'inbox/large', Body } }).done();
    const CopySource = `${Bucket}/inbox/large`;
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'inbox/copy', CopySource }));
    const events: object[] = [];
    await until(async () => events.push(...(await receive('Inbox'))) >= 2);
    expect(events).toMatchObject([
      {
        Records: [
          {
            eventName: 'ObjectCreated:CompleteMultipartUpload',
            s3: {
              object: { key: 'inbox/large', size: Body.length, eTag: expect.stringMatching(/-3$/) },
            },
          },
        ],
      },
      { Records: [{ eventName: 'ObjectCreated:Copy', s3: { object: { key: 'inbox/copy' } } }] },
    ]);
  });

  it('may be larger than 11 MiB in one piece', async () => {
    const Bucket = emulator.outputs['UploadBucket'];
    const Body = Buffer.alloc(12 * 1024 * 1024, 7);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'big', Body }));
    const { ContentLength } = await s3.send(
      new GetObjectCommand({ Bucket, Key: 'big', Range: 'bytes=5-9' }),
    );
    expect(ContentLength).toBe(5);
  });

  it('reaches a rule of EventBridge', async () => {
    const Bucket = emulator.outputs['UploadBucket'];
    await s3.send(new PutObjectCommand({ Bucket, Key: 'bridge/a b', Body: 'x' }));
    expect(await receive('Bridged')).toMatchObject([
      { 'detail-type': 'Object Created', detail: { object: { key: 'bridge/a b', size: 1 } } },
    ]);
  });

  it('by the command line keeps its options', async () => {
    const source = await uploadTo(emulator, {
      job: 'odds',
      file: new URL('tiny-stack.ts', import.meta.url).pathname,
      options: { chunk: '10' },
    });
    expect(source).toBe(`s3://${emulator.outputs['UploadBucket']}/inbox/odds/tiny-stack.ts`);
    const Bucket = emulator.outputs['UploadBucket'];
    const { Metadata } = await s3.send(
      new GetObjectCommand({ Bucket, Key: 'inbox/odds/tiny-stack.ts' }),
    );
    expect(Metadata).toEqual({ 'sluice-chunk': '10' });
    await expect(
      uploadTo(emulator, { job: 'odds', file: '/no/file', options: {} }),
    ).rejects.toThrow('The file /no/file cannot be read: ENOENT.');
  });

  it.each([
    ['lost', 'lose=1', []],
    // A seed whose first draw hits and whose second does not.
    ['late', 'reorder=0.5,seed=6', ['inbox/2', 'inbox/1']],
  ])('may be %s', async (_how, chaos, keys) => {
    const other = await startEmulator({
      assembly: writeAssembly(TEMPLATE),
      chaos: parseChaos(chaos),
      speed: 10,
    });
    const client = new SQSClient(clientOptions(other.endpoint, 'outside'));
    const store = new S3Client({
      ...clientOptions(other.endpoint, 'outside'),
      forcePathStyle: true,
    });
    await receive('Inbox', client, other); // the test event
    const Bucket = other.outputs['UploadBucket'];
    for (const Key of ['inbox/1', 'inbox/2']) {
      await store.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    }
    const events: object[] = [];
    await until(async () => {
      events.push(...(await receive('Inbox', client, other)));
      return events.length >= keys.length;
    });
    expect(events.map(keyOf)).toEqual(keys);
    expect(other.stats().chaos).toMatchObject(keys.length === 0 ? { lose: 2 } : { reorder: 1 });
    client.destroy();
    store.destroy();
    await other.close();
  });
});

it('runs a schedule', async () => {
  const before = emulator.stats().functions['Behave']?.invocations ?? 0;
  await until(() => (emulator.stats().functions['Behave']?.invocations ?? 0) >= before + 2);
});

describe('DynamoDB', () => {
  it('is metered by caller, and answers as if it were not', async () => {
    const table = emulator.outputs['Table'];
    const dynamo = new DynamoDBClient(clientOptions(emulator.endpoint, 'metered'));
    const Key = { pk: { S: 'k' } };
    const write = (ConditionExpression?: string) =>
      dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key,
          UpdateExpression: 'SET #a = :x',
          ExpressionAttributeNames: { '#a': 'a' },
          ExpressionAttributeValues: { ':x': { S: 'x'.repeat(1500) } },
          ...(ConditionExpression === undefined ? {} : { ConditionExpression }),
        }),
      );
    expect(await write('attribute_not_exists(#a)')).not.toHaveProperty('ConsumedCapacity');
    await expect(write('attribute_not_exists(#a)')).rejects.toThrow('conditional');
    const { Item } = await dynamo.send(
      new GetItemCommand({ TableName: table, Key, ConsistentRead: true }),
    );
    expect(Item?.['a']?.S).toHaveLength(1500);
    const asked = await dynamo.send(
      new GetItemCommand({ TableName: table, Key, ReturnConsumedCapacity: 'TOTAL' }),
    );
    expect(asked.ConsumedCapacity).toMatchObject({ CapacityUnits: 0.5 });
    dynamo.destroy();
    expect(emulator.stats().traffic['metered']).toEqual({
      requests: { 'dynamodb.UpdateItem': 2, 'dynamodb.GetItem': 2 },
      // 1.5 KB are two units, the refused write one.
      writeUnits: 3,
      readUnits: 1,
      refusedWrites: 1,
    });
  });
});

describe('CloudFormation', () => {
  it('describes the stack, and only this one', async () => {
    const client = new CloudFormationClient(options);
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: 'Tiny' }));
    expect(Stacks).toMatchObject([{ StackName: 'Tiny', StackStatus: 'CREATE_COMPLETE' }]);
    const outputs = Stacks?.[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [
      OutputKey,
      OutputValue,
    ]);
    expect(Object.fromEntries(outputs ?? [])).toEqual(emulator.outputs);
    expect(Stacks?.[0]?.Outputs?.[0]?.Description).toBe('for <uploads> & more');
    const other = client.send(new DescribeStacksCommand({ StackName: 'Other' }));
    await expect(other).rejects.toThrow('Stack with id Other does not exist');
    await expect(other).rejects.toBeInstanceOf(CloudFormationServiceException);
    client.destroy();
  });
});

describe('Secrets Manager', () => {
  it('answers from the environment, by the names of SLUICE_SECRETS', async () => {
    const client = new SecretsManagerClient(options);
    const value = async (SecretId: string) =>
      (await client.send(new GetSecretValueCommand({ SecretId }))).SecretString;
    expect(await value('prod/key')).toBe('s3cret');
    expect(await value('plain')).toBe('too');
    await expect(value('missing')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    client.destroy();
  });
});

describe('Lambda', () => {
  const invoke = (name: string, event: object) =>
    invokeStanding({ ...emulator, pid: process.pid }, name, event);

  it('is invoked by name over HTTP', async () => {
    expect(await invoke('behave', { do: 'echo', value: 3 })).toMatchObject({ did: 'answered' });
    expect(await invoke('Behave', { do: 'throw', value: 'no' })).toEqual({
      did: 'failed',
      type: 'TypeError',
      message: 'no',
      died: false,
    });
    await expect(invoke('nobody', {})).rejects.toThrow('Function not found: nobody');
  });
});

import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { fauxqsStores, listInOrder } from '../../lib/app/emulate/backends.ts';

/** fauxqs (S3 and SQS) and dynalite (DynamoDB), in this process, over HTTP on loopback. */
export interface Emulators {
  /** Where the SDK finds them: AWS_ENDPOINT_URL_*, a region and credentials that nobody checks. */
  env: Readonly<Record<string, string>>;
  /** Ports on 127.0.0.1: of S3 and SQS, and of DynamoDB. */
  ports: { fauxqs: number; dynalite: number };
  createTable(name: string): Promise<void>;
  createBucket(name: string): Promise<void>;
  /** Stores an object without a request: for those by the thousand. */
  putObject(bucket: string, key: string, body: string): void;
  /** Returns its URL. */
  createQueue(name: string, attributes?: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

export interface EmulatorOptions {
  /** Keys in a page of a listing, at most 1,000 (the default): S3 may always give fewer. */
  pageKeys?: number;
}

export const TEST_ACCOUNT = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  // Neither an instance's metadata nor a developer's own profile may come in.
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
} as const;

/** Starts both; `env` is not set in this process: see `useEnvironment`. */
export async function startEmulators({
  pageKeys = 1000,
}: EmulatorOptions = {}): Promise<Emulators> {
  const fauxqs = await startFauxqs(pageKeys);
  const dynalite = await startDynalite();
  const env = {
    ...TEST_ACCOUNT,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${fauxqs.port}`,
    AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${fauxqs.port}`,
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${dynalite.port}`,
  };
  return {
    env,
    ports: { fauxqs: fauxqs.port, dynalite: dynalite.port },
    createTable: (name) => createTable(env.AWS_ENDPOINT_URL_DYNAMODB, name),
    async createBucket(name) {
      const client = new S3Client(configOf(env.AWS_ENDPOINT_URL_S3));
      await client.send(new CreateBucketCommand({ Bucket: name }));
      client.destroy();
    },
    putObject: (bucket, key, body) => fauxqs.put(bucket, key, Buffer.from(body)),
    async createQueue(name, attributes = {}) {
      const client = new SQSClient(configOf(env.AWS_ENDPOINT_URL_SQS));
      await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
      client.destroy();
      return `${env.AWS_ENDPOINT_URL_SQS}/000000000000/${name}`;
    },
    async close() {
      await Promise.all([fauxqs.close(), dynalite.close()]);
    },
  };
}

/** Sets the variables in this process (a test file has its own); what was there comes back with the result. */
export function useEnvironment(env: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

const configOf = (endpoint: string) => ({
  endpoint,
  region: TEST_ACCOUNT.AWS_REGION,
  forcePathStyle: true,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

/** The table of the stack: keys pk and sk, both texts. */
export async function createTable(endpoint: string, name: string): Promise<void> {
  const client = new DynamoDBClient(configOf(endpoint));
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  );
  client.destroy();
}

interface Running {
  port: number;
  close(): Promise<void>;
}

/**
 * fauxqs 1.9.2 with three repairs: it knows a queue only by the exact URL it made; it refuses bodies over 11 MiB;
 * it sorts keys by locale but pages by code unit, so that a second page loses keys, and knows no `encoding-type`.
 */
async function startFauxqs(pageKeys: number) {
  const stores = await fauxqsStores();
  const objects: { putObject(bucket: string, key: string, body: Buffer): unknown } = stores.s3Store;
  const app = buildApp({ logger: false, stores });
  let port = 0;
  app.addHook('preHandler', async (request) => {
    const body = request.body as { QueueUrl?: string } | undefined;
    if (typeof body?.QueueUrl !== 'string') return;
    const name = body.QueueUrl.slice(body.QueueUrl.lastIndexOf('/') + 1);
    const region = TEST_ACCOUNT.AWS_REGION;
    body.QueueUrl = `http://sqs.${region}.localhost:${port}/000000000000/${name}`;
  });
  listInOrder(app, stores.s3Store, pageKeys);
  app.removeContentTypeParser('*');
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: 6e9 },
    (_request: unknown, body: unknown, done: (fault: null, body: unknown) => void) =>
      done(null, body),
  );
  await app.listen({ port: 0, host: '127.0.0.1' });
  port = (app.server.address() as AddressInfo).port;
  return {
    port,
    put: (bucket: string, key: string, body: Buffer) => void objects.putObject(bucket, key, body),
    close: () => app.close(),
  };
}

async function startDynalite(): Promise<Running> {
  // It has no types.
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => {
    listen(port: number, host: string, done: () => void): void;
    address(): AddressInfo;
    close(done: () => void): void;
    closeAllConnections(): void;
  };
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: server.address().port,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

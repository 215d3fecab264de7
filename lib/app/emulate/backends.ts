import { existsSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SluiceError } from '../../core/errors.ts';
import { meteredDynamo } from './meter.ts';
import { ACCOUNT, REGION } from './names.ts';
import { type ListedObject, listObjects } from './s3-listing.ts';
import { newTraffic, operationOf, signerOf, type Traffic } from './traffic.ts';

/** An object that was written whole. */
export interface CreatedObject {
  bucket: string;
  key: string;
  bytes: number;
  /** Without quotes. */
  etag: string;
  /** The part of the event's name after `s3:ObjectCreated:`. */
  how: 'Put' | 'Post' | 'Copy' | 'CompleteMultipartUpload';
}

/** A request that the emulator itself answers: CloudFormation, Secrets Manager, Lambda. */
export type OwnAnswers = (
  service: string,
  request: IncomingMessage,
  response: ServerResponse,
) => void;

export interface Backends {
  /** All services at one address: `http://127.0.0.1:<port>`. */
  endpoint: string;
  traffic: Traffic;
  onCreated(listener: (object: CreatedObject) => void): void;
  answerWith(answers: OwnAnswers): void;
  close(): Promise<void>;
}

type Fauxqs = typeof import('fauxqs');
type S3App = ReturnType<Fauxqs['buildApp']>;

/** The two packages are dev dependencies: whoever only deploys or runs locally needs neither. */
async function optional<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (cause) {
    throw new SluiceError('NOT_FOUND', `sluice emulate needs the package ${name}.`, {
      hint: 'Install both emulators: npm install --save-dev fauxqs@1.9.2 dynalite@4.0.0',
      cause,
    });
  }
}

/** 5 GiB, the largest object that S3 takes in one PUT; fauxqs stops at 11 MiB. */
const BODY_LIMIT = 5 * 1024 ** 3;

/**
 * S3 and SQS (fauxqs) and DynamoDB (dynalite), in memory, behind one loopback port. Requests are told apart by
 * the service in their signature. `port` 0 takes a free one. Throws a SluiceError `NOT_FOUND` without the packages.
 */
export async function startBackends({ port = 0 }: { port?: number }): Promise<Backends> {
  const { buildApp } = await optional<Fauxqs>('fauxqs');
  const dynalite = await optional<{ default: DynaliteFactory }>('dynalite');
  const traffic = newTraffic();
  const stores = await fauxqsStores();
  const app = buildApp({ logger: false, defaultRegion: REGION, stores });
  app.removeContentTypeParser('*');
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_req, body, done) =>
    done(null, body),
  );
  const created: ((object: CreatedObject) => void)[] = [];
  // Made, not listening: its listener is called for the requests that are its own.
  const table = dynalite.default({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const dynamo = meteredDynamo(table.listeners('request')[0] as RequestListener, traffic);
  let own: OwnAnswers | undefined;
  const server = createServer((request, response) => {
    const { caller, service: signedFor } = signerOf(request.headers.authorization);
    // An invocation may come unsigned, from curl.
    const service = request.url?.startsWith(INVOKE_PATH) ? 'lambda' : signedFor;
    const target = request.headers['x-amz-target']?.toString();
    const url = request.url ?? '/';
    traffic.count(caller, operationOf({ method: request.method ?? 'GET', url, target, service }));
    if (target?.startsWith('DynamoDB_')) dynamo(request, response);
    else if (own !== undefined && OWN.has(service)) own(service, request, response);
    else app.routing(request, response);
  });
  const endpoint = await listen(server, port);
  rewriteQueueUrls(app, endpoint);
  listInOrder(app, stores.s3Store);
  watchObjects(app, (object) => {
    for (const listener of created) listener(object);
  });
  await app.ready();
  return {
    endpoint,
    traffic,
    onCreated: (listener) => void created.push(listener),
    answerWith: (answers) => {
      own = answers;
    },
    async close() {
      await app.close(); // wakes those who wait for messages
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const INVOKE_PATH = '/2015-03-31/functions/';
const OWN = new Set(['cloudformation', 'secretsmanager', 'lambda']);

type DynaliteFactory = (options: Record<string, number>) => ReturnType<typeof createServer>;

async function listen(server: ReturnType<typeof createServer>, port: number): Promise<string> {
  await new Promise<void>((done, refuse) => {
    server.once('error', (cause) =>
      refuse(
        new SluiceError('STATE', `Port ${port} on 127.0.0.1 cannot be used: ${cause.message}.`, {
          hint: 'Choose another one with --port, or leave it out for a free one.',
          cause,
        }),
      ),
    );
    server.listen(port, '127.0.0.1', () => done());
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/**
 * fauxqs finds a queue only by the URL that it made, whose host resolves nowhere else. Clients see and send
 * `<endpoint>/<account>/<name>`; inside it is always fauxqs's own.
 */
function rewriteQueueUrls(app: S3App, endpoint: string): void {
  const inner = `http://sqs.${REGION}.localhost:${new URL(endpoint).port}`;
  app.addHook('preHandler', async ({ body }) => {
    const call = body as { QueueUrl?: unknown } | null | undefined;
    if (typeof call?.QueueUrl !== 'string') return;
    call.QueueUrl = `${inner}/${ACCOUNT}/${call.QueueUrl.split('/').at(-1)}`;
  });
  app.addHook('onSend', async (request, _reply, payload) =>
    typeof payload === 'string' && request.headers['x-amz-target'] !== undefined
      ? payload.replaceAll(inner, endpoint)
      : payload,
  );
}

/** What is used of fauxqs' own store of buckets. */
interface BucketStore {
  buckets: Map<string, Map<string, ListedObject>>;
}

/** Its own stores, made here, so that listings can be answered as S3 answers them. */
export async function fauxqsStores() {
  // Its package.json exports the entry to imports only, so its folder is looked for as Node would.
  const places = createRequire(import.meta.url).resolve.paths('fauxqs') ?? [];
  const folder = places.map((place) => join(place, 'fauxqs/dist')).find((one) => existsSync(one));
  const make = async (file: string, name: string): Promise<never> => {
    const module = (await import(pathToFileURL(join(folder ?? '', file)).href)) as Record<
      string,
      new () => never
    >;
    const Store = module[name];
    if (Store !== undefined) return new Store();
    throw new SluiceError('NOT_FOUND', `The package fauxqs has no ${name}: 1.9.2 is needed.`);
  };
  return {
    s3Store: await make('s3/s3Store.js', 'S3Store'),
    sqsStore: await make('sqs/sqsStore.js', 'SqsStore'),
    snsStore: await make('sns/snsStore.js', 'SnsStore'),
  };
}

/** fauxqs' own second pages lose keys: see `listObjects`. */
export function listInOrder(app: S3App, store: BucketStore, pageKeys?: number): void {
  app.addHook('preHandler', async (request, reply) => {
    const query = request.query as Record<string, string | undefined>;
    if (request.method !== 'GET' || query['list-type'] !== '2') return;
    const { bucket = '' } = request.params as { bucket?: string };
    const objects = store.buckets.get(bucket)?.values();
    // An absent bucket is answered by fauxqs itself.
    if (objects === undefined) return;
    const answer = listObjects([...objects], query, pageKeys);
    await reply.header('content-type', 'application/xml').send(answer);
  });
}

/** Tells of every object that was written, after its writer has the answer. */
function watchObjects(app: S3App, tell: (object: CreatedObject) => void): void {
  app.addHook('onResponse', async (request, reply) => {
    const { bucket, '*': key } = request.params as { bucket?: string; '*'?: string };
    const query = request.query as Record<string, unknown>;
    if (reply.statusCode !== 200 || bucket === undefined || !key) return;
    const upload = query['uploadId'] !== undefined;
    const whole = (request.method === 'PUT' && !upload) || (request.method === 'POST' && upload);
    if (!whole) return;
    // The body of a multipart upload's end is a list of parts: only a HEAD knows the object's own size.
    const path = `/${encodeURIComponent(bucket)}/${key.split('/').map(encodeURIComponent).join('/')}`;
    const head = await app.inject({ method: 'HEAD', url: path });
    if (head.statusCode !== 200) return; // deleted meanwhile
    const copied = request.headers['x-amz-copy-source'] !== undefined;
    tell({
      bucket,
      key,
      bytes: Number(head.headers['content-length']),
      etag: String(head.headers['etag']).replaceAll('"', ''),
      how: upload ? 'CompleteMultipartUpload' : copied ? 'Copy' : 'Put',
    });
  });
}

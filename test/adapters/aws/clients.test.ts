import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { awsCheckpointStore } from '../../../lib/adapters/aws/checkpoint-store.ts';
import { awsHost } from '../../../lib/adapters/aws/host.ts';
import { awsObjectStore } from '../../../lib/adapters/aws/object-store.ts';
import { startProxy } from './proxy.ts';
import { type AwsUnderTest, withEmulators } from './with-emulators.ts';

let under: AwsUnderTest;
beforeAll(async () => {
  under = await withEmulators();
  await under.emulators.createTable('sluice');
  await under.emulators.createBucket('reports');
});
afterAll(() => under.end());

/** As Lambda's context counts down to the end of an invocation. */
const endsIn = (ms: number): (() => number) => {
  const end = performance.now() + ms;
  return () => end - performance.now();
};
const timed = async (call: () => Promise<unknown>): Promise<{ fault: unknown; ms: number }> => {
  const start = performance.now();
  const fault = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { fault, ms: performance.now() - start };
};

test('a call without an answer ends half a second before the function does, with our error', async () => {
  const proxy = await startProxy(under.emulators.ports.dynalite, { after: () => 'stall' });
  const { dynamo } = under.clientsWith(
    { AWS_ENDPOINT_URL_DYNAMODB: proxy.url },
    { remainingMs: endsIn(900) },
  );
  const store = awsCheckpointStore({ client: dynamo, table: 'sluice' });
  const { fault, ms } = await timed(() => store.read({ batch: 'b', sort: 'B' }));
  expect(fault).toMatchObject({
    code: 'STORE',
    message: expect.stringContaining('GetItem had no'),
  });
  expect(ms).toBeGreaterThan(350);
  expect(ms).toBeLessThan(900);
  await proxy.close();
});

test('the pause before a repeat and a body that stops are ended as well', async () => {
  const refusing = await startProxy(under.emulators.ports.dynalite, {
    before: () => ({
      status: 500,
      headers: { 'x-amz-retry-after': '5000' },
      body: Buffer.from('{}'),
    }),
  });
  const first = under.clientsWith(
    { AWS_ENDPOINT_URL_DYNAMODB: refusing.url },
    { remainingMs: endsIn(900) },
  );
  const store = awsCheckpointStore({ client: first.dynamo, table: 'sluice' });
  const paused = await timed(() => store.read({ batch: 'b', sort: 'B' }));
  expect(paused.fault).toMatchObject({ code: 'STORE' });
  expect(paused.ms).toBeLessThan(900);
  await refusing.close();

  const stopping = await startProxy(under.emulators.ports.fauxqs, {
    after: ({ method }, answer) => (method === 'GET' ? 'stop' : answer),
  });
  const second = under.clientsWith(
    { AWS_ENDPOINT_URL_S3: stopping.url },
    { remainingMs: endsIn(1500) },
  );
  const objects = awsObjectStore({ client: second.s3, bucket: 'reports' });
  await objects.put('stops', Buffer.alloc(1000));
  const stopped = await timed(() => objects.get('stops'));
  expect(stopped.fault).toMatchObject({ code: 'STORE' });
  expect(stopped.ms).toBeLessThan(1500);
  await stopping.close();
});

test('with no time left nothing is sent; the next invocation has its own time', async () => {
  let leftMs = 400;
  const { dynamo } = under.clientsWith({}, { remainingMs: () => leftMs });
  const store = awsCheckpointStore({ client: dynamo, table: 'sluice' });
  const key = { batch: 'b', sort: 'B' };
  const { fault, ms } = await timed(() => store.read(key));
  expect(fault).toMatchObject({ code: 'STORE', message: expect.stringContaining('time is up') });
  expect(ms).toBeLessThan(200);
  leftMs = 60_000;
  expect(await store.read(key)).toBeUndefined();
});

test('100 calls at once share one signal without a warning, and connections are used again', async () => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', listen);
  const sockets = new Set<string>();
  const { s3 } = under.clientsWith({}, { remainingMs: endsIn(60_000) });
  const store = awsObjectStore({ client: s3, bucket: 'reports' });
  await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(`k/${i}`, Buffer.from('x'))));
  const handler = s3.config.requestHandler as unknown as {
    httpHandlerConfigs(): { httpAgent: { freeSockets: Record<string, { localPort: number }[]> } };
  };
  for (let i = 0; i < 5; i += 1) {
    await store.put('k/again', Buffer.from('y'));
    await new Promise((done) => setImmediate(done));
    const { freeSockets } = handler.httpHandlerConfigs().httpAgent;
    for (const socket of Object.values(freeSockets).flat()) sockets.add(String(socket.localPort));
  }
  expect(sockets.size).toBeGreaterThan(0);
  expect(sockets.size).toBeLessThanOrEqual(50);
  expect(warnings.filter((name) => name !== 'NodeVersionSupportWarning')).toEqual([]);
  process.off('warning', listen);
});

test('the host gives a new owner for every receipt, and never proves anybody dead', () => {
  let request = 'r1';
  const host = awsHost({ id: 'log-stream', requestId: () => request });
  const owners = [host.newOwner(), host.newOwner()];
  request = 'r2';
  owners.push(host.newOwner());
  expect(new Set(owners).size).toBe(3);
  expect(owners.map((owner) => owner.split('/')[0])).toEqual(['r1', 'r1', 'r2']);
  for (const owner of owners) expect(host.isDead(owner)).toBe(false);
  const { cpuMs, rssBytes } = host.usage();
  expect(cpuMs).toBeGreaterThan(0);
  expect(rssBytes).toBeGreaterThan(1e6);
  const drawn = Array.from({ length: 1000 }, () => host.random());
  expect(drawn.every((one) => one >= 0 && one < 1)).toBe(true);
  expect(new Set(drawn).size).toBeGreaterThan(990);
});

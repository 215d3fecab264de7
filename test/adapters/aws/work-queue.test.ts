import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { awsWorkQueue } from '../../../lib/adapters/aws/work-queue.ts';
import type { Message } from '../../../lib/ports/work-queue.ts';
import { countRequests } from '../../support/count-requests.ts';
import { startProxy } from './proxy.ts';
import { type AwsUnderTest, withEmulators } from './with-emulators.ts';

let under: AwsUnderTest;
const urls: Record<string, string> = {};
beforeAll(async () => {
  under = await withEmulators();
  for (const name of ['half', 'stage-0', 'odd', 'receipts']) {
    urls[name] = await under.emulators.createQueue(name);
  }
});
afterAll(() => under.end());

const message = (chunk: number): Message => ({
  v: 1,
  step: 'work',
  batch: 'b',
  round: 0,
  stage: 0,
  chunk,
});
const messages = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ message: message(i) }));
const now = { max: 10, waitMs: 0, visibilityMs: 60_000 };

interface Entry {
  Id: string;
  MessageBody: string;
}

test('a call that half fails with status 200 gives the positions that were refused', async () => {
  const refuse = new Set([0, 7, 11, 24]);
  let bodies: Entry[][] = [];
  const refusedOf = (entries: Entry[]): Entry[] =>
    entries.filter((entry) => refuse.has((JSON.parse(entry.MessageBody) as Message).chunk ?? -1));
  const proxy = await startProxy(under.emulators.ports.fauxqs, {
    before({ body }) {
      const call = JSON.parse(String(body)) as { QueueUrl: string; Entries: Entry[] };
      bodies.push(call.Entries);
      const refused = refusedOf(call.Entries);
      const taken = call.Entries.filter((entry) => !refused.includes(entry));
      return Buffer.from(JSON.stringify({ ...call, Entries: taken }));
    },
    after({ body }, answer) {
      const call = JSON.parse(String(body)) as { Entries: Entry[] };
      const { Successful } = JSON.parse(String(answer.body)) as { Successful: unknown[] };
      const Failed = refusedOf(call.Entries).map(({ Id }) => ({
        Id,
        Code: 'InternalError',
        SenderFault: false,
      }));
      return { ...answer, body: Buffer.from(JSON.stringify({ Successful, Failed })) };
    },
  });
  const { sqs } = under.clientsWith({ AWS_ENDPOINT_URL_SQS: proxy.url });
  const through = awsWorkQueue({ client: sqs, urls: { half: `${proxy.url}/000000000000/half` } });
  const all = messages(25);
  expect((await through.send('half', all)).sort((a, b) => a - b)).toEqual([...refuse]);
  expect(bodies.map((entries) => entries.length).sort()).toEqual([10, 10, 5]);

  // As the engine does: what was refused is sent again.
  bodies = [];
  const left = [...refuse].map((at) => all[at]).filter((one) => one !== undefined);
  refuse.clear();
  expect(await through.send('half', left)).toEqual([]);
  const queue = awsWorkQueue({ client: under.clients.sqs, urls });
  const chunks: (number | undefined)[] = [];
  for (;;) {
    const got = await queue.receive('half', now);
    if (got.length === 0) break;
    chunks.push(...got.map((one) => one.message.chunk));
  }
  expect(chunks.sort((a = 0, b = 0) => a - b)).toEqual(all.map((one) => one.message.chunk));
  await proxy.close();
});

test('ten messages a request; a receive and an acknowledgement are one each', async () => {
  const queue = awsWorkQueue({ client: under.clients.sqs, urls });
  const count = countRequests(under.clients.sqs);
  await queue.send('stage-0', []);
  expect(count.total()).toBe(0);
  await queue.send('stage-0', messages(101));
  expect(count.byCommand()).toEqual({ SendMessageBatch: 11 });
  count.reset();
  const [first] = await queue.receive('stage-0', { ...now, max: 1 });
  await queue.ack('stage-0', first?.receipt ?? '');
  expect(count.byCommand()).toEqual({ ReceiveMessage: 1, DeleteMessage: 1 });
  count.stop();
});

test('delays and visibility are whole seconds, rounded up', async () => {
  const seen: Record<string, unknown>[] = [];
  const proxy = await startProxy(under.emulators.ports.fauxqs, {
    before({ body }) {
      seen.push(JSON.parse(String(body)) as Record<string, unknown>);
      return undefined;
    },
  });
  const { sqs } = under.clientsWith({ AWS_ENDPOINT_URL_SQS: proxy.url });
  const queue = awsWorkQueue({ client: sqs, urls: { 'stage-0': `${proxy.url}/0/stage-0` } });
  const delays = [undefined, 0, 1, 1000, 1001, 900_000];
  await queue.send(
    'stage-0',
    delays.map((delayMs) => ({
      message: message(0),
      ...(delayMs === undefined ? {} : { delayMs }),
    })),
  );
  await queue.receive('stage-0', { max: 50, waitMs: 0, visibilityMs: 1500 });
  expect(
    ((seen[0]?.['Entries'] ?? []) as { DelaySeconds?: number }[]).map((one) => one.DelaySeconds),
  ).toEqual([undefined, undefined, 1, 1, 2, 900]);
  expect(seen[1]).toMatchObject({
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: 0,
    VisibilityTimeout: 2,
  });
  await proxy.close();
});

test('a queue without a URL, and one that is not there, are named', async () => {
  const queue = awsWorkQueue({
    client: under.clients.sqs,
    urls: { ...urls, gone: `${under.emulators.env['AWS_ENDPOINT_URL_SQS']}/000000000000/gone` },
  });
  await expect(queue.send('stage-3', messages(1))).rejects.toMatchObject({
    code: 'STORE',
    message: expect.stringContaining("queue 'stage-3' is missing; known queues: half, stage-0"),
    hint: expect.stringContaining('SLUICE_STAGE_<JOB>_3'),
  });
  await expect(queue.receive('orchestrator', now)).rejects.toMatchObject({
    hint: expect.stringContaining('SLUICE_INBOX'),
  });
  await expect(queue.send('toString', messages(1))).rejects.toMatchObject({ code: 'STORE' });
  for (const call of [
    () => queue.send('gone', messages(1)),
    () => queue.receive('gone', now),
    () => queue.ack('gone', 'receipt'),
  ]) {
    await expect(call()).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(/queue gone: QueueDoesNotExist/),
      hint: expect.stringContaining('deploy'),
    });
  }
});

test('a message of more than 4 KB is refused before anything is sent', async () => {
  const queue = awsWorkQueue({ client: under.clients.sqs, urls });
  const count = countRequests(under.clients.sqs);
  const large = { ...message(1), batch: 'x'.repeat(4100) };
  await expect(queue.send('odd', [...messages(10), { message: large }])).rejects.toMatchObject({
    code: 'STORE',
    message: expect.stringMatching(/\d+ bytes, more than 4096/),
  });
  await expect(
    queue.send('odd', [...messages(10), { message: message(1), delayMs: 900_001 }]),
  ).rejects.toThrow(RangeError);
  expect(count.total()).toBe(0);
  count.stop();
});

test('what is no message of ours is left to its dead-letter queue; the others come through', async () => {
  const queue = awsWorkQueue({ client: under.clients.sqs, urls });
  const QueueUrl = urls['odd'] ?? '';
  await under.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'not { JSON' }));
  await queue.send('odd', messages(2));
  const got = await queue.receive('odd', now);
  expect(got.map((one) => one.message.chunk)).toEqual([0, 1]);
});

test('a receipt that SQS calls invalid is no error', async () => {
  const proxy = await startProxy(under.emulators.ports.fauxqs, {
    before: () => ({
      status: 400,
      headers: { 'content-type': 'application/x-amz-json-1.0' },
      body: Buffer.from('{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"no"}'),
    }),
  });
  const { sqs } = under.clientsWith({ AWS_ENDPOINT_URL_SQS: proxy.url });
  const queue = awsWorkQueue({ client: sqs, urls: { receipts: `${proxy.url}/0/receipts` } });
  await queue.ack('receipts', 'old');
  await proxy.close();
});

import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awsCheckpointStore } from '../../../lib/adapters/aws/checkpoint-store.ts';
import { chunkKey, liveKey, tallyKey } from '../../../lib/core/keys.ts';
import { claim, commit, newChunk, putIfAbsent } from '../../../lib/core/transitions.ts';
import type { CheckpointStore } from '../../../lib/ports/checkpoint-store.ts';
import { countRequests } from '../../support/count-requests.ts';
import { startProxy } from './proxy.ts';
import { type AwsUnderTest, withEmulators } from './with-emulators.ts';

let under: AwsUnderTest;
let store: CheckpointStore;
beforeAll(async () => {
  under = await withEmulators();
  await under.emulators.createTable('sluice');
  store = awsCheckpointStore({ client: under.clients.dynamo, table: 'sluice' });
});
afterAll(() => under.end());

/** A store behind a proxy that loses the first answer to an UpdateItem, after it was applied. */
async function behindLoss(lost = 1) {
  const proxy = await startProxy(under.emulators.ports.dynalite, {
    after: ({ seen }, answer) => (seen < lost ? 'lose' : answer),
  });
  const { dynamo } = under.clientsWith({ AWS_ENDPOINT_URL_DYNAMODB: proxy.url });
  return { store: awsCheckpointStore({ client: dynamo, table: 'sluice' }), proxy };
}

describe('a lost answer', () => {
  test('makes the repeat meet its own effect: refused, and said to be a repeat', async () => {
    const { store: lossy, proxy } = await behindLoss();
    const key = tallyKey({ batch: 'lost-1', round: 0, stage: 0 }, 0);
    const answer = await lossy.change(key, commit(3, 1, { ok: 7 }));
    expect(answer).toEqual({ applied: false, record: undefined, retried: true });
    expect(await lossy.read(key)).toEqual({ m3: 1, n: 1, ok: 7 });
    await proxy.close();
  });

  test('of a claim lets the repeat claim again as the same owner', async () => {
    const { store: lossy, proxy } = await behindLoss();
    const key = chunkKey({ batch: 'lost-2', round: 0, stage: 0, chunk: 0 });
    await store.change(key, putIfAbsent(newChunk({ first: 0 })));
    const mine = { owner: 'me', now: 5, lease: 9, cancelled: false, deadOwner: undefined };
    const answer = await lossy.change(key, claim(mine));
    expect(answer).toMatchObject({
      applied: true,
      retried: true,
      record: { epoch: 2, owner: 'me' },
    });
    await proxy.close();
  });

  test('five times is an error that names the record and what to do', async () => {
    const { store: lossy, proxy } = await behindLoss(99);
    await expect(
      lossy.change({ batch: 'lost-3', sort: 'B' }, putIfAbsent({})),
    ).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('record lost-3 B of sluice'),
      hint: expect.stringContaining('network'),
    });
    await proxy.close();
  });
});

describe('what DynamoDB refuses', () => {
  test('a missing table, credentials and region are errors that say what to do', async () => {
    const key = { batch: 'b', sort: 'B' };
    const elsewhere = awsCheckpointStore({ client: under.clients.dynamo, table: 'not-there' });
    await expect(elsewhere.read(key)).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(/record b B of not-there: ResourceNotFoundException/),
      hint: expect.stringContaining('SLUICE_TABLE'),
    });
    const noKeys = under.clientsWith({ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    await expect(
      awsCheckpointStore({ client: noKeys.dynamo, table: 'sluice' }).read(key),
    ).rejects.toMatchObject({ code: 'STORE', hint: expect.stringContaining('AWS_PROFILE') });
    const noRegion = under.clientsWith({ AWS_REGION: '' });
    await expect(
      awsCheckpointStore({ client: noRegion.dynamo, table: 'sluice' }).read(key),
    ).rejects.toMatchObject({ code: 'STORE', hint: expect.stringContaining('AWS_REGION') });
  });

  test.each([
    ['AccessDeniedException', 400, 'right', 1],
    ['ThrottlingException', 400, 'workers', 5],
  ])('%s is said in words, after as many tries as help', async (name, status, hint, tries) => {
    let requests = 0;
    const proxy = await startProxy(under.emulators.ports.dynalite, {
      before() {
        requests += 1;
        const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-retry-after': '1' };
        const body = Buffer.from(JSON.stringify({ __type: `x#${name}`, message: 'no' }));
        return { status, headers, body };
      },
    });
    const { dynamo } = under.clientsWith({ AWS_ENDPOINT_URL_DYNAMODB: proxy.url });
    // The SDK draws pauses of up to 8 s between tries that were throttled: here there are none.
    if (tries > 1) dynamo.config.retryStrategy = async () => withoutPauses(dynamo);
    const other = awsCheckpointStore({ client: dynamo, table: 'sluice' });
    await expect(other.read({ batch: 'b', sort: 'B' })).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining(name),
      hint: expect.stringContaining(hint),
    });
    expect(requests).toBe(tries);
    await proxy.close();
  });
});

function withoutPauses(client: DynamoDBClient) {
  const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  return {
    acquireInitialRetryToken: async () => token(0),
    async refreshRetryTokenForRetry(before: ReturnType<typeof token>) {
      const count = before.getRetryCount() + 1;
      if (count < (await client.config.maxAttempts())) return token(count);
      throw new Error('no more tries');
    },
    recordSuccess: () => undefined,
  };
}

describe('what could not be given back as it was', () => {
  const key = { batch: 'b', sort: 'C1' };
  test.each([
    [{ set: { text: 'x'.repeat(8200) } }, /record b C1 would have \d+ bytes, more than 8192/],
    [{ set: { pk: 'x' } }, /cannot have an attribute pk/],
    [{ remove: ['sk'] }, /cannot have an attribute sk/],
    [{ add: { n: 0.5 } }, /added to n of record b C1 must be a whole number, got 0.5/],
    [{ set: { n: 5e-324 } }, /attribute n of record b C1 .* got 5e-324/],
    [{ set: { n: Number.MAX_VALUE } }, /attribute n/],
  ])('%j is refused before it is sent', async (change, message) => {
    const count = countRequests(under.clients.dynamo);
    await expect(store.change(key, { when: [], ...change })).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(message),
    });
    expect(count.total()).toBe(0);
    count.stop();
  });

  test('an attribute of another type is damage, not a guess', async () => {
    const Item = { pk: { S: 'odd' }, sk: { S: 'B' }, list: { L: [] } };
    await under.clients.dynamo.send(new PutItemCommand({ TableName: 'sluice', Item }));
    await expect(store.read({ batch: 'odd', sort: 'B' })).rejects.toMatchObject({
      code: 'DAMAGED',
    });
  });
});

describe('requests', () => {
  test('a call is one request; a query one a megabyte; a purge one a record', async () => {
    const count = countRequests(under.clients.dynamo);
    const batch = 'many';
    const text = 'x'.repeat(7000);
    const sorts = Array.from({ length: 320 }, (_, i) => `C${String(i).padStart(3, '0')}`);
    await Promise.all(
      sorts.map((sort) => store.change({ batch, sort }, { when: [], set: { text } })),
    );
    await store.change(liveKey(batch), { when: [], set: { v: 1 } });
    expect(count.byCommand()).toEqual({ UpdateItem: 321 });
    count.reset();
    const rows = await store.query(batch, '', '\u{10ffff}');
    expect(rows.map((row) => row.sort)).toEqual(sorts);
    expect(count.byCommand()).toEqual({ Query: 3 });
    expect((await store.query(batch, 'C100', 'C102')).map((row) => row.sort)).toEqual(
      sorts.slice(100, 103),
    );
    count.reset();
    await store.forget(batch);
    expect(count.byCommand()).toMatchObject({ DeleteItem: 321 });
    expect(await store.query(batch, '', '\u{10ffff}')).toEqual([]);
    expect(await store.read(liveKey(batch))).toBeUndefined();
    count.stop();
  });
});

import { createHash } from 'node:crypto';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awsObjectStore } from '../../../lib/adapters/aws/object-store.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { countRequests } from '../../support/count-requests.ts';
import { startProxy } from './proxy.ts';
import { type AwsUnderTest, withEmulators } from './with-emulators.ts';

const MIB = 1024 * 1024;
let under: AwsUnderTest;
let store: ObjectStore;
beforeAll(async () => {
  under = await withEmulators({ pageKeys: 100 });
  await under.emulators.createBucket('reports');
  store = awsObjectStore({ client: under.clients.s3, bucket: 'reports' });
});
afterAll(() => under.end());

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* stream(pieces: number, fault?: Error): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(MIB);
  for (let i = 0; i < pieces; i += 1) yield piece.fill(i);
  if (fault) throw fault;
}
const streamed = (pieces: number): Uint8Array =>
  Buffer.concat(Array.from({ length: pieces }, (_, i) => new Uint8Array(MIB).fill(i)));

describe('large objects', () => {
  test('go up in parts of 8 MiB, small ones in one request', async () => {
    const count = countRequests(under.clients.s3);
    await store.put('small', Buffer.alloc(8 * MIB, 1));
    expect(count.byCommand()).toEqual({ PutObject: 1 });
    count.reset();
    await store.put('large', stream(20));
    expect(count.byCommand()).toEqual({
      CreateMultipartUpload: 1,
      UploadPart: 3,
      CompleteMultipartUpload: 1,
    });
    count.reset();
    await store.put('exact', [Buffer.alloc(8 * MIB, 2), Buffer.alloc(8 * MIB, 3)]);
    expect(count.byCommand()).toMatchObject({ UploadPart: 2 });
    expect(await store.size('exact')).toBe(16 * MIB);
    expect(sha256((await store.get('large')) ?? new Uint8Array())).toBe(sha256(streamed(20)));
    count.stop();
  });

  test('whose source fails in the middle leave nothing behind, and the old object as it was', async () => {
    await store.put('kept', Buffer.from('old'));
    const count = countRequests(under.clients.s3);
    const fault = new Error('source broke');
    await expect(store.put('kept', stream(18, fault))).rejects.toBe(fault);
    expect(count.byCommand()).toMatchObject({ AbortMultipartUpload: 1 });
    expect(count.byCommand()).not.toHaveProperty('CompleteMultipartUpload');
    expect(Buffer.from((await store.get('kept')) ?? []).toString()).toBe('old');
    count.stop();
  });

  test('that cannot be stored close their source', async () => {
    let closed = false;
    const source = (async function* () {
      try {
        yield* stream(99);
      } finally {
        closed = true;
      }
    })();
    const proxy = await startProxy(under.emulators.ports.fauxqs, {
      before: ({ action }) =>
        action.includes('partNumber=')
          ? {
              status: 403,
              headers: { 'content-type': 'application/xml' },
              body: Buffer.from('<Error><Code>AccessDenied</Code></Error>'),
            }
          : undefined,
    });
    const { s3 } = under.clientsWith({ AWS_ENDPOINT_URL_S3: proxy.url });
    const other = awsObjectStore({ client: s3, bucket: 'reports' });
    await expect(other.put('denied', source)).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining(
        'cannot store object denied of bucket reports: AccessDenied',
      ),
    });
    expect(closed).toBe(true);
    expect(await store.get('denied')).toBeUndefined();
    await proxy.close();
  });

  test('survive a lost part', async () => {
    let parts = 0;
    const proxy = await startProxy(under.emulators.ports.fauxqs, {
      after({ action }, answer) {
        if (!action.includes('partNumber=2')) return answer;
        parts += 1;
        return parts === 1 ? 'lose' : answer;
      },
    });
    const { s3 } = under.clientsWith({ AWS_ENDPOINT_URL_S3: proxy.url });
    await awsObjectStore({ client: s3, bucket: 'reports' }).put('lossy', stream(20));
    expect(parts).toBe(2);
    expect(sha256((await store.get('lossy')) ?? new Uint8Array())).toBe(sha256(streamed(20)));
    await proxy.close();
  });
});

describe('reading', () => {
  test('a body that breaks off is read again, and in the end an error, never half an object', async () => {
    await store.put('body', Buffer.alloc(100_000, 7));
    for (const [breaks, whole] of [
      [2, true],
      [9, false],
    ] as const) {
      const proxy = await startProxy(under.emulators.ports.fauxqs, {
        after: ({ seen }, answer) => (seen < breaks ? 'cut' : answer),
      });
      const { s3 } = under.clientsWith({ AWS_ENDPOINT_URL_S3: proxy.url });
      const get = awsObjectStore({ client: s3, bucket: 'reports' }).get('body');
      if (whole) expect((await get)?.length).toBe(100_000);
      else {
        await expect(get).rejects.toMatchObject({
          code: 'STORE',
          message: expect.stringContaining('cannot read object body of bucket reports'),
        });
      }
      await proxy.close();
    }
  });

  test('a range, a size and an absent object are one request each', async () => {
    await store.put('one', Buffer.from('0123456789'));
    const count = countRequests(under.clients.s3);
    for (const call of [
      () => store.get('one', { start: 2, end: 4 }),
      () => store.get('one', { start: 20, end: 40 }),
      () => store.get('one', { last: 3 }),
      () => store.get('one', { last: 0 }),
      () => store.size('one'),
      () => store.get('absent'),
      () => store.size('absent'),
    ]) {
      count.reset();
      await call();
      expect(count.byCommand()).toEqual({ GetObject: 1 });
    }
    count.stop();
  });

  test('an empty object has no bytes, whichever are asked for', async () => {
    await store.put('empty', []);
    for (const range of [{ last: 5 }, { start: 0, end: 9 }, { start: 5, end: 9 }, { last: 0 }]) {
      expect((await store.get('empty', range))?.length).toBe(0);
    }
    expect(await store.size('empty')).toBe(0);
  });

  test('lists 250 keys in three pages of 100, in the order of UTF-8 bytes', async () => {
    const keys = Array.from({ length: 250 }, (_, i) => `pages/${i % 2 ? 'B' : 'a'}-${i}/Ü ${i}+`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, [])));
    }
    const count = countRequests(under.clients.s3);
    const found: string[] = [];
    for await (const key of store.list('pages/')) found.push(key);
    expect(found).toEqual(keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect(count.byCommand()).toEqual({ ListObjectsV2: 3 });
    count.stop();
  });
});

test('a missing bucket is an error, not an absent object', async () => {
  const elsewhere = awsObjectStore({ client: under.clients.s3, bucket: 'not-there' });
  const calls = [
    () => elsewhere.get('a'),
    () => elsewhere.size('a'),
    () => elsewhere.put('a', []),
    () => elsewhere.put('a', stream(9)),
    () => elsewhere.delete('a'),
    () => elsewhere.list('a')[Symbol.asyncIterator]().next(),
  ];
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(/bucket not-there: NoSuchBucket/),
      hint: expect.stringContaining('SLUICE_REPORTS'),
    });
  }
});

test('a right that is missing is said, with the one that hides absent objects', async () => {
  const proxy = await startProxy(under.emulators.ports.fauxqs, {
    before: () => ({
      status: 403,
      headers: { 'content-type': 'application/xml' },
      body: Buffer.from('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'),
    }),
  });
  const { s3 } = under.clientsWith({ AWS_ENDPOINT_URL_S3: proxy.url });
  await expect(awsObjectStore({ client: s3, bucket: 'reports' }).get('a')).rejects.toMatchObject({
    code: 'STORE',
    hint: expect.stringContaining('s3:ListBucket'),
  });
  await proxy.close();
});

test('a report is shown by its type', async () => {
  for (const [key, type] of [
    ['report.html', 'text/html; charset=utf-8'],
    ['report.json', 'application/json'],
    ['log.jsonl.gz', 'application/gzip'],
    ['part', 'application/octet-stream'],
  ] as const) {
    await store.put(key, Buffer.from('x'));
    const head = new HeadObjectCommand({ Bucket: 'reports', Key: key });
    expect((await under.clients.s3.send(head)).ContentType).toBe(type);
  }
});

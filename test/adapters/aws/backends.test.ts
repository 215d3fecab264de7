import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { print, probeDynamo, refuses } from './probes.ts';
import { type AwsUnderTest, withEmulators } from './with-emulators.ts';

let under: AwsUnderTest;
beforeAll(async () => {
  under = await withEmulators();
  await under.emulators.createTable('sluice');
  await under.emulators.createBucket('reports');
});
afterAll(() => under.end());

test('dynalite proves conditions, not the old item of a refused change, not transactions', async () => {
  const rows = await probeDynamo(under.clients.dynamo);
  print('dynalite', rows);
  expect(rows).toEqual({
    'conditional updates': true,
    'reserved words refused': true,
    'empty texts in keys refused': true,
    'the old item of a refused change': false,
    transactions: false,
  });
});

test('fauxqs proves ranges and If-Match on reads, not conditional puts, checksums or versions', async () => {
  const { s3 } = under.clients;
  const place = { Bucket: 'reports', Key: 'probe' };
  await s3.send(new PutObjectCommand({ ...place, Body: '0123456789' }));
  const part = await s3.send(new GetObjectCommand({ ...place, Range: 'bytes=2-3' }));
  const head = await s3.send(new HeadObjectCommand({ ...place, ChecksumMode: 'ENABLED' }));
  const rows = {
    ranges: (await part.Body?.transformToString()) === '23',
    'If-Match on reads': await refuses(
      s3.send(new GetObjectCommand({ ...place, IfMatch: '"other"' })),
      'PreconditionFailed',
    ),
    'conditional puts': await refuses(
      s3.send(new PutObjectCommand({ ...place, Body: 'x', IfNoneMatch: '*' })),
      'PreconditionFailed',
    ),
    checksums: head.ChecksumCRC32 !== undefined,
    'a wrong checksum refused': await refuses(
      s3.send(new PutObjectCommand({ ...place, Body: 'x', ChecksumCRC32: 'AAAAAA==' })),
      'BadDigest',
    ),
    versions: head.VersionId !== undefined,
  };
  print('fauxqs', rows);
  expect(rows).toEqual({
    ranges: true,
    'If-Match on reads': true,
    'conditional puts': false,
    checksums: false,
    'a wrong checksum refused': false,
    versions: false,
  });
});

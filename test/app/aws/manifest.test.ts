import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../../lib/core/report.ts';
import { items } from '../../../lib/engine/items.ts';
import { type CloudWorld, startWorld } from './manifest-world.ts';

let world: CloudWorld;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.close());

const put = (key: string, body: string): Promise<unknown> =>
  world.cloud.s3.send(new PutObjectCommand({ Bucket: 'uploads', Key: key, Body: body }));

/** Uploads a manifest and works until nothing is left; the newest batch's report and outcome lines. */
async function started(name: string, lines: readonly (string | object)[]) {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  const event = await world.upload(`inbox/rows/${name}`, `${text.join('\n')}\n`);
  const [handled] = await world.inbox(event);
  await world.run();
  const batch = handled?.batch ?? '';
  const report = (await world.report(batch)) as Report;
  const outcomes: string[] = [];
  const entry = (await world.batches()).find(({ id }) => id === batch);
  if (entry === undefined) throw new Error(`no batch ${batch}`);
  for await (const { outcome } of items(world.cloud, entry, {})) {
    outcomes.push('error' in outcome ? outcome.error.message : String(outcome.key));
  }
  return { handled, batch, report, outcomes, event };
}

describe('a manifest that is uploaded', () => {
  it('is one batch over its objects in its order; a failure names line and object', async () => {
    await put('data/a/1.csv', 'id,n\na,1\nb,2\n');
    await put('data/a/2 é.csv', 'n,id\n3,c\nx,d\n');
    await put('data/a/3.csv', 'id,n\n');
    await put('inbox/rows/4.csv', 'id,n\ne,5\n');
    const { report, outcomes, batch, event } = await started('one.manifest.jsonl', [
      { key: 'inbox/rows/4.csv' },
      's3://uploads/data/a/2 é.csv',
      { path: 'data/a/3.csv', size: 5 },
      'data/a/1.csv',
    ]);
    expect(outcomes).toEqual([
      'e',
      'c',
      'line 3 of data/a/2 é.csv, column "n": not a number; got "x"',
      'a',
      'b',
    ]);
    expect(report).toMatchObject({
      status: 'done',
      total: 5,
      chunks: 1,
      input: { name: 'one.manifest.jsonl', sources: 4 },
    });
    // Told once more, and after an object of it changed: the same batch.
    await put('data/a/1.csv', 'id,n\nz,1\n');
    expect(await world.inbox(event)).toMatchObject([{ did: 'known', batch }]);
  });

  const wrong: [string, (string | object)[], RegExp][] = [
    [
      'an absent object',
      ['data/a/1.csv', 'data/none.csv'],
      /w\.manifest\.txt line 2: there is no object s3:\/\/uploads\/data\/none\.csv\./,
    ],
    [
      'another ETag',
      [{ key: 'data/a/1.csv', etag: 'f'.repeat(32) }],
      /line 1: s3:\/\/uploads\/data\/a\/1\.csv has another ETag than f{32}\./,
    ],
    [
      'another size',
      [{ key: 'data/a/1.csv', size: 7 }],
      /line 1: data\/a\/1\.csv has \d+ bytes; the manifest says 7\./,
    ],
    [
      'another SHA-256',
      [{ key: 'data/a/1.csv', sha256: '0'.repeat(64) }],
      /data\/a\/1\.csv has the SHA-256 [0-9a-f]{64}; the manifest says 0{64}\./,
    ],
    [
      'another bucket',
      ['s3://other/data/x'],
      /line 1: s3:\/\/other\/data\/x is in another bucket\. The functions may read uploads alone/,
    ],
    [
      'a key that may not be read',
      ['secret/x'],
      /line 1: the functions may read data\/ and inbox\/ of the upload bucket; got secret\/x\./,
    ],
    ['no manifest at all', ['{"key":'], /line 1 is no JSON/],
  ];
  it.each(wrong)('of %s: a failed batch that says so', async (_name, lines, says) => {
    await put('data/a/1.csv', 'id,n\na,1\n');
    const { report, handled } = await started('w.manifest.txt', lines);
    expect(handled?.did).toBe('broken');
    expect(report).toMatchObject({ status: 'failed', total: 0 });
    expect(report.reason).toMatch(says);
  });

  it('whose object is replaced before it is read: the batch fails and names it', async () => {
    await put('data/b/1.csv', 'id,n\na,1\n');
    await put('data/b/2.csv', 'id,n\nb,1\n');
    const event = await world.upload(
      'inbox/rows/late.manifest.txt',
      'data/b/1.csv\ndata/b/2.csv\n',
    );
    const [handled] = await world.inbox(event);
    await put('data/b/2.csv', 'id,n\nc,12345\n');
    await world.run();
    const report = await world.report(handled?.batch ?? '');
    expect(report.status).toBe('failed');
    expect(report.reason).toMatch(
      /^s3:\/\/uploads\/data\/b\/2\.csv is not the object that the batch was started with/,
    );
  });
});

it('many tiny objects: few chunks, each object read three times in all', async () => {
  const count = process.env['SLUICE_FULL'] === undefined ? 300 : 4_000;
  const keys = Array.from(
    { length: count },
    (_, i) => `data/many/${String(i).padStart(5, '0')}.csv`,
  );
  for (const [i, key] of keys.entries()) {
    world.emulators.putObject('uploads', key, `id,n\nk${i},${i}\n`);
  }
  world.requests.reset();
  const { report, outcomes } = await started('many.manifest.jsonl', keys);
  expect(outcomes).toEqual(keys.map((_, i) => `k${i}`));
  expect(report).toMatchObject({ total: count, ok: count, chunks: Math.ceil(count / 256) });
  const requests = world.requests.byCommand();
  // Pinned, planned and worked; what is behind is of the manifest, the records, the parts and the report.
  expect(requests['GetObject']).toBeLessThan(3 * count + 10 * report.chunks + 60);
  expect(requests['HeadObject'] ?? 0).toBeLessThan(10 + 2 * report.chunks);
  expect(requests['PutObject']).toBeLessThan(3 * report.chunks + 20);
  if (count > 300) console.log(JSON.stringify({ objects: count, chunks: report.chunks, requests }));
}, 300_000);

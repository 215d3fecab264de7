import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planPrefix } from '../../../lib/app/aws/submit-prefix.ts';
import { walkPrefixes } from '../../../lib/app/aws/walk-prefixes.ts';
import { rootPin } from '../../../lib/app/root-pin.ts';
import type { WalkPlace, WalkStep } from '../../../lib/io/walk/walk-input.ts';
import { ALL } from '../../io/walk/trees.ts';
import { cloudWorld } from '../../support/cloud-world.ts';

const JOB = `import { defineJob, each, files, ok } from 'sluice';
export default defineJob(
  { name: 'finder', input: files({ include: ['**/*.mp3'], exclude: ['**/old'] }), limits: { chunk: 500 } },
  each({ name: 'name', process: ({ path, size, etag }) => ok([path, size, etag.length]) }),
);
`;

const folder = mkdtempSync(join(tmpdir(), 'sluice-finder-'));
let world: Awaited<ReturnType<typeof cloudWorld>>;
beforeAll(async () => {
  writeFileSync(join(folder, 'finder.ts'), JOB);
  const jobs = { finder: join(folder, 'finder.ts') };
  world = await cloudWorld({ jobs, lifeMs: 600_000 });
  put([...THOUSANDS, 'data/many/', 'data/manyother/x.mp3']);
}, 60_000);
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

const put = (keys: readonly string[]): void => {
  for (const key of keys) world.emulators.putObject('uploads', key, key);
};

async function steps(prefix: string, after?: WalkPlace): Promise<WalkStep[]> {
  const found: WalkStep[] = [];
  const roots = [rootPin(`s3://uploads/${prefix}`)];
  for await (const step of walkPrefixes(world.cloud.s3, { roots, options: ALL, after })) {
    found.push(step);
  }
  return found;
}

const keysIn = (found: readonly WalkStep[]): string[] =>
  found.flatMap(({ item }) => (item.objects ?? []).map(({ path }) => path.slice(13)));

const byBytes = (keys: readonly string[]): string[] =>
  [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

const THOUSANDS = Array.from(
  { length: 2_300 },
  (_, at) => `data/many/${at % 3}/${at % 5}/${at % 70 === 7 ? 'old/' : ''}${at}.mp3`,
);

describe('a walk of prefixes', () => {
  let run = 0;
  it(
    'finds the keys that are there, by their bytes, whatever folders they lie in',
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(
            fc
              .array(fc.constantFrom('a', 'a-b', 'a.b', 'é', '\uff5e', '\u{1d11e}', 'b c'), {
                minLength: 1,
                maxLength: 4,
              })
              .map((names) => names.join('/')),
            { maxLength: 15 },
          ),
          async (paths) => {
            run += 1;
            const keys = paths.map((path) => `data/p${run}/${path}`);
            put(keys);
            expect(keysIn(await steps(`data/p${run}/`))).toEqual(byBytes(keys));
          },
        ),
        { numRuns: process.env['SLUICE_FULL'] ? 50 : 8 },
      ),
    120_000,
  );

  it('lists thousands side by side, and goes on from each place', async () => {
    const found = await steps('data/many/');
    expect(keysIn(found)).toEqual(byBytes(THOUSANDS));
    expect(found.map(({ item }) => item.objects?.length)).toEqual([1000, 1000, 300]);
    for (const [at, { place }] of found.entries()) {
      expect(await steps('data/many/', place)).toEqual(found.slice(at + 1));
    }
    const [first] = found[0]?.item.objects ?? [];
    expect(first).toMatchObject({ size: 19, etag: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(first?.mtime).toBeGreaterThan(1_700_000_000_000);
  });

  it('is a batch of the stack: a manifest names the prefix, the functions list it', async () => {
    const event = await world.upload('inbox/finder/many.manifest.txt', 'data/many/\n');
    const [handled] = await world.inbox(event);
    await world.run();
    const wanted = byBytes(THOUSANDS.filter((key) => !key.includes('/old/')));
    const report = await world.report(handled?.batch as string);
    expect(report).toMatchObject({ status: 'done', failed: 0 });
    expect(report.stages?.map(({ name, total }) => [name, total])).toEqual([
      ['discover', 3],
      ['name', wanted.length],
    ]);
    // Told once more: the same batch, and nothing is listed again.
    expect(await world.inbox(event)).toMatchObject([{ did: 'known', batch: handled?.batch }]);
  });

  it.each([
    ['x.csv', 'a,b', /finds its files below prefixes; this upload names none/],
    ['a.manifest.txt', 'secret/\n', /line 1: the functions may read data\/ and inbox\//],
    ['b.manifest.jsonl', '{"key":"data/","size":4}', /line 1: size is of an object/],
    ['c.manifest.txt', 'data/a/\ndata/\n', /line 1: data\/a\/ lies below data\/, .* line 2/],
  ])('refuses %s', async (name, body, says) => {
    const [handled] = await world.inbox(await world.upload(`inbox/finder/${name}`, body));
    await world.run();
    expect(handled?.did).toBe('broken');
    expect((await world.report(handled?.batch as string)).reason).toMatch(says);
  });

  it('submit uploads a manifest of the prefix alone', async () => {
    const job = { stages: 2, workers: 4, digest: 'd', finds: true };
    const outputs = { uploads: 'uploads', reports: 'r', table: 't', queues: {}, jobs: { f: job } };
    const { s3 } = world.cloud;
    const url = 's3://uploads/data/many/';
    const planned = await planPrefix({ s3, outputs, name: 'stack S' }, { job: 'f', url });
    expect(planned.key).toMatch(/^inbox\/f\/data-many-[0-9a-f]{12}\.manifest\.jsonl$/);
    expect(planned.body?.toString()).toBe('{"key":"data/many/"}\n');
  });
});

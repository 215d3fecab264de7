import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { cloudSettings } from '../../../lib/app/aws/settings.ts';
import { chunkKey } from '../../../lib/core/keys.ts';
import { FOOT_BYTES } from '../../../lib/engine/part.ts';
import { cloudWorld } from '../../support/cloud-world.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;

const JOB = `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'quoted', input: ndjson(), limits: { chunk: 10 },
  quotas: { api: { calls: 1, per: '6s', skew: '0ms', sendTime: '0ms' } },
  async process(row, ctx) {
    return ok(await ctx.quota().call(() => row));
  },
});
`;

test('an emulated function may have a clock that is off, and no other part of it is', async () => {
  const env = { SLUICE_CLOCK_OFFSET_MS: '-60000' };
  const world = await cloudWorld({ jobs: {}, env });
  try {
    const { clock } = world.cloud;
    const [off, from] = [clock.now(), clock.monotonic()];
    expect(Date.now() - off).toBeGreaterThanOrEqual(60_000);
    expect(clock.monotonic() - from).toBeLessThan(60_000);
    const wrong = { ...world.env, SLUICE_CLOCK_OFFSET_MS: 'slow' };
    expect(() => cloudSettings(wrong)).toThrow(
      "SLUICE_CLOCK_OFFSET_MS must be a whole number of milliseconds; got 'slow'",
    );
  } finally {
    await world.close();
  }
});

const POLL_JOB = `import { appendFileSync } from 'node:fs';
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'polling', input: ndjson(), limits: { chunk: 10, concurrency: 3 },
  async process(row, ctx) {
    if (row === 2) return ok('at once');
    const submit = ({ idempotencyKey }) => {
      appendFileSync(FILE, idempotencyKey + '\\n');
      return String(Date.now());
    };
    const check = (id) =>
      Date.now() > Number(id) + 4_000 ? { done: row } : { progress: 'working' };
    return ok(await ctx.poll(submit, check, { every: [{ wait: '5s' }] }));
  },
});
`;

test('a function with nothing left but polls saves them, and whoever asks next submits nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-poll-'));
  const [file, submits] = [join(folder, 'polling.ts'), join(folder, 'submits')];
  writeFileSync(file, POLL_JOB.replace('FILE', JSON.stringify(submits)));
  const world = await cloudWorld({ jobs: { polling: file } });
  try {
    const [answer] = await world.inbox(await world.upload('inbox/polling/a.ndjson', '1\n2\n3\n'));
    const batch = answer?.batch as string;
    await world.run();
    expect(world.worked).toMatchObject([{ did: 'handed back', why: 'deferred' }]);
    const keys = [0, 2].map((index) => `${batch}/0/0/${index}/0.0`);
    const submitted = (): string[] => readFileSync(submits, 'utf8').trim().split('\n');
    expect(submitted()).toEqual(keys);
    const record = await world.cloud.store.read(chunkKey({ batch, round: 0, stage: 0, chunk: 0 }));
    expect(record).toMatchObject({ cursor: 0, attempts: 0, lease: 0 });
    const saved = (await world.cloud.objects.get(record?.['part'] as string)) as Uint8Array;
    const foot = gunzipSync(saved.subarray(saved.length - FOOT_BYTES)).toString();
    expect(foot).toContain('"part/2"');
    // Another environment, which knows nothing but what is stored.
    world.coldStart();
    if (!FULL) return;
    for (let look = 0; look < 60 && world.worked.at(-1)?.did !== 'committed'; look += 1) {
      await sleep(1_000);
      await world.run();
    }
    await world.run();
    expect(await world.report(batch)).toMatchObject({ status: 'done', ok: 3 });
    expect(submitted()).toEqual(keys);
  } finally {
    await world.close();
  }
}, 120_000);

test('a function whose next slot is far away saves its chunk, and goes on when the slot is due', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-quota-')), 'quoted.ts');
  writeFileSync(file, JOB);
  const world = await cloudWorld({ jobs: { quoted: file } });
  try {
    const [answer] = await world.inbox(await world.upload('inbox/quoted/a.ndjson', '1\n2\n3\n'));
    const batch = answer?.batch as string;
    const before = Date.now();
    await world.run();
    expect(world.worked).toMatchObject([{ did: 'handed back', why: 'deferred' }]);
    const key = chunkKey({ batch, round: 0, stage: 0, chunk: 0 });
    const record = await world.cloud.store.read(key);
    expect(record).toMatchObject({ cursor: 1, attempts: 0, lease: 0 });
    expect(record?.['resumeAt']).toBeGreaterThan(before + 6_000);
    // The message is held back by the queue: nothing is there to be received, nothing polls.
    const { length } = world.worked;
    await world.run();
    expect(world.worked).toHaveLength(length);
    if (!FULL) return;
    for (let look = 0; look < 60 && world.worked.at(-1)?.did !== 'committed'; look += 1) {
      await sleep(1_000);
      await world.run();
    }
    await world.run();
    expect(await world.report(batch)).toMatchObject({ status: 'done', ok: 3 });
  } finally {
    await world.close();
  }
}, 120_000);

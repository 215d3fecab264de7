import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { cloudSettings } from '../../../lib/app/aws/settings.ts';
import { chunkKey } from '../../../lib/core/keys.ts';
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

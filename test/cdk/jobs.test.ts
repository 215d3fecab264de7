import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { bundleJobs } from '../../cdk/jobs.ts';
import { bundleJob } from '../../lib/app/job-file.ts';
import type { SluiceError } from '../../lib/core/errors.ts';
import { newFolder, removeFolders } from './folders.ts';

afterAll(removeFolders);

const write = (name: string, text: string): string => {
  const path = join(newFolder(), name);
  writeFileSync(path, text);
  return path;
};
const job = (fields: string): string =>
  write(
    'job.ts',
    `import { defineJob, ndjson, ok } from 'sluice';
     export default defineJob({ name: 'mine', input: ndjson(), process: () => ok(1), ${fields} });`,
  );

async function refusal(references: string[]): Promise<string> {
  try {
    await bundleJobs(references);
  } catch (error) {
    const { code, message, hint } = error as SluiceError;
    return `${code}: ${message} ${hint ?? ''}`.trim();
  }
  throw new Error('Nothing was refused.');
}

describe('bundleJobs', () => {
  it("reads the limits of a job, and gives a local run's bytes", async () => {
    const [odds, mine] = await bundleJobs([
      'odds',
      job("limits: { workers: 7, itemTimeout: '2m', memory: 3008 }"),
    ]);
    expect(odds?.stages).toEqual([{ workers: 10, itemTimeoutMs: 30_000, memoryMb: 1769 }]);
    expect(mine?.name).toBe('mine');
    expect(mine?.stages).toEqual([{ workers: 7, itemTimeoutMs: 120_000, memoryMb: 3008 }]);
    const local = await bundleJob('odds', newFolder());
    expect(odds?.digest).toBe(local.digest);
    expect(Buffer.from(odds?.bytes ?? []).equals(local.bytes)).toBe(true);
    expect(createHash('sha256').update(local.bytes).digest('hex')).toBe(local.digest);
  });

  it('tells of several steps, and of a quota that is not usable as a whole', async () => {
    const steps = write(
      'steps.ts',
      `import { defineJob, inBatches, ndjson, ok } from 'sluice';
       export default defineJob({
         name: 'steps', input: ndjson(), quotas: { api: { calls: 5, per: '1s' }, wide: { calls: 5, per: '1m' } },
         steps: [(row) => ok(row), inBatches(10, (rows) => rows.map(() => ok(1)))],
       });`,
    );
    const [one] = await bundleJobs([steps]);
    expect(one?.stages).toMatchObject([{ itemTimeoutMs: 30_000, steps: 2 }]);
    expect(one?.quota).toMatchObject({ name: 'api', spec: '5/1000', share: 1 / 3 });
    const [wide] = await bundleJobs([job("quotas: { api: { calls: 5, per: '1m' } }")]);
    expect(wide).not.toHaveProperty('quota');
  });

  it('leaves nothing behind, also when it refuses', async () => {
    // A folder of its own: other tests bundle at the same time.
    vi.stubEnv('TMPDIR', newFolder());
    await bundleJobs(['odds']);
    await refusal(['nope']);
    expect(readdirSync(tmpdir())).toEqual([]);
    vi.unstubAllEnvs();
  });

  it('refuses with the reason, and what to do', async () => {
    expect(await refusal(['nope'])).toMatch(/^NOT_FOUND: There is no job named nope\. Built-in/);
    expect(await refusal(['odds', 'odds'])).toBe(
      "USAGE: jobs: 'odds' and 'odds' both define a job named 'odds'. A name is the prefix of its uploads (inbox/<job>/): rename one, or list it once.",
    );
    expect(await refusal([job('limits: { workers: 1001 }')])).toMatch(
      /^USAGE: workers must be a whole number from 1 to 1000 \(workers at once\); got 1001\./,
    );
    expect(await refusal([job("limits: { itemTimeout: '871s' }")])).toMatch(
      /^USAGE: itemTimeout must be from 10 to 870000 .*; got .*871s.* a Lambda function ends after 900 s; work that takes longer belongs into ctx\.poll \(docs\/polling\.md\)/,
    );
    expect(await refusal([job('limits: { memory: 64 }')])).toMatch(
      /^USAGE: memory must be a whole number from 128 to 10240 .*; got 64\./,
    );
    expect(await refusal([write('bad.ts', "throw new Error('no network here');")])).toMatch(
      /^BAD_JOB: The job file throws while it loads: no network here/,
    );
  });
});

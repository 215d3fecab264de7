import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleJob } from '../../lib/app/job-file.ts';
import type { Report } from '../../lib/core/report.ts';
import { type StackWorld, stackWorld } from './stack-world.ts';

const JOB = `
import { defineJob, ndjson, ok, PermanentError } from 'sluice';
export default defineJob({
  name: 'tell',
  input: ndjson(),
  key: (row) => row.id,
  limits: { chunk: 5, concurrency: 2, workers: 2 },
  process(row) {
    if (row.bad > Number(process.env.MENDED ?? 0)) throw new PermanentError('no', { code: 'BAD' });
    return ok(row.id);
  },
});
`;
let on: StackWorld;
let id = '';

beforeAll(async () => {
  on = await stackWorld({ tell: JOB });
  const rows = Array.from({ length: 40 }, (_, i) => {
    const bad = i % 10 === 3 ? 1 : i === 17 ? 2 : 0;
    return `${JSON.stringify({ id: `r${i}`, bad })}\n`;
  });
  await on.world.inbox(await on.world.upload('inbox/tell/in.jsonl', rows.join('')));
  await on.world.run();
  const [entry] = JSON.parse(await on.sluice(['list', '--json'])) as { id: string }[];
  id = entry?.id ?? '';
}, 60_000);
afterAll(async () => {
  delete process.env['MENDED'];
  await on.close();
});

const reported = async (): Promise<Report> => JSON.parse(await on.sluice(['report', id, '--json']));

describe('retry --stack', () => {
  it('says what it would run, and refuses what only a home has', async () => {
    expect(await on.sluice(['retry', id, '--dry-run'])).toContain('eligible  5 items, as round 1');
    const width = await on.run(['retry', id, '--workers', '3', '--stack', 'Sluice']);
    expect([width.code, width.err]).toEqual([
      64,
      expect.stringContaining('does not take --workers'),
    ]);
    await on.sluice(['retry', id, '--code', 'NOPE'], 4);
  });

  it('begins the round, and the functions run it; every look at the batch knows of it', async () => {
    process.env['MENDED'] = '1';
    const begun = await on.run(['retry', id, '--stack', 'Sluice', '--json']);
    expect(JSON.parse(begun.out)).toMatchObject({ batch: id, round: 1, items: 5 });
    await on.sluice(['retry', id], 1);
    await on.world.run();
    expect(await reported()).toMatchObject({
      ...{ round: 1, status: 'done', total: 40, ok: 39, failed: 1, resolved: 4 },
      rounds: [{ total: 40 }, { total: 5, ok: 4, failed: 1 }],
    });
    expect((await on.sluice(['items', id, '--json'])).trim().split('\n')).toHaveLength(40);
    expect(JSON.parse(await on.sluice(['status', id, '--json']))).toMatchObject({
      ...{ round: 1, status: 'done', open: { failed: 1, stalled: 0 } },
    });
    expect(await on.sluice(['verify', id])).toContain('round 1: 1 parts');
  });

  it('needs a sweep, and no more, where the message to the planner was lost; runs other code when told to', async () => {
    process.env['MENDED'] = '2';
    const file = join(on.place.cwd, 'tell.ts');
    writeFileSync(file, JOB.replace("'no'", "'not at all'"));
    const { bytes } = await bundleJob(file, join(on.world.root, 'b'));
    writeFileSync(join(on.world.root, 'jobs', 'tell.mjs'), bytes);
    on.world.coldStart();
    (on.server.answers.stacks['Sluice'] as { outputs: object }).outputs = on.outputs();
    const refused = await on.run(['retry', id, '--stack', 'Sluice']);
    expect(refused.err).toContain('of stack Sluice is not the code that batch');
    await on.sluice(['retry', id, '--accept-code-change']);
    const sqs = new SQSClient({});
    await sqs.send(new PurgeQueueCommand({ QueueUrl: on.outputs()['Inbox'] }));
    sqs.destroy();
    await on.world.run();
    expect(JSON.parse(await on.sluice(['status', id, '--json']))).toMatchObject({ doneItems: 0 });
    await on.world.resume(id);
    await on.world.run();
    const report = await reported();
    expect(report).toMatchObject({ round: 2, failed: 0, ok: 40, resolved: 5 });
    expect(new Set(report.rounds?.map(({ digests }) => digests.job)).size).toBe(2);
    expect(await on.sluice(['verify', id])).toContain('is as it was written');
    expect((await on.run(['retry', id, '--stack', 'Sluice'])).code).toBe(4);
  });

  it('leaves the list once it was resolved long enough ago, by hand or by the sweeper', async () => {
    const forgotten = await on.sluice(['purge', '--resolved', '--older-than', '30d']);
    expect(forgotten).toContain('No batch was resolved that long ago.');
    (on.world.cloud.settings as { purgeResolvedMs?: number }).purgeResolvedMs = 0;
    expect((await on.world.sweep()).forgotten).toEqual([id]);
    expect(JSON.parse(await on.sluice(['list', '--json']))).toEqual([]);
    expect((await on.world.sweep()).forgotten).toEqual([]);
    expect(await on.sluice(['status', id])).toContain('done');
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleJob } from '../../lib/app/job-file.ts';
import { batchKey, chunkKey } from '../../lib/core/keys.ts';
import { setStop } from '../../lib/core/transitions.ts';
import { type Batch, readBatch, requireStage } from '../../lib/engine/batch.ts';
import { jobText, rows } from './sluice.ts';
import { type StackWorld, stackWorld } from './stack-world.ts';

/** A first chunk of 2.5 s: a pause in it is not seen before it commits, since the stage is read each 5 s. */
const SLOW = jobText({
  ms: 100,
  limits: '{ chunk: 25, concurrency: 1, workers: 1 }',
  name: 'slow',
});
const QUICK = jobText({
  ms: 5,
  limits: '{ chunk: 10, concurrency: 1, workers: 2 }',
  name: 'quick',
});
let on: StackWorld;

beforeAll(async () => {
  on = await stackWorld({ slow: SLOW, quick: QUICK });
}, 60_000);
afterAll(() => on.close());

/** Starts a batch of an upload: planned, its first chunks released, nothing worked. */
async function started(job: string, items: number): Promise<string> {
  const key = `inbox/${job}/${items}.jsonl`;
  const [handled] = await on.world.inbox(await on.world.upload(key, rows(items)));
  const id = handled?.batch ?? '';
  await on.world.inbox(JSON.stringify({ v: 1, step: 'plan', batch: id, round: 0 }));
  return id;
}

const batchOf = async (id: string): Promise<Batch> =>
  (await readBatch(on.world.cloud.store, id)) as Batch;
const stageOf = (id: string) =>
  requireStage(on.world.cloud.store, { batch: id, round: 0, stage: 0 });

/** Waits until a worker holds the first chunk. */
async function claimed(id: string): Promise<void> {
  const key = chunkKey({ batch: id, round: 0, stage: 0, chunk: 0 });
  while (!((await on.world.cloud.store.read(key))?.['lease'] as number)) await sleep(10);
}

describe('pause and resume', () => {
  it('goes on also where every released chunk is committed and nobody is left to release', async () => {
    const id = await started('slow', 28);
    const working = on.world.run();
    await claimed(id);
    const paused = await on.run(['pause', id, '--stack', 'Sluice']);
    expect([paused.code, paused.out]).toEqual([
      0,
      `Batch ${id} is pausing: its workers save and give their chunks back within 5 s.\n`,
    ]);
    await working;
    expect(await stageOf(id)).toMatchObject({ sealed: 2, rel: 1, halt: 'pause' });
    expect(await on.sluice(['status', id])).toMatch(/^status {4}paused$/m);
    await on.world.run();
    expect((await batchOf(id)).status).toBe('running');

    expect(await on.sluice(['resume', id])).toBe(`Batch ${id} goes on where it was.\n`);
    expect((await stageOf(id)).rel, 'the command itself releases nothing').toBe(1);
    await on.world.run();
    expect((await batchOf(id)).status).toBe('done');
    expect(await on.world.report(id)).toMatchObject({ total: 28, ok: 28 });
  }, 40_000);

  it('hands chunks back, and resume sends them at once', async () => {
    const id = await started('quick', 60);
    expect(await on.sluice(['pause', id])).toBe(`Batch ${id} is paused.\n`);
    await on.world.run();
    expect(await on.world.worked.at(-1)).toMatchObject({ did: 'nothing' });
    expect(JSON.parse(await on.sluice(['status', id, '--json']))).toMatchObject({
      status: 'paused',
      doneItems: 0,
    });
    await on.sluice(['resume', id]);
    await on.world.run();
    expect((await batchOf(id)).status).toBe('done');
    const ended = await on.run(['pause', id, '--stack', 'Sluice']);
    expect([ended.code, ended.err]).toEqual([
      1,
      expect.stringContaining('has ended already (done)'),
    ]);
    expect(await on.sluice(['resume', id])).toContain('quick: done');
  }, 40_000);

  it('is refused with other code, unless it is accepted', async () => {
    const id = await started('quick', 50);
    await on.sluice(['pause', id]);
    const before = (await batchOf(id)).digest;
    const file = on.place.write('changed.ts', QUICK.replace("'saw it'", "'seen'"));
    const { bytes, digest } = await bundleJob(join(on.place.cwd, file), join(on.world.root, 'b'));
    const deployed = join(on.world.root, 'jobs', 'quick.mjs');
    const old = readFileSync(deployed);
    try {
      writeFileSync(deployed, bytes);
      on.world.coldStart();
      (on.server.answers.stacks['Sluice'] as { outputs: object }).outputs = on.outputs();
      const refused = await on.run(['resume', id, '--stack', 'Sluice']);
      expect(refused.code).toBe(1);
      expect(refused.err).toContain(`(${digest.slice(0, 12)} now, ${before.slice(0, 12)} then)`);
      expect(refused.err).toContain('--accept-code-change');
      expect((await batchOf(id)).stop).toBe('pause');

      await on.sluice(['resume', id, '--accept-code-change']);
      expect(await batchOf(id)).toMatchObject({ digest, stop: 'none' });
      await on.world.run();
      expect((await batchOf(id)).status).toBe('done');
    } finally {
      writeFileSync(deployed, old);
      on.world.coldStart();
      (on.server.answers.stacks['Sluice'] as { outputs: object }).outputs = on.outputs();
    }
  }, 40_000);
});

describe('cancel', () => {
  it('ends a paused batch whose chunks nobody holds, without a sweep', async () => {
    const id = await started('quick', 40);
    await on.sluice(['pause', id]);
    await on.world.run();
    const ended = await on.during(on.run(['cancel', id, '--stack', 'Sluice']));
    expect([ended.code, ended.err]).toEqual([0, '']);
    expect(ended.out).toContain('quick: cancelled');
    expect((await batchOf(id)).status).toBe('cancelled');
  }, 40_000);

  it('cannot be taken back by a resume', async () => {
    const id = await started('quick', 20);
    const { store } = on.world.cloud;
    await store.change(batchKey(id), setStop(0, 'threshold', 'too many failed'));
    const resumed = await on.run(['resume', id, '--stack', 'Sluice']);
    expect([resumed.code, resumed.err]).toEqual([
      1,
      expect.stringContaining(`Batch ${id} is being stopped (too many failed).`),
    ]);
    await on.world.run();
    expect((await batchOf(id)).status).toBe('stopped');
  });

  it('is refused for a job that is not deployed any more, before anything is written', async () => {
    const id = await started('quick', 30);
    const stack = on.server.answers.stacks['Sluice'] as { outputs: Record<string, string> };
    const { slow } = JSON.parse(stack.outputs['Jobs'] ?? '') as { slow: object };
    stack.outputs = { ...stack.outputs, Jobs: JSON.stringify({ slow }) };
    const ended = await on.run(['cancel', id, '--stack', 'Sluice']);
    stack.outputs = on.outputs();
    expect([ended.code, ended.err]).toEqual([
      1,
      expect.stringContaining('Job quick is not deployed in stack Sluice any more.'),
    ]);
    expect((await batchOf(id)).stop).toBe('none');
    await on.world.run();
  });
});

describe('watch', () => {
  it('follows the functions to the end', async () => {
    const id = await started('slow', 30);
    const watching = on.run(['watch', id, '--progress', 'plain', '--stack', 'Sluice']);
    const working = on.world.run();
    const ended = await watching;
    await working;
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('slow: done')]);
  }, 40_000);
});

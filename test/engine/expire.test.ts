import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import type { StoredRecord } from '../../lib/core/change.ts';
import type { Job } from '../../lib/core/job.ts';
import { batchKey, LIVE, reportKey, retryListKey } from '../../lib/core/keys.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import { planRetry } from '../../lib/engine/plan-retry.ts';
import { recordsOf, startNextRound } from '../../lib/engine/start-round.ts';
import { defineJob, ndjson, ok, PermanentError } from '../../lib/index.ts';
import { memoryWorld } from '../support/memory-engine.ts';

const DAY = 86_400_000;
const NOW = 1_700_000_000_000;

const job = defineJob({
  ...{ name: 'kept', input: ndjson(), limits: { chunk: 2 } },
  process(row) {
    if (row === 3) throw new PermanentError('three');
    return ok(row);
  },
}) as Job;

/** A finished batch of five items in three chunks, whose records are kept for a day; its clock stands still. */
async function finished(keepMs: number | 'for ever' = DAY, nowMs = NOW) {
  const world = memoryWorld(job, { rows: [0, 1, 2, 3, 4] });
  const clock = { ...systemClock(), now: () => nowMs };
  Object.assign(world.engine, { clock, ...(keepMs === 'for ever' ? {} : { keepMs }) });
  await world.start();
  await world.run();
  const records = async (): Promise<Map<string, StoredRecord>> => {
    const found = new Map<string, StoredRecord>();
    for (const partition of [world.id, LIVE]) {
      for (const { sort, record } of await world.raw.store.query(partition, '', '\uffff')) {
        found.set(`${partition}/${sort}`, record);
      }
    }
    return found;
  };
  const expiry = async (): Promise<unknown[]> => [
    ...new Set([...(await records()).values()].map((record) => record['expires'])),
  ];
  const retry = async (at = nowMs) => {
    Object.assign(clock, { now: () => at });
    const batch = await world.batch();
    const plan = await planRetry(world.engine, batch, {});
    return startNextRound(world.engine, batch, { plan, digest: world.engine.jobDigest });
  };
  return { world, records, expiry, retry };
}

describe('the records of a finished batch', () => {
  it('expire together, keep after the end; without a keep they never do', async () => {
    const { records, expiry } = await finished();
    expect(await expiry()).toEqual([Math.ceil((NOW + DAY) / 1000)]);
    // Batch, list entry, stage, tally and three chunks.
    expect((await records()).size).toBe(7);
    expect(await (await finished('for ever')).expiry()).toEqual([undefined]);
  });

  it('expire at the next full second', async () => {
    const { expiry } = await finished(1, NOW + 0.5);
    expect(await expiry()).toEqual([NOW / 1000 + 1]);
  });

  it('are kept on by a retry, all of them, before its round begins', async () => {
    const { world, records, expiry, retry } = await finished();
    const batch = await retry();
    expect(batch).toMatchObject({ round: 1, status: 'running' });
    expect(await expiry()).toEqual([undefined]);
    const names = [];
    for await (const { batch: partition, sort } of recordsOf(world.engine.store, batch)) {
      names.push(`${partition}/${sort}`);
    }
    // All but the batch record and the list entry, each once.
    const all = [...(await records()).keys()].filter(
      (name) => name !== `${LIVE}/${world.id}` && name !== `${world.id}/B`,
    );
    expect([...names].sort()).toEqual(all.sort());
    await world.run();
    expect(await world.batch()).toMatchObject({ round: 1, status: 'done' });
    expect(await expiry()).toEqual([Math.ceil((NOW + DAY) / 1000)]);
  });

  it('that have expired cannot be tried again: nothing is changed', async () => {
    const { expiry, retry, world } = await finished();
    const at = Math.ceil((NOW + DAY) / 1000);
    await expect(retry(at * 1000)).rejects.toMatchObject({
      ...{
        code: 'STATE',
        message: "The records of batch test-batch have expired (the stack's keep).",
      },
      hint: 'Its failures.jsonl, while the report bucket keeps it, can be submitted as a new batch.',
    });
    expect(await expiry()).toEqual([at]);
    expect((await world.batch()).round).toBe(0);
    expect(await retry(at * 1000 - 1)).toMatchObject({ round: 1 });
  });

  it('of a round that began meanwhile do not expire', async () => {
    const { world, expiry, retry } = await finished();
    await retry();
    // A late message of the round before.
    expect(await finalise(world.engine, { batch: world.id, round: 0 })).toBeUndefined();
    expect(await expiry()).toEqual([undefined]);
  });
});

describe('two retries at once', () => {
  it('one wins, the other is told; the same one twice is the same', async () => {
    const { world } = await finished();
    const batch = await world.batch();
    const digest = world.engine.jobDigest;
    const plan = await planRetry(world.engine, batch, {});
    await startNextRound(world.engine, batch, { plan, digest });
    const told = {
      ...{ code: 'STATE', message: 'Batch test-batch was changed by somebody else a moment ago.' },
      hint: 'See how it is: sluice status test-batch',
    };
    await expect(startNextRound(world.engine, batch, { plan, digest })).rejects.toMatchObject(told);
    expect(await world.raw.store.read(batchKey(world.id))).toMatchObject({ round: 1 });
  });

  it('one that planned on another state is told, whatever differs', async () => {
    const { world } = await finished();
    const batch = await world.batch();
    const digest = world.engine.jobDigest;
    const plan = await planRetry(world.engine, batch, {});
    for (const change of [{ status: 'cancelled' as const }, { round: 1 }]) {
      const start = startNextRound(world.engine, { ...batch, ...change }, { plan, digest });
      await expect(start).rejects.toThrow('was changed by somebody else');
    }
    expect(await world.batch()).toEqual(batch);
  });

  it.each([
    ['another choice', { filter: '{"other":1}' }],
    ['other code', { digest: 'other' }],
    ['a round more', { round: 2 }],
  ])('one that is overtaken at the last write, by %s, is told', async (_, rival) => {
    const { world } = await finished();
    const batch = await world.batch();
    const plan = await planRetry(world.engine, batch, {});
    const { store } = world.engine;
    const change: typeof store.change = async (key, own) => {
      const answer = await store.change(key, own);
      if (key.sort === batchKey(world.id).sort) {
        await world.raw.store.change(key, { when: [], set: rival });
      }
      return answer;
    };
    const engine = { ...world.engine, store: { ...store, change } };
    const start = startNextRound(engine, batch, { plan, digest: engine.jobDigest });
    await expect(start).rejects.toThrow('was changed by somebody else');
  });

  it('lists the batch as running in its new round', async () => {
    const { records, retry, world } = await finished();
    await retry();
    expect((await records()).get(`${LIVE}/${world.id}`)).toMatchObject({
      ...{ id: world.id, job: 'kept', input: 'rows', round: 1, status: 'running' },
    });
  });

  it("a threshold of its own is in the round's filter", async () => {
    const { world } = await finished();
    const batch = await world.batch();
    const plan = await planRetry(world.engine, batch, {});
    const tolerate = { items: 3 } as never;
    const next = await startNextRound(world.engine, batch, { plan, digest: 'other', tolerate });
    expect(next).toMatchObject({ filter: { tolerate }, digest: 'other', roundAt: NOW });
  });
});

describe('finalise', () => {
  it('removes what saves, losers and lost retries left, and nothing else', async () => {
    const { world, retry } = await finished();
    const { objects } = world.raw;
    const root = 'batches/test-batch/r0/';
    const keys = async (): Promise<string[]> => {
      const found = [];
      for await (const key of objects.list('batches/')) found.push(key);
      return found;
    };
    const before = await keys();
    expect(before.filter((key) => key.includes('/parts/'))).toHaveLength(3);
    const batch = await retry();
    const winner = batch.filter?.sha256 ?? '';
    const left = [
      ...(await keys())
        .filter((key) => key.includes('/parts/'))
        .map((key) => key.replace('/r0/', '/r1/').replace(/-(\d)/, '-9')),
      `batches/test-batch/r1/saved/0/000000-1-1.gz`,
      `batches/test-batch/r1/retry-${'0'.repeat(64)}.jsonl`,
      `batches/test-batch/r1/retry-${'f'.repeat(64)}.jsonl`,
    ];
    for (const key of left) await objects.put(key, Buffer.from('left'));
    await world.run();
    const after = await keys();
    expect(after.filter((key) => left.includes(key))).toEqual([]);
    expect(after.filter((key) => key.startsWith(root))).toEqual(
      before.filter((key) => key.startsWith(root)),
    );
    expect(after.filter((key) => key.includes('retry-'))).toEqual([
      retryListKey(world.id, 1, winner),
    ]);
    expect(after.filter((key) => key.includes('r1/parts/'))).toHaveLength(1);
  });

  it('of a batch or a round that is not there does nothing', async () => {
    const { world } = await finished();
    expect(await finalise(world.engine, { batch: 'other', round: 0 })).toBeUndefined();
    expect(await finalise(world.engine, { batch: world.id, round: 1 })).toBeUndefined();
    expect(await finalise(world.engine, { batch: world.id, round: 0 })).toBeUndefined();
    expect(await world.raw.objects.get(reportKey(world.id, 1, 'report.json'))).toBeUndefined();
  });

  it('does not end what still has a chunk to do, nor where the stages do not know the stop yet', async () => {
    const world = memoryWorld(job, { rows: [0, 1, 2] });
    await world.start();
    expect(await finalise(world.engine, { batch: world.id, round: 0 })).toBeUndefined();
    expect(await world.batch()).toMatchObject({ status: 'running', end: undefined });
    await world.raw.store.change(batchKey(world.id), { when: [], set: { stop: 'cancel' } });
    expect(await finalise(world.engine, { batch: world.id, round: 0 })).toBeUndefined();
    expect(await world.batch()).toMatchObject({ status: 'running', end: undefined });
  });
});

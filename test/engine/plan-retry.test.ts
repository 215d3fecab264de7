import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { reportKey } from '../../lib/core/keys.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import { planRetry } from '../../lib/engine/plan-retry.ts';
import { defineJob, type Job, ndjson, ok } from '../../lib/index.ts';
import { memoryWorld } from '../support/memory-engine.ts';

const job = defineJob({ name: 'planned', input: ndjson(), process: () => ok(null) }) as Job;
const ROWS = Array.from({ length: 1_200 }, (_, n) => ({ n }));
const worldOf = () => memoryWorld(job, { rows: ROWS, limits: { chunk: 100 } });
let world: ReturnType<typeof worldOf>;

beforeAll(async () => {
  world = worldOf();
  await world.start();
  await world.run();
});

interface Failure {
  index: number;
  code?: string;
  key?: string | null;
  status?: 'failed' | 'stalled';
  remotes?: Record<string, string>;
}

/** What is planned where these are the failures of the batch. */
async function planned(failures: Failure[], filter: RetryFilter = {}) {
  const lines = failures.map(
    ({ index, code = 'A', key = `k${index}`, status = 'failed', remotes }) => {
      const error = { kind: status === 'failed' ? 'permanent' : 'stalled', code, message: 'no' };
      return JSON.stringify({ sluice: 'failure/1', index, key, status, error, remotes });
    },
  );
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  await world.engine.objects.put(reportKey(world.id, 0, 'failures.jsonl'), bytes);
  return planRetry(world.engine, await world.batch(), filter);
}

const linesOf = ({ list }: { list: Buffer }) =>
  list
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('what a retry runs', () => {
  it('is said of each chunk that has any of it: failed work anew, stalled work by what it is called', async () => {
    const remotes = { p: 'r7' };
    const failures: Failure[] = [
      { index: 5, remotes },
      { index: 99, status: 'stalled', remotes },
      { index: 100 },
      { index: 1_199, status: 'stalled' },
    ];
    const plan = await planned(failures, { stalled: true });
    expect(linesOf(plan)).toMatchObject([
      { first: 0, count: 100, items: [5, 99], stalled: [99], remotes: { 99: remotes } },
      { first: 100, items: [0] },
      { first: 1_100, items: [99], stalled: [99] },
    ]);
    expect(linesOf(plan)[1]).not.toHaveProperty('stalled');
    expect(plan).toMatchObject({ round: 1, eligible: 4 });
    expect(plan.choice).toEqual({
      ...{ failed: 2, stalled: 2, bytes: plan.list.length },
      before: { failed: plan.report.failed, stalled: plan.report.stalled },
      sha256: createHash('sha256').update(plan.list).digest('hex'),
    });
  });

  it('is recorded with what was asked for: keys by their number, as there may be a million', async () => {
    const failures = [1, 2, 3].map((index) => ({ index }));
    const { choice } = await planned(failures, { codes: ['A'], keys: ['k1', 'k2'], first: 1 });
    expect(choice).toMatchObject({ codes: ['A'], keys: 2, first: 1, failed: 1, stalled: 0 });
  });

  it.each<[string, RetryFilter, string]>([
    ['another code, whatever else', { codes: ['B'], keys: ['x'], first: 0 }, 'code'],
    ['another key', { codes: ['A'], keys: ['x'], first: 0 }, 'key'],
    ['stalled, and not asked for', { codes: ['A'], keys: ['k1'], first: 0 }, 'stalled'],
    ['beyond the first so many', { codes: ['A'], keys: ['k1'], first: 0, stalled: true }, 'first'],
  ])('leaves out an item once, by the first reason that holds: %s', async (_what, filter, why) => {
    const plan = await planned([{ index: 1, status: 'stalled' }], filter);
    const none = { code: 0, key: 0, stage: 0, stalled: 0, first: 0 };
    expect([plan.eligible, plan.left]).toEqual([0, { ...none, [why]: 1 }]);
  });

  it('counts only what is taken towards the first so many', async () => {
    const failures = [1, 2, 3, 4].map((index) => ({ index, code: index % 2 ? 'B' : 'A' }));
    const plan = await planned(failures, { codes: ['A'], first: 2 });
    expect(linesOf(plan)).toMatchObject([{ items: [2, 4] }]);
    expect(plan.left).toMatchObject({ code: 2, first: 0 });
  });

  it('takes no item without a key where keys are asked for', async () => {
    const plan = await planned([{ index: 1, key: null }, { index: 2 }], { keys: ['k2'] });
    expect(linesOf(plan)).toMatchObject([{ items: [2] }]);
    expect(plan.unknownKeys).toEqual([]);
  });

  it('has 1,000 codes told apart, and those that are asked for', async () => {
    const failures = Array.from({ length: 1_100 }, (_, index) => ({ index, code: `C${index}` }));
    const all = await planned([...failures, { index: 1_150, code: 'C7' }]);
    expect(all.codes.size).toBe(1_000);
    expect(all.codes.get('C7')).toBe(2);
    expect(all.codes.has('C1000')).toBe(false);
    const asked = await planned(failures, { codes: ['C1050'] });
    expect([asked.codes.size, asked.codes.get('C1050'), asked.eligible]).toEqual([1_001, 1, 1]);
  });
});

describe('a retry is refused', () => {
  it('while the batch runs, with what to do', async () => {
    const running = worldOf();
    await running.start();
    await expect(planRetry(running.engine, await running.batch(), {})).rejects.toMatchObject({
      ...{ code: 'STATE', message: expect.stringContaining('still runs') },
      hint: 'Wait for it: sluice watch test-batch. Or end it: sluice cancel test-batch',
    });
  });

  it('of a stage of a job that has none', async () => {
    await expect(planned([], { stage: 'last' })).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', message: "Batch test-batch has no stage 'last'." },
      hint: 'Its job has no stages: leave it out.',
    });
  });
});

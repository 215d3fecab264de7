import { expect, test } from 'vitest';
import { newWorkLeft, type WorkLeft } from '../../lib/app/work-left.ts';
import type { Job } from '../../lib/core/job.ts';
import type { Attempt } from '../../lib/engine/engine.ts';
import type { BatchState } from '../../lib/engine/status.ts';

type Chunks = [planned: number, done: number, total?: number];

/** A job of stages that are CPU-bound or not, and a clock that moves as chunks are worked. */
function world(cpu: readonly boolean[]) {
  const job = { name: 'any', stages: cpu.map((one) => ({ sluice: 'each/1', cpu: one })) };
  let now = 0;
  let asked = 0;
  let stages: Chunks[] = [];
  const left: WorkLeft = newWorkLeft({
    job: job as unknown as Job,
    monotonic: () => now,
    state: async () => {
      asked += 1;
      const states = stages.map(([plannedChunks, doneChunks, totalChunks]) => ({
        ...{ plannedChunks, doneChunks, totalChunks },
      }));
      return { stages: states } as unknown as BatchState;
    },
  });
  const work = async (
    stage: number,
    ms: number,
    meanwhile?: () => Promise<void>,
  ): Promise<void> => {
    const attempt = {
      async work() {
        now += ms;
        await meanwhile?.();
      },
    } as unknown as Attempt;
    await left.timed(stage, attempt).work(1);
  };
  return {
    work,
    asked: () => asked,
    leftMs(...seen: Chunks[]) {
      stages = seen;
      return left.leftMs();
    },
  };
}

test('nothing is known before 150 ms were measured, of stages that are CPU-bound', async () => {
  const { work, leftMs, asked } = world([false, true]);
  await work(0, 5_000);
  await work(1, 149);
  expect(await leftMs([9, 0, 9], [9, 0, 9])).toBeUndefined();
  await work(1, 1);
  expect(await leftMs([9, 0, 9], [9, 1, 9])).toBe(8 / 2);
  expect(asked()).toBe(1);
});

test('each stage counts by its own last chunk, others do not', async () => {
  const { work, leftMs } = world([false, true, true]);
  await work(1, 100);
  await work(1, 100);
  await work(2, 100);
  await work(1, 20);
  expect(await leftMs([50, 0, 50], [10, 3, 10], [4, 2, 4])).toBe(7 * 20 + 2 * 100);
});

test('it is asked again after each 100 ms of work, and finds what was planned since', async () => {
  const { work, leftMs, asked } = world([true]);
  await work(0, 200);
  expect(await leftMs([2, 1, 2])).toBe(100);
  expect(await leftMs([2, 1, 2])).toBeUndefined();
  await work(0, 99);
  expect(await leftMs([9, 2, 9])).toBeUndefined();
  expect(asked()).toBe(1);
  await work(0, 50);
  expect(await leftMs([9, 3, 9])).toBe(6 * 50);
});

test('where more may be planned, as much again as was done is expected', async () => {
  const { work, leftMs } = world([false, true]);
  await work(1, 400);
  expect(await leftMs([1, 1, 1], [2, 1])).toBe(200 + 400);
  await work(1, 100);
  expect(await leftMs([1, 1], [2, 2, 2])).toBe(0);
});

test('a chunk under way counts by what it took so far for each behind it, and not for itself', async () => {
  const { work, leftMs } = world([true]);
  await work(0, 600, async () => {
    expect(await leftMs([6, 0, 6])).toBe(5 * 300);
  });
  await work(0, 200, async () => {
    expect(await leftMs([6, 1, 6])).toBe(4 * 300);
  });
  await work(0, 500, async () => {
    expect(await leftMs([6, 2, 6])).toBe(3 * 500);
  });
});

test('what began before 150 ms were measured counts by half for those behind it', async () => {
  const { work, leftMs } = world([true]);
  await work(0, 149);
  await work(0, 100);
  expect(await leftMs([6, 2, 6])).toBe(4 * 50);
  await work(0, 100);
  expect(await leftMs([6, 3, 6])).toBe(3 * 100);
});

test('where more may be planned, what a chunk under way took counts whole', async () => {
  const { work, leftMs } = world([true]);
  await work(0, 149, async () => {
    expect(await leftMs([1, 0])).toBeUndefined();
  });
  await work(0, 151, async () => {
    expect(await leftMs([2, 1])).toBe(149 + 151);
  });
});

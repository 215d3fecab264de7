import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openHome } from '../../lib/app/home.ts';
import { newThreadPool, type ThreadPool } from '../../lib/app/thread-pool.ts';
import { newFolder } from '../support/cli.ts';

async function withPool(
  { size, ...idle }: { size: number; idleMs?: number },
  act: (pool: ThreadPool) => Promise<void>,
): Promise<void> {
  const home = await openHome(join(newFolder(), 'home'));
  // The job is loaded by the first attempt: here none is opened.
  const jobFile = { file: 'none.mjs', digest: '' } as never;
  const pool = newThreadPool({ home, jobFile, quotas: undefined as never, ...idle }, size);
  try {
    await act(pool);
  } finally {
    await pool.close();
    await home.close();
  }
}

test('a place in each thread first, then the second ones; no two attempts in one lane', async () => {
  await withPool({ size: 2 }, async (pool) => {
    expect(pool.places).toBe(4);
    const places = Array.from({ length: 4 }, () => pool.newSeat().take());
    expect(pool.started).toBe(2);
    expect(places[0]?.thread).not.toBe(places[1]?.thread);
    const names = places.map(({ thread, lane }) => `${thread === places[0]?.thread} ${lane}`);
    expect(new Set(names).size).toBe(4);
  });
});

test('threads that nobody uses for a while are ended, and new ones work on', async () => {
  await withPool({ size: 1, idleMs: 200 }, async (pool) => {
    const [one, two] = [pool.newSeat(), pool.newSeat()];
    const { thread } = one.take();
    expect(two.take().thread).toBe(thread);
    one.release();
    await sleep(500);
    expect(thread.dead).toBe(false);
    two.release();
    await vi.waitUntil(() => thread.dead, 20_000);
    const next = one.take().thread;
    expect(next).not.toBe(thread);
    expect(next.dead).toBe(false);
    expect(pool.started).toBe(2);
  });
});

test('at rest those that nobody uses are ended, and no others', async () => {
  await withPool({ size: 2 }, async (pool) => {
    const [one, two] = [pool.newSeat(), pool.newSeat()];
    const [used, unused] = [one.take().thread, two.take().thread];
    two.release();
    pool.rest();
    await vi.waitUntil(() => unused.dead, 20_000);
    expect(used.dead).toBe(false);
    const next = two.take().thread;
    expect(next).not.toBe(used);
    expect(next.dead).toBe(false);
  });
});

test('a pool that is closed has waited for those at rest: what they hold open is written at their end', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const seat = pool.newSeat();
    const { thread } = seat.take();
    seat.release();
    pool.rest();
    expect(thread.dead).toBe(false);
    await pool.close();
    expect(thread.dead).toBe(true);
  });
});

test('a thread that died is replaced, and its other lane is not taken for free', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const [one, two] = [pool.newSeat(), pool.newSeat()];
    const first = one.take();
    two.take();
    await first.thread.end();
    const [again, beside] = [one.take(), two.take()];
    expect(again.thread).not.toBe(first.thread);
    expect(beside.thread).toBe(again.thread);
    expect(beside.lane).not.toBe(again.lane);
  });
});

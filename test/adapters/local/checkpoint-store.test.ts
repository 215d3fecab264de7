import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import Database from 'libsql';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import {
  LEASE_MS,
  openLocalCheckpointStore,
  RENEW_MS,
} from '../../../lib/adapters/local/checkpoint-store.ts';
import type { RecordKey } from '../../../lib/core/change.ts';
import { renew } from '../../../lib/core/transitions.ts';
import { startChild } from './child.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.useRealTimers());
let files = 0;
const freshFile = (): string => {
  files += 1;
  return join(folder, `store-${files}.db`);
};
const counter = { batch: 'b', sort: 'counter' };
const addOne = { when: [], add: { n: 1 } };

describe('the file', () => {
  test('keeps its records when it is closed and opened again, and has no log left', async () => {
    const file = freshFile();
    const first = await openLocalCheckpointStore(file);
    await first.change(counter, addOne);
    await first.close();
    await first.close();
    rmSync(`${file}-wal`, { force: true });
    const second = await openLocalCheckpointStore(file);
    expect(await second.read(counter)).toEqual({ n: 1 });
    await second.close();
  });

  test('answers what was asked before the close, and refuses what comes after', async () => {
    const store = await openLocalCheckpointStore(freshFile());
    const asked = Array.from({ length: 250 }, () => store.change(counter, addOne));
    const closed = store.close();
    await expect(store.read(counter)).rejects.toMatchObject({ code: 'STORE' });
    expect((await Promise.all(asked)).map((answer) => answer.record?.['n'])).toEqual(
      Array.from({ length: 250 }, (_, i) => i + 1),
    );
    await closed;
  });

  test('is refused when a newer sluice wrote it', async () => {
    const file = freshFile();
    const db = new Database(file);
    db.exec('PRAGMA user_version = 2');
    db.close();
    await expect(openLocalCheckpointStore(file)).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(/schema 2.*knows 1/),
      hint: expect.stringContaining('update'),
    });
  });

  test('is refused when it is no store, or cannot be one', async () => {
    const file = freshFile();
    writeFileSync(file, 'no database'.repeat(1000));
    await expect(openLocalCheckpointStore(file)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining(file),
    });
    await expect(openLocalCheckpointStore(join(file, 'below'))).rejects.toMatchObject({
      code: 'STORE',
      hint: expect.stringContaining('folder'),
    });
    await expect(openLocalCheckpointStore(folder)).rejects.toMatchObject({ code: 'STORE' });
  });

  test('locked by another for too long: the error names who', async () => {
    const file = freshFile();
    const store = await openLocalCheckpointStore(file, { busyLimitMs: 300 });
    await store.change(counter, addOne);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const refused = store.change(counter, addOne);
    await expect(refused).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringMatching(
        process.platform === 'linux'
          ? new RegExp(`locked by process ${process.pid} `)
          : /locked by/,
      ),
    });
    const waiting = store.change(counter, addOne);
    await pass(100);
    // Readers never wait for a writer; this one only for its turn.
    other.exec('COMMIT');
    expect((await waiting).record).toEqual({ n: 2 });
    other.close();
    await store.close();
  });
});

describe('several processes', () => {
  test('two, each 500 conditional changes of one record: none is lost', async () => {
    const file = freshFile();
    const ends = await Promise.all([1, 2].map(() => startChild('count', [file, '500']).ended));
    for (const { code, stderr } of ends) expect([code, stderr]).toEqual([0, '']);
    const store = await openLocalCheckpointStore(file);
    expect(await store.read(counter)).toEqual({ n: 1000 });
    await store.close();
  });

  test('what was answered is there after a kill -9, all of each change', async () => {
    const file = freshFile();
    const child = startChild('answers', [file]);
    await child.says(' 300\n');
    child.process.kill('SIGKILL');
    const { stdout, signal } = await child.ended;
    expect(signal).toBe('SIGKILL');
    const answered = stdout.split('\n').slice(0, -1);
    const store = await openLocalCheckpointStore(file);
    for (const line of answered) {
      const [sort = '', n] = line.trim().split(' ');
      const record = await store.read({ batch: 'b', sort });
      expect(record?.['n']).toBeGreaterThanOrEqual(Number(n));
      expect(record?.['twin']).toBe(record?.['n']);
    }
    await store.close();
  });

  test('two stores in one process see each other at once', async () => {
    const file = freshFile();
    const [a, b] = [await openLocalCheckpointStore(file), await openLocalCheckpointStore(file)];
    for (let n = 1; n <= 50; n += 1) {
      await (n % 2 === 0 ? a : b).change(counter, addOne);
      expect(await (n % 2 === 0 ? b : a).read(counter)).toEqual({ n });
    }
    await Promise.all([a.close(), b.close()]);
  });

  test('a process may end without a close', async () => {
    const { code, stdout } = await startChild('watched', [freshFile(), 'leave']).ended;
    expect([code, stdout]).toEqual([0, 'ready\nover\n']);
  });
});

describe('a group', () => {
  test('of more than 100 changes keeps their order, reads see what was asked before', async () => {
    const store = await openLocalCheckpointStore(freshFile());
    const seen = await Promise.all(
      Array.from({ length: 350 }, async (_, i) => {
        const changed = store.change(counter, addOne);
        const read = store.read(counter);
        expect((await changed).record?.['n']).toBe(i + 1);
        return (await read)?.['n'];
      }),
    );
    expect(seen).toEqual(Array.from({ length: 350 }, (_, i) => i + 1));
    await store.close();
  });

  test('a damaged record fails alone', async () => {
    const file = freshFile();
    const store = await openLocalCheckpointStore(file);
    await store.change(counter, addOne);
    const db = new Database(file);
    db.exec("INSERT INTO records VALUES ('b', 'bad', '{broken')");
    db.close();
    const answers = await Promise.allSettled([
      store.change(counter, addOne),
      store.change({ batch: 'b', sort: 'bad' }, addOne),
      store.change(counter, addOne),
    ]);
    expect(answers.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[1]).toMatchObject({
      reason: { code: 'STORE', message: expect.stringContaining('b bad') },
    });
    expect(await store.read(counter)).toEqual({ n: 3 });
    await store.close();
  });

  test('a change that cannot be stored fails alone', async () => {
    const store = await openLocalCheckpointStore(freshFile());
    const answers = await Promise.allSettled([
      store.change(counter, addOne),
      store.change(counter, { when: [], set: { n: Number.NaN } }),
      store.change(counter, { when: [['=', 'n', 99]], set: { n: 0 } }),
      store.change(counter, addOne),
    ]);
    expect(
      answers.map((one) => (one.status === 'fulfilled' ? one.value.applied : 'threw')),
    ).toEqual([true, 'threw', false, true]);
    expect(await store.read(counter)).toEqual({ n: 2 });
    await store.close();
  });
});

describe('leases', () => {
  const block = (ms: number): void => {
    // As item code would: no timer and no message of this thread runs meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  };

  test('are renewed while the main thread is blocked; lost when refused; left when dropped', async () => {
    const store = await openLocalCheckpointStore(freshFile());
    const keys = ['kept', 'overtaken', 'dropped', 'runner'].map((sort) => ({ batch: 'b', sort }));
    const [kept, overtaken, dropped, runner] = keys as [RecordKey, RecordKey, RecordKey, RecordKey];
    const claimedAt = Date.now();
    const lease = claimedAt + LEASE_MS;
    for (const key of keys) {
      await store.change(key, { when: [], set: { epoch: 3, owner: 'me', lease } });
    }
    const mine = { kind: 'chunk', epoch: 3, owner: 'me' } as const;
    const held = store.hold(kept, mine);
    const lost = store.hold(overtaken, mine);
    store.hold(dropped, mine);
    const running = store.hold(runner, { kind: 'runner', owner: 'me' });
    expect([held.lost(), lost.lost(), running.lost()]).toEqual([false, false, false]);
    await store.change(overtaken, { when: [], set: { epoch: 4 } });
    store.drop(dropped);
    await store.change(dropped, { when: [], set: { lease: 0 } });

    block(RENEW_MS + 2500);

    expect([held.lost(), lost.lost(), running.lost()]).toEqual([false, true, false]);
    for (const one of [held, running]) {
      expect(one.leaseUntil()).toBeGreaterThanOrEqual(claimedAt + RENEW_MS + LEASE_MS);
      expect(one.leaseUntil()).toBeLessThanOrEqual(Date.now() + LEASE_MS);
    }
    expect((await store.read(kept))?.['lease']).toBe(held.leaseUntil());
    expect((await store.read(runner))?.['lease']).toBe(running.leaseUntil());
    expect((await store.read(overtaken))?.['lease']).toBe(lease);
    expect((await store.read(dropped))?.['lease']).toBe(0);
    await store.close();
  });

  test('count as lost once no renewal succeeded for 15 s, and as held again after one', async () => {
    const store = await openLocalCheckpointStore(freshFile());
    await store.change(counter, { when: [], set: { epoch: 3, owner: 'me', lease: 0 } });
    const held = store.hold(counter, { kind: 'chunk', epoch: 3, owner: 'me' });
    vi.useFakeTimers({ toFake: ['Date'] });
    const now = Date.now();
    vi.setSystemTime(now + 14_500);
    expect(held.lost()).toBe(false);
    vi.setSystemTime(now + 15_500);
    expect(held.lost()).toBe(true);
    vi.useRealTimers();
    expect(held.lost()).toBe(false);
    expect((await store.change(counter, renew(3, 'me', 1))).applied).toBe(true);
    await store.close();
  });
});

describe.concurrent('the watchdog', () => {
  test('ends a process whose main thread is blocked, and says so', async () => {
    const { signal, stderr, stdout } = await startChild('watched', [freshFile(), 'block']).ended;
    expect([signal, stdout]).toEqual(['SIGKILL', 'ready\n']);
    expect(stderr).toMatch(
      /^sluice: the job blocked the process for [23] s .*'sluice resume'.*\n$/,
    );
  });

  test('leaves alone who idles, who turned it off, and who was stopped for longer', async () => {
    const idle = startChild('watched', [freshFile(), 'idle']);
    const off = startChild('watched', [freshFile(), 'off']);
    const stopped = startChild('watched', [freshFile(), 'idle']);
    await stopped.says('ready');
    stopped.process.kill('SIGSTOP');
    await pass(4000);
    stopped.process.kill('SIGCONT');
    for (const child of [idle, off, stopped]) {
      const { code, stdout, stderr } = await child.ended;
      expect([code, stdout, stderr]).toEqual([0, 'ready\nover\n', '']);
    }
  });
});

test('a disk that refuses: the store, the objects and the log say so, and keep what they had', async () => {
  const inside = mkdtempSync(join(folder, 'full-'));
  const { stdout, stderr, code } = await startChild('fill', [inside], { fileLimitKib: 200 }).ended;
  expect([code, stderr.trim().split('\n').length]).toEqual([0, 1]);
  expect(stderr).toMatch(/^sluice: cannot write the log in .*logs/);
  const said = JSON.parse(stdout) as Record<string, unknown>;
  expect(said['put']).toEqual({
    code: 'STORE',
    message: expect.stringMatching(/b\.txt/),
    hint: expect.stringContaining('sluice resume'),
  });
  expect(said['kept']).toBe(10);
  expect(said['change']).toEqual({
    code: 'STORE',
    message: expect.stringContaining('store.db'),
    hint: expect.stringContaining('sluice resume'),
  });
  expect(said['changes']).toBeGreaterThan(10);
  expect(said['found']).toBe(said['changes']);
});

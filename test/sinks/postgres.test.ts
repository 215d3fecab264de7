import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postgresBytes } from '../../lib/app/home-sizes.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { jsonArray } from '../../lib/io/json-array.ts';
import { newShared } from '../../lib/pool/shared.ts';
import { tableSink } from '../../lib/sinks/table-sink.ts';
import { memoryWorld, type WorldOptions } from '../support/memory-engine.ts';
import { type Line, lineTo, openPostgres, type Postgres } from '../support/postgres.ts';

let db: Postgres;
let line: Line;
beforeAll(async () => {
  db = await openPostgres();
  line = await lineTo(db);
}, 60_000);
afterAll(async () => {
  await line?.close();
  await db?.stop();
});

let table = '';
let tables = 0;
beforeEach(() => {
  tables += 1;
  table = `sink_${process.pid}_${tables}`;
  return async () => {
    line.up();
    line.onData(undefined);
    await db.query('RESET ROLE');
    await db.query(`DROP TABLE IF EXISTS ${table}`);
  };
});

const COLUMNS = {
  name: 'text',
  n: 'integer',
  x: 'real',
  price: 'numeric',
  good: 'boolean',
  at: 'timestamp',
  more: 'json',
} as const;
const rowAt = (at: number) => ({
  name: `name "${at}", it's {${at}}\\`,
  n: at * 3,
  x: at / 7,
  price: `${at}.50`,
  good: at % 2 === 0,
  at: '2026-01-31T12:00:00Z',
  more: at % 5 === 0 ? null : { list: [at, 'a,b', null] },
});

function jobOf(url: string, options: Partial<Parameters<typeof tableSink>[0]> = {}): Job {
  return defineJob({
    name: 'sink',
    input: jsonArray() as never,
    steps: [tableSink({ url, table, columns: COLUMNS, group: 50, ...options })],
  }) as Job;
}

async function run(job: Job, options: Partial<WorldOptions> & { rows: readonly unknown[] }) {
  const shared = newShared();
  const world = memoryWorld(job, {
    limits: { workers: 2, chunk: 100, concurrency: 3 },
    env: { shared },
    ...options,
  });
  try {
    await world.start();
    await world.run();
  } finally {
    await shared.close();
  }
  return world;
}

const count = async (): Promise<number> =>
  Number((await db.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]?.n);

describe('a PostgreSQL sink', () => {
  it('writes every row once, with its values as they are', async () => {
    const rows = Array.from({ length: 250 }, (_, at) => rowAt(at));
    const world = await run(jobOf(line.url), { rows });
    expect(await world.report()).toMatchObject({ ok: 250, failed: 0 });
    const written = await db.query<Record<string, unknown>>(
      `SELECT batch, item::int, round, name, n::int, x, price::text, good, at::text, more FROM ${table} ORDER BY item`,
    );
    expect(written).toHaveLength(250);
    const { at: _, ...facts } = written[7] as Record<string, unknown>;
    const { at: __, ...given } = rowAt(7);
    expect(facts).toEqual({ batch: 'test-batch', item: 7, round: 0, ...given });
    expect(written[5]?.['more']).toBeNull();
  });

  it('opens no more connections than it may, keeps them, and closes them at the end', async () => {
    const before = line.made();
    const rows = Array.from({ length: 600 }, (_, at) => rowAt(at));
    await run(jobOf(line.url, { connections: 2, group: 10 }), { rows });
    expect(line.made() - before).toBeLessThanOrEqual(2);
    await expect.poll(() => line.open()).toBe(0);
    expect(await count()).toBe(600);
  });

  it('one value that the column refuses fails alone, with the database’s own words', async () => {
    await db.query(
      `CREATE TABLE ${table} (batch text, item bigint, round int, epoch int, n bigint CHECK (n <> 66), PRIMARY KEY (batch, item))`,
    );
    const rows = Array.from({ length: 200 }, (_, at) => rowAt(at));
    const world = await run(jobOf(line.url, { columns: { n: 'integer' } }), { rows });
    const report = await world.report();
    expect(report).toMatchObject({ ok: 199, failed: 1 });
    expect(report.failures).toMatchObject([{ code: 'PG_23514', kind: 'permanent', items: 1 }]);
    expect(report.failures[0]?.examples[0]).toMatchObject({ index: 22 });
    expect(await count()).toBe(199);
  });

  it('a value of the wrong type fails before it is sent', async () => {
    const rows = [rowAt(0), { ...rowAt(1), n: 'many' }, { ...rowAt(2), at: 'soon' }, rowAt(3)];
    const world = await run(jobOf(line.url), { rows });
    const { details } = await world.report();
    expect(details?.map(({ status }) => status)).toEqual(['ok', 'failed', 'failed', 'ok']);
    expect(details?.[1]).toMatchObject({
      error: {
        code: 'BAD_VALUE',
        message:
          'column "n": must be a whole number up to 2^53, or a bigint of 64 bits; got "many"',
      },
    });
    expect(await count()).toBe(2);
  });

  it('goes on where it was when the database goes away in the middle and comes back', async () => {
    const rows = Array.from({ length: 1000 }, (_, at) => rowAt(at));
    let pieces = 0;
    line.onData((piece) => {
      // A statement that is under way is lost with its connection, and for a while nobody is let in.
      if (!piece.includes('INSERT INTO')) return false;
      pieces += 1;
      if (pieces !== 5) return false;
      line.cut(true);
      setTimeout(() => line.up(), 300);
      return true;
    });
    const world = await run(jobOf(line.url), { rows });
    expect(pieces).toBeGreaterThan(20);
    expect(await world.report()).toMatchObject({ ok: 1000, failed: 0, status: 'done' });
    expect(await count()).toBe(1000);
  });

  it('pauses with the reason when the database stays away, and a resume loses nothing', async () => {
    const rows = Array.from({ length: 300 }, (_, at) => rowAt(at));
    let pieces = 0;
    line.onData((piece) => {
      if (!piece.includes('INSERT INTO')) return false;
      pieces += 1;
      if (pieces === 3) line.cut(true);
      return pieces >= 3;
    });
    // The whole of it is waited for once the database is away; before that a busy machine needs its share.
    const limits = { workers: 1, chunk: 100, concurrency: 1, itemTimeout: '6s' };
    const job = jobOf(line.url);
    const world = await run(job, { rows, limits });
    expect(await world.batch()).toMatchObject({ status: 'running', stop: 'pause' });
    expect((await world.batch()).reason).toContain('PostgreSQL at 127.0.0.1:');
    expect(await count()).toBe(100);

    line.up();
    line.onData(undefined);
    // A busy machine may need longer for a call than the time-out that ended the first run.
    const patient = { ...limits, itemTimeout: '30s' };
    const next = memoryWorld(job, { rows, limits: patient, after: world.raw });
    await next.resume();
    await next.run();
    expect(await next.report()).toMatchObject({ ok: 300, failed: 0, status: 'done' });
    expect(await count()).toBe(300);
  }, 60_000);

  it.each([
    ['no one listens', () => 'postgres://me:hunter22secret@127.0.0.1:1/nowhere', 'ECONNREFUSED'],
    [
      'no such host',
      () => 'postgres://me:hunter22secret@no-such-host.invalid/nowhere',
      /ENOTFOUND|EAI_AGAIN/,
    ],
  ])(
    'a wrong URL pauses the batch and says why, without the password: %s',
    async (_, url, code) => {
      const limits = { workers: 1, itemTimeout: '300ms' };
      const world = await run(jobOf(url()), { rows: [rowAt(0)], limits });
      const { stop, reason } = await world.batch();
      expect(stop).toBe('pause');
      expect(reason).toMatch(code);
      expect(JSON.stringify(await world.batch())).not.toContain('hunter22');
    },
  );

  it('a missing right pauses the batch and says which', async () => {
    await db.query(
      `CREATE TABLE ${table} (batch text, item bigint, round int, epoch int, n bigint, PRIMARY KEY (batch, item))`,
    );
    const role = `poor_${process.pid}`;
    await db.query(`CREATE ROLE ${role} LOGIN`);
    try {
      let url = line.url;
      if (db.kind === 'pglite') await db.query(`SET ROLE ${role}`);
      else {
        const poor = new URL(line.url);
        poor.username = role;
        url = poor.href;
      }
      const job = jobOf(url, { columns: { n: 'integer' } });
      const world = await run(job, { rows: [rowAt(0)] });
      const { stop, reason } = await world.batch();
      expect(stop).toBe('pause');
      expect(reason).toMatch(/^PG_42501: .*permission denied for table/);
      expect(reason).toContain('Grant INSERT');
    } finally {
      await db.query('RESET ROLE');
      await db.query(`DROP ROLE ${role}`);
    }
  });

  it('a repeat after a crash between sink and part changes nothing, also in a later round', async () => {
    const rows = Array.from({ length: 100 }, (_, at) => rowAt(at));
    const limits = { workers: 1, chunk: 100, concurrency: 2 };
    let armed = true;
    const onCall = (moment: string, call: string): void => {
      if (armed && moment === 'before' && call === 'objects.put' && pieces > 0) {
        throw new Error('killed before the part was written');
      }
    };
    let pieces = 0;
    line.onData((piece) => {
      if (piece.includes('INSERT INTO')) pieces += 1;
      return false;
    });
    const job = jobOf(line.url);
    const world = memoryWorld(job, { rows, limits, onCall });
    await world.start();
    await expect(world.run()).rejects.toThrow('killed');
    expect(await count()).toBe(100);
    const before = await db.query(`SELECT xmin::text, * FROM ${table} ORDER BY item`);

    armed = false;
    const next = memoryWorld(job, { rows, limits, after: world.raw });
    await next.takeUp();
    await next.run();
    expect(await next.report()).toMatchObject({ ok: 100, status: 'done' });
    // Not even a new version of a row: xmin is the transaction that wrote it.
    expect(await db.query(`SELECT xmin::text, * FROM ${table} ORDER BY item`)).toEqual(before);
  });

  it('a later round replaces, an earlier one and an attempt that was overtaken do not', async () => {
    const step = tableSink({ url: line.url, table, columns: { n: 'integer' } });
    const shared = newShared();
    const write = async (round: number, epoch: number, n: number | null): Promise<void> => {
      await step.run([{ n }], {
        items: [{ index: 4, key: null }],
        batch: 'b',
        round,
        epoch,
        shared: shared.get,
      } as never);
    };
    const value = async (): Promise<unknown> =>
      (await db.query<{ n: unknown }>(`SELECT n::int, round, epoch FROM ${table}`))[0];
    await write(0, 2, 10);
    await write(0, 1, 11);
    expect(await value()).toEqual({ n: 10, round: 0, epoch: 2 });
    await write(0, 3, null);
    expect(await value()).toEqual({ n: null, round: 0, epoch: 3 });
    await write(1, 1, 12);
    await write(0, 9, 13);
    expect(await value()).toEqual({ n: 12, round: 1, epoch: 1 });
    await shared.close();
  });

  it('its size is what watch --for asks for', async () => {
    expect(await postgresBytes(db.url)).toBeGreaterThan(1e6);
    await expect(postgresBytes('postgres://x@127.0.0.1:1/none')).rejects.toThrow(
      '--database: the server did not answer',
    );
  });

  it('two workers that write the same rows in other orders both end', async () => {
    const rows = Array.from({ length: 400 }, (_, at) => rowAt(at));
    const worlds = await Promise.all([
      run(jobOf(line.url, { group: 20 }), { rows }),
      run(jobOf(line.url, { group: 33 }), { rows }),
    ]);
    for (const world of worlds) expect(await world.report()).toMatchObject({ ok: 400, failed: 0 });
    expect(await count()).toBe(400);
  });
});

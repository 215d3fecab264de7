import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../lib/adapters/local/sqlite.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import type { GroupStep, SqliteFile } from '../../lib/core/step.ts';
import { jsonArray } from '../../lib/io/json-array.ts';
import { newShared } from '../../lib/pool/shared.ts';
import { tableSink, uniqueTable } from '../../lib/sinks/table-sink.ts';
import { memoryWorld, type WorldOptions } from '../support/memory-engine.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-sink-'));
  file = join(folder, 'rows.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rowsOf = (n: number) => Array.from({ length: n }, (_, at) => ({ name: `n${at}`, n: at }));
const sinkOf = (options: Partial<Parameters<typeof tableSink>[0]> = {}): GroupStep =>
  tableSink({
    url: `sqlite:${file}`,
    table: 'rows',
    columns: { name: 'text', n: 'integer' },
    group: 50,
    ...options,
  });
const jobOf = (...steps: unknown[]): Job =>
  defineJob({ name: 'sink', input: jsonArray() as never, steps: steps as never }) as unknown as Job;

async function run(job: Job, options: Partial<WorldOptions> & { rows: readonly unknown[] }) {
  const shared = newShared();
  const world = memoryWorld(job, {
    limits: { workers: 2, chunk: 100, concurrency: 3 },
    env: { shared, sqlite: openSqlite },
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

/** All rows of the table, in order. */
function written(path = file): unknown[][] {
  const db = new Database(path);
  try {
    return db
      .prepare('SELECT item, name, n, round, epoch FROM rows ORDER BY item')
      .raw()
      .all() as unknown[][];
  } finally {
    db.close();
  }
}

describe('an SQLite sink', () => {
  it('writes every row once; what it gives on is the row as it came', async () => {
    const rows = rowsOf(450);
    const world = await run(
      jobOf(sinkOf(), ({ n }: { n: number }) => ok(n)),
      { rows },
    );
    expect(await world.report()).toMatchObject({ ok: 450, failed: 0 });
    expect(written()).toEqual(rows.map(({ name, n }) => [n, name, n, 0, 1]));
    expect((await world.outcomes()).split('\n')[7]).toBe(
      '{"index":7,"key":"7","status":"ok","value":7}',
    );
  });

  it('keeps every type as it is', async () => {
    const columns = {
      a: 'integer',
      b: 'real',
      c: 'numeric',
      d: 'boolean',
      e: 'timestamp',
      f: 'json',
      g: 'text',
    } as const;
    const rows = [
      {
        a: Number.MAX_SAFE_INTEGER,
        b: 0.1 + 0.2,
        c: '0.10',
        d: true,
        e: '2026-01-31',
        f: [1, { x: null }],
        g: '',
      },
      { a: null, b: null, c: null, d: null, e: null, f: null },
    ];
    await run(jobOf(sinkOf({ columns })), { rows });
    const db = new Database(file);
    const [first, second] = db
      .prepare('SELECT a, b, c, d, e, f, g FROM rows ORDER BY item')
      .raw()
      .all() as unknown[][];
    db.close();
    expect(first).toEqual([
      Number.MAX_SAFE_INTEGER,
      0.1 + 0.2,
      '0.10',
      1,
      '2026-01-31',
      '[1,{"x":null}]',
      '',
    ]);
    expect(second).toEqual(new Array(7).fill(null));
  });

  it('ends with each row once after a crash before or after every single call', async () => {
    const rows = rowsOf(12);
    const limits = { chunk: 6, workers: 1, concurrency: 2 };
    const job = jobOf(({ n }: { n: number }) => ok({ name: `n${n}`, n }), sinkOf({ group: 4 }));
    let moments = 0;
    const onMoment = (): void => {
      moments += 1;
    };
    const truth = await run(job, { rows, limits, onCall: onMoment });
    const outcomes = await truth.outcomes();
    const expected = written().map(([item, name, n]) => [item, name, n]);
    expect(expected).toHaveLength(12);
    const step = process.env['SLUICE_FULL'] === '1' ? 1 : 7;
    for (let at = 1; at <= moments; at += step) {
      file = join(folder, `crash-${at}.db`);
      const own = jobOf(({ n }: { n: number }) => ok({ name: `n${n}`, n }), sinkOf({ group: 4 }));
      let seen = 0;
      const onCall = (): void => {
        seen += 1;
        if (seen >= at) throw new Error('killed');
      };
      const shared = newShared();
      const env = { shared, sqlite: openSqlite };
      const dying = memoryWorld(own, { rows, limits, env, onCall });
      await dying
        .start()
        .then(dying.run.bind(dying))
        .catch(() => undefined);
      const next = memoryWorld(own, { rows, limits, env, after: dying.raw });
      await next.start();
      await next.takeUp();
      await next.run();
      await shared.close();
      expect(await next.outcomes(), `crash at ${at}`).toBe(outcomes);
      expect(written().map(([item, name, n]) => [item, name, n])).toEqual(expected);
    }
  });

  it('a repeat leaves every row as it is', async () => {
    const rows = rowsOf(100);
    await run(jobOf(sinkOf()), { rows });
    const before = written();
    const world = await run(jobOf(sinkOf()), { rows });
    expect(await world.report()).toMatchObject({ ok: 100 });
    expect(written()).toEqual(before);
  });

  it('a later round and a later attempt replace; what was overtaken does not', async () => {
    const step = sinkOf();
    const shared = newShared();
    const write = async (round: number, epoch: number, n: number): Promise<void> => {
      await step.run([{ name: 'x', n }], {
        items: [{ index: 4, key: null }],
        batch: 'b',
        round,
        epoch,
        shared: shared.get,
        sqlite: (path: string) =>
          shared.get(
            path,
            () => openSqlite(path),
            (open) => open.close(),
          ),
      } as never);
    };
    for (const [round, epoch, n] of [
      [0, 2, 10],
      [0, 1, 11],
    ] as const)
      await write(round, epoch, n);
    expect(written()).toEqual([[4, 'x', 10, 0, 2]]);
    for (const [round, epoch, n] of [
      [1, 1, 12],
      [0, 9, 13],
    ] as const)
      await write(round, epoch, n);
    expect(written()).toEqual([[4, 'x', 12, 1, 1]]);
    await shared.close();
  });

  it('rows of two tables of a file share a transaction; a table that refuses them does not hold up the other', async () => {
    const shared = newShared();
    const commits: string[] = [];
    const sqlite = (path: string) =>
      shared.get(
        path,
        () => {
          const opened = openSqlite(path);
          const transaction = (work: () => void): void => {
            opened.transaction(work);
            commits.push('COMMIT');
          };
          return { ...opened, transaction };
        },
        (opened) => opened.close(),
      );
    const context = (batch: string) =>
      ({
        ...{ items: [{ index: 0, key: null }], batch, round: 0, epoch: 1 },
        ...{ shared: shared.get, sqlite },
      }) as never;
    const [rows, others] = [sinkOf(), sinkOf({ table: 'others' })];
    const writeBoth = (batch: string, n: number) =>
      Promise.allSettled(
        [rows, others].map((step) => step.run([{ name: 'x', n }], context(batch))),
      );
    expect((await writeBoth('a', 1)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
    ]);
    // Each table is made in one of its own.
    expect(commits).toHaveLength(3);
    sqlite(file).exec(
      "CREATE TRIGGER no BEFORE INSERT ON others WHEN NEW.n = 2 BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    expect((await writeBoth('b', 2)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
    ]);
    expect(written().map(([, , n]) => n)).toEqual([1, 2]);
    await shared.close();
  });

  it('a value that the table refuses fails alone', async () => {
    const db = new Database(file);
    db.exec(
      'CREATE TABLE rows (batch TEXT, item INTEGER, round INTEGER, epoch INTEGER, name TEXT, n INTEGER CHECK (n <> 33), PRIMARY KEY (batch, item)) STRICT',
    );
    db.close();
    const world = await run(jobOf(sinkOf()), { rows: rowsOf(200) });
    const report = await world.report();
    expect(report).toMatchObject({ ok: 199, failed: 1 });
    expect(report.failures[0]).toMatchObject({ kind: 'permanent', examples: [{ index: 33 }] });
    expect(report.failures[0]?.examples[0]?.message).toContain('CHECK constraint failed');
    expect(written()).toHaveLength(199);
  });

  it('a full disk pauses the batch and says so; with room again a resume loses nothing', async () => {
    let pages = 20;
    const open = (path: string): SqliteFile & { close(): void } => {
      const opened = openSqlite(path);
      opened.exec(`PRAGMA max_page_count = ${pages}`);
      return opened;
    };
    const rows = rowsOf(5000);
    const limits = { workers: 1, chunk: 500, concurrency: 1 };
    const job = jobOf(sinkOf());
    const world = await run(job, { rows, limits, env: { sqlite: open } });
    const { stop, reason } = await world.batch();
    expect(stop).toBe('pause');
    expect(reason).toMatch(/^SQLITE_FULL: SQLite file .*rows\.db: .*full.*Make room/);
    const kept = written().length;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(5000);

    pages = 100_000;
    const next = memoryWorld(job, { rows, limits, env: { sqlite: open }, after: world.raw });
    await next.resume();
    await next.run();
    expect(await next.report()).toMatchObject({ ok: 5000, failed: 0, status: 'done' });
    expect(written()).toHaveLength(5000);
  });

  it('waits for another process that holds the lock, without standing still', async () => {
    await run(jobOf(sinkOf()), { rows: rowsOf(1) });
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
      if (turns === 20) other.exec('COMMIT');
    }, 5);
    const world = await run(jobOf(sinkOf()), { rows: rowsOf(300) });
    clearInterval(ticking);
    other.close();
    expect(turns).toBeGreaterThanOrEqual(20);
    expect(await world.report()).toMatchObject({ ok: 300, failed: 0 });
  });

  it('a group that finds the file locked is written as soon as it is free; after half a second its step is told', async () => {
    const shared = newShared();
    const context = {
      ...{ items: [{ index: 0, key: null }], batch: 'a', round: 0, epoch: 1 },
      ...{ shared: shared.get, sqlite: openSqlite },
    } as never;
    const step = sinkOf();
    await step.run([{ name: 'x', n: 1 }], context);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const waiting = step.run([{ name: 'y', n: 2 }], context);
    setTimeout(() => other.exec('COMMIT'), 100);
    await waiting;
    expect(written().map(([, name]) => name)).toEqual(['y']);
    other.exec('BEGIN IMMEDIATE');
    const from = performance.now();
    const told = step.run([{ name: 'z', n: 3 }], context);
    await expect(told).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    expect(performance.now() - from).toBeGreaterThan(350);
    other.exec('COMMIT');
    other.close();
    await shared.close();
  });

  it('a table that is made while the file is locked has all its indexes in the end', async () => {
    const shared = newShared();
    let locked = true;
    const sqlite = (path: string) => {
      const opened = openSqlite(path);
      const exec = (sql: string): void => {
        if (locked && sql.startsWith('CREATE INDEX')) {
          throw Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' });
        }
        opened.exec(sql);
      };
      return { ...opened, exec };
    };
    const context = {
      ...{ items: [{ index: 0, key: null }], batch: 'a', round: 0, epoch: 1 },
      ...{ shared: shared.get, sqlite },
    } as never;
    const columns = { name: 'text', isbn: 'text' } as const;
    const table = { url: `sqlite:${file}`, table: 'books', columns, unique: 'name' };
    const { sink } = uniqueTable({ ...table, also: ['isbn'] });
    const write = async () => sink.run([{ name: 'x', isbn: '1' }], context);
    await expect(write()).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    locked = false;
    await write();
    await shared.close();
    const db = new Database(file);
    const indexes = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").raw().all();
    expect(indexes).toContainEqual(['books_isbn']);
    db.close();
  });

  it.each([
    [
      'no database',
      () => writeFileSync(file, 'not a database, and longer than a header must be'.repeat(30)),
      /SQLITE_NOTADB/,
    ],
    ['a folder in its place', () => (file = folder), /SQLITE_CANTOPEN/],
  ])('%s pauses the batch and names the file', async (_, spoil, words) => {
    spoil();
    const world = await run(jobOf(sinkOf()), { rows: rowsOf(3) });
    const { stop, reason } = await world.batch();
    expect(stop).toBe('pause');
    expect(reason).toMatch(words);
    expect(reason).toContain(file);
  });

  it('says on Lambda that its disk does not last', async () => {
    const world = await run(jobOf(sinkOf()), { rows: rowsOf(3), env: {} });
    expect((await world.batch()).reason).toContain('There is no SQLite file on AWS Lambda');
  });

  it.each([
    [{ url: 'mysql://root@h/db' }, 'must begin with sqlite: or postgres://; got mysql:'],
    [{ url: 'sqlite:' }, 'names no file'],
    [{ url: 'postgres://a:secret@:x/y' }, 'cannot be read'],
    [{ table: 'a b' }, 'The table "a b" of a sink must be letters'],
    [{ columns: { item: 'text' } as const }, "has the column 'item' of its own"],
    [{ columns: { a: 'varchar' as never } }, "has the type 'varchar'; there are: text"],
    [{ columns: {} }, 'takes 1 to 500 columns; got 0'],
    [{ group: 0 }, 'from 1 to 10000; got 0'],
    [{ connections: 101 }, 'connections of a sink must be 1 to 100; got 101'],
  ])('refuses %j when the job is loaded', (options, words) => {
    expect(() => sinkOf(options)).toThrow(words);
    expect(() => sinkOf(options)).not.toThrow('secret');
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { openSqlite } from '../../lib/adapters/local/sqlite.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import { jsonArray } from '../../lib/io/json-array.ts';
import { newShared } from '../../lib/pool/shared.ts';
import { currentTable, currentTables, uniqueTable } from '../../lib/sinks/table-sink.ts';
import { memoryWorld } from '../support/memory-engine.ts';
import { openPostgres, type Postgres } from '../support/postgres.ts';
import { brief } from '../support/world.ts';

type Page = { asked: string; url: string; n: number };

let folder: string;
let postgres: Postgres;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-unique-'));
  postgres = await openPostgres();
}, 60_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await postgres?.stop();
});

/** Both databases under one hood. */
const kinds = ['sqlite', 'postgres'] as const;
const urlOf = (kind: string): string =>
  kind === 'sqlite' ? `sqlite:${join(folder, 'pages.db')}` : postgres.url;

async function rowsIn(kind: string, table: string, columns = 'item, n'): Promise<unknown[][]> {
  const sql = `SELECT url, ${columns} FROM ${table} ORDER BY url`;
  if (kind === 'postgres') {
    const rows = await postgres.query<Record<string, unknown>>(sql);
    return rows.map((row) =>
      Object.values(row).map((value) => (/^\d+$/.test(String(value)) ? Number(value) : value)),
    );
  }
  const db = new Database(join(folder, 'pages.db'), { readonly: true });
  try {
    return db.prepare(sql).raw().all() as unknown[][];
  } finally {
    db.close();
  }
}

async function execute(kind: string, sql: string): Promise<void> {
  if (kind === 'postgres') return void (await postgres.query(sql));
  const db = new Database(join(folder, 'pages.db'));
  db.exec(sql);
  db.close();
}

let tables = 0;
const newTable = (): string => {
  tables += 1;
  return `pages_${process.pid}_${tables}`;
};

function jobOf(kind: string, table: string, group = 3): Job {
  const pages = uniqueTable<Page>({
    url: urlOf(kind),
    table,
    unique: 'url',
    also: ['asked'],
    columns: { url: 'text', asked: 'text', n: 'integer' },
    group,
  });
  return defineJob({
    name: 'pages',
    input: jsonArray() as never,
    steps: [pages.unseen((row: Page) => row.asked), pages.sink, ({ n }: Page) => ok(n)] as never,
  }) as unknown as Job;
}

async function run(job: Job, rows: readonly Page[], batch: string, chunk = 4): Promise<string[]> {
  const shared = newShared();
  const world = memoryWorld(job, {
    limits: { workers: 3, chunk, concurrency: 3 },
    env: { shared, sqlite: openSqlite },
    rows,
    id: batch,
  });
  try {
    await world.start();
    await world.run();
    return brief(await world.outcomes()).map((line) => line.replace(/^\d+ /, ''));
  } finally {
    await shared.close();
  }
}

const page = (n: number, url = `u${n}`, asked = url): Page => ({ asked, url, n });

describe.each(kinds)('a unique table in %s', (kind) => {
  it('skips what another batch wrote, by any of the columns', async () => {
    const table = newTable();
    const job = jobOf(kind, table);
    const first = await run(job, [page(0), page(1, 'u1', 'a1')], 'one');
    expect(first).toEqual(['ok 0', 'ok 1']);
    const second = await run(
      job,
      [page(10, 'u0'), page(11, 'a1'), page(12, 'new'), page(13, 'u1', 'b1')],
      'two',
    );
    expect(second).toEqual([
      'skipped duplicate',
      'skipped duplicate',
      'ok 12',
      // Only its page said that it is u1: found when it is written.
      'skipped duplicate',
    ]);
    expect(await rowsIn(kind, table)).toEqual([
      ['new', 2, 12],
      ['u0', 0, 0],
      ['u1', 1, 1],
    ]);
  });

  it('keeps the first of the input within a batch, whatever the chunks and groups', async () => {
    const rows = Array.from({ length: 24 }, (_, at) => page(at, `u${at % 5}`));
    const all = rows.map(({ n }) => `ok ${n}`);
    for (const [chunk, group] of [
      [1, 1],
      [4, 3],
      [7, 10],
      [24, 24],
    ] as const) {
      const table = newTable();
      expect(await run(jobOf(kind, table, group), rows, 'one', chunk)).toEqual(all);
      expect(await rowsIn(kind, table)).toEqual([0, 1, 2, 3, 4].map((at) => [`u${at}`, at, at]));
    }
  });

  it('changes nothing when the same batch comes again', async () => {
    const table = newTable();
    const rows = [page(0), page(1), page(2, 'u0')];
    const first = await run(jobOf(kind, table), rows, 'one');
    const before = await rowsIn(kind, table);
    expect(await run(jobOf(kind, table), rows, 'one')).toEqual(first);
    expect(await rowsIn(kind, table)).toEqual(before);
  });

  it('takes a row without a key for a fault of the row', async () => {
    const rows = [page(0), { asked: 'x', n: 1 } as never, page(2)];
    expect(await run(jobOf(kind, newTable()), rows, 'one')).toEqual([
      'ok 0',
      'failed BAD_VALUE',
      'ok 2',
    ]);
  });
});

it('wants its key among the columns, as text', () => {
  const given = { url: 'sqlite:x.db', table: 't', columns: { n: 'integer' } } as const;
  expect(() => uniqueTable({ ...given, unique: 'url' })).toThrow("Column 'url' of a unique table");
  expect(() => uniqueTable({ ...given, unique: 'n' })).toThrow("of type 'text'");
});

describe.each(kinds)('a current table in %s', (kind) => {
  const currentJob = (table: string, seen: number): Job =>
    defineJob({
      name: 'pages',
      input: jsonArray() as never,
      steps: [
        currentTable<Page>({
          url: urlOf(kind),
          table,
          unique: 'url',
          newest: 'seen',
          columns: { url: 'text', n: 'integer', seen: 'integer' },
          row: ({ url, n }) => ({ url, n, seen }),
          group: 3,
        }),
        ({ n }: Page) => ok(n),
      ] as never,
    }) as unknown as Job;

  it('has each value as the newest batch has it, and keeps what that one no longer has', async () => {
    const table = newTable();
    await run(currentJob(table, 10), [page(0), page(1), page(2, 'u1')], 'one');
    const first = [
      ['u0', 0, 0],
      ['u1', 1, 1],
    ];
    expect(await rowsIn(kind, table)).toEqual(first);
    await run(currentJob(table, 10), [page(0), page(1), page(2, 'u1')], 'one');
    expect(await rowsIn(kind, table)).toEqual(first);
    const second = [page(7, 'u1'), page(8, 'u1'), page(9, 'u2')];
    expect(await run(currentJob(table, 20), second, 'two')).toEqual(['ok 7', 'ok 8', 'ok 9']);
    const after = [
      ['u0', 0, 0],
      ['u1', 0, 7],
      ['u2', 2, 9],
    ];
    expect(await rowsIn(kind, table)).toEqual(after);
    // An older batch that comes late changes nothing but what it alone has.
    await run(currentJob(table, 10), [page(0), page(1), page(3, 'u3')], 'one');
    expect(await rowsIn(kind, table)).toEqual([...after, ['u3', 2, 3]]);
  });

  it('writes nothing of a row that is as it was, and still knows who had it last', async () => {
    const table = newTable();
    const owners = () => rowsIn(kind, `${table}_seen`, 'batch, seen');
    await run(currentJob(table, 10), [page(0), page(1)], 'one');
    await run(currentJob(table, 30), [page(0), page(1, 'u2')], 'three');
    const contents = await rowsIn(kind, table, 'batch, n');
    expect(contents).toEqual([
      ['u0', 'one', 0],
      ['u1', 'one', 1],
      ['u2', 'three', 1],
    ]);
    expect(await owners()).toEqual([
      ['u0', 'three', 30],
      ['u1', 'one', 10],
      ['u2', 'three', 30],
    ]);
    // One between them that is resumed late: what a later one found as it was before is not for it to change.
    await run(currentJob(table, 20), [page(5, 'u0'), page(6, 'u1')], 'two');
    expect(await rowsIn(kind, table, 'batch, n')).toEqual([
      ['u0', 'one', 0],
      ['u1', 'two', 6],
      ['u2', 'three', 1],
    ]);
    // The first of the input has the place, also where it is as the row was.
    await run(currentJob(table, 40), [page(0), page(7, 'u0'), page(8, 'u0')], 'four');
    expect((await rowsIn(kind, table, 'batch, n'))[0]).toEqual(['u0', 'one', 0]);
  });
});

test('a current table in SQLite writes a row whose key comes back as another text', async () => {
  const table = newTable();
  const half = defineJob({
    name: 'pages',
    input: jsonArray() as never,
    steps: [
      currentTable<Page>({
        url: urlOf('sqlite'),
        table,
        unique: 'url',
        newest: 'seen',
        columns: { url: 'text', n: 'integer', seen: 'integer' },
        row: ({ url, n }) => ({ url, n, seen: 10 }),
      }),
      ({ n }: Page) => ok(n),
    ] as never,
  }) as unknown as Job;
  await run(half, [page(1, 'a\ud800'), page(2, 'b')], 'one');
  expect(await rowsIn('sqlite', table)).toEqual([
    ['a\ufffd', 0, 1],
    ['b', 1, 2],
  ]);
});

describe.each(kinds)('several current tables in %s', (kind) => {
  interface Mixed extends Page {
    in: string;
  }
  const jobOf = (tables: readonly string[], seen: number): Job =>
    defineJob({
      name: 'pages',
      input: jsonArray() as never,
      steps: [
        currentTables<Mixed>({
          url: urlOf(kind),
          group: 4,
          rows: (row) => ({ [row.in]: [row] }),
          tables: tables.map((table) => ({
            ...{ table, unique: 'url', newest: 'seen' },
            columns: { url: 'text', n: 'integer', seen: 'integer' },
            row: ({ url, n }: Mixed) => ({ url, n, seen }),
          })),
        }),
        ({ n }: Mixed) => ok(n),
      ] as never,
    }) as unknown as Job;

  it('have each row in its own; one of no table, and one that does not fit, fail alone', async () => {
    const tables = [newTable(), newTable()];
    const [one, two] = tables as [string, string];
    const rows = [
      { ...page(0), in: two },
      { ...page(1), in: one },
      { ...page(2), in: 'none' },
      { ...page(3), in: two, n: 'three' },
      { ...page(4), in: one },
    ];
    const ended = await run(jobOf(tables, 10), rows as never, 'one');
    expect(ended.map((end) => end.split(' ')[0])).toEqual(['ok', 'ok', 'failed', 'failed', 'ok']);
    expect(await rowsIn(kind, one)).toEqual([
      ['u1', 1, 1],
      ['u4', 4, 4],
    ]);
    expect(await rowsIn(kind, two)).toEqual([['u0', 0, 0]]);
    // What was deleted from a table comes back with the next batch, though its owner is still known.
    await execute(kind, `DELETE FROM ${one}`);
    await run(jobOf(tables, 20), [{ ...page(1), in: one }] as never, 'two');
    expect(await rowsIn(kind, one)).toEqual([['u1', 0, 1]]);
  });

  const severalJob = <R extends { url: string }>(
    options: Omit<Parameters<typeof currentTables<R>>[0], 'url'>,
  ): Job =>
    defineJob({
      name: 'pages',
      input: jsonArray() as never,
      steps: [currentTables<R>({ url: urlOf(kind), ...options }), ({ url }: R) => ok(url)] as never,
    }) as unknown as Job;

  it('take several rows of an item, as lists or by column; one that does not fit takes its item along', async () => {
    const tables = [newTable(), newTable()];
    const [one, two] = tables as [string, string];
    const columns = { url: 'text', n: 'integer', more: 'json-text', seen: 'integer' } as const;
    const shape = { unique: 'url', newest: 'seen', columns };
    interface Item {
      url: string;
      lists: (readonly [string, unknown, string])[];
    }
    const job = severalJob<Item>({
      group: 3,
      rows: (item) => ({ [one]: [item], [two]: item.lists }),
      tables: [
        { ...shape, table: one, row: ({ url }: Item) => ({ url, n: 0, seen: 10 }) },
        { ...shape, table: two, row: (list: Item['lists'][0]) => [...list, 10] },
      ],
    });
    const items: Item[] = [
      {
        url: 'a',
        lists: [
          ['x', 1, '{"a": 1}'],
          ['y', 2, '[]'],
          ['x', 3, '[]'],
        ],
      },
      {
        url: 'b',
        lists: [
          ['z', 1, '[]'],
          ['w', 'one', '[]'],
        ],
      },
      { url: 'c', lists: [] },
      { url: 'd', lists: [['y', 4, '[]']] },
    ];
    const ended = await run(job, items as never, 'one');
    expect(ended.map((end) => end.split(' ')[0])).toEqual(['ok', 'failed', 'ok', 'ok']);
    expect((await rowsIn(kind, one, 'item')).flat()).toEqual(['a', 0, 'c', 2, 'd', 3]);
    // Of an item's rows the first has the place, as of the input's.
    expect(await rowsIn(kind, two, 'item, n')).toEqual([
      ['x', 0, 1],
      ['y', 0, 2],
    ]);
  });

  it('whose rows one of them refuses fail their items alone, and leave the others whole', async () => {
    const tables = [newTable(), newTable()];
    const [one, two] = tables as [string, string];
    const columns = { url: 'text', n: 'integer', seen: 'integer' } as const;
    const shape = { unique: 'url', newest: 'seen', columns };
    interface Item {
      url: string;
      ns: number[];
    }
    const row = ({ url, n }: { url: string; n: number }) => ({ url, n, seen: 10 });
    const job = severalJob<Item>({
      group: 4,
      rows: ({ url, ns }) => ({
        [one]: [{ url, n: ns.length }],
        [two]: ns.map((n) => ({ url: `${url}${n}`, n })),
      }),
      tables: [one, two].map((table) => ({ ...shape, table, row })),
    });
    const items = (bad: number): Item[] =>
      ['a', 'b', 'c', 'd'].map((url, at) => ({ url, ns: at === 1 ? [1, bad, 3] : [1, 2] }));
    await run(job, items(2) as never, 'made');
    await execute(kind, `DELETE FROM ${two}`);
    const trigger =
      kind === 'sqlite'
        ? `CREATE TRIGGER no_${two} BEFORE INSERT ON ${two} WHEN NEW.n > 9 BEGIN SELECT RAISE(ABORT, 'too large'); END`
        : `ALTER TABLE ${two} ADD CHECK (n <= 9)`;
    await execute(kind, trigger);
    const ended = await run(job, items(10) as never, 'one');
    expect(ended.map((end) => end.split(' ')[0])).toEqual(['ok', 'failed', 'ok', 'ok']);
    const urls = async (table: string) =>
      (await rowsIn(kind, table, 'item')).map((cells) => (cells as unknown[])[0]).sort();
    expect(await urls(two)).toEqual(['a1', 'a2', 'c1', 'c2', 'd1', 'd2']);
    expect(await urls(one)).toEqual(['a', 'b', 'c', 'd']);
  });

  // Nobody hears the failure of a table that is not waited for: it would end the process.
  it.runIf(kind === 'sqlite')('pause the batch where none of them can be written', async () => {
    const tables = [newTable(), newTable()];
    for (const table of tables) {
      await execute(kind, `CREATE TABLE ${table} (batch, item, round, epoch, url PRIMARY KEY, n)`);
    }
    const shared = newShared();
    const world = memoryWorld(jobOf(tables, 10), {
      limits: { workers: 1, itemTimeout: '300ms' },
      env: { shared, sqlite: openSqlite },
      rows: tables.map((table, at) => ({ ...page(at), in: table })),
    });
    await world.start();
    await world.run();
    await shared.close();
    const { stop, reason } = await world.batch();
    expect(stop).toBe('pause');
    expect(reason).toContain('The table was not made by this sink: add the column digest to it');
  });
});

test('a current table needs its two columns', () => {
  const given = { url: 'sqlite:x.db', table: 't', unique: 'a', newest: 'b' };
  expect(() => currentTable({ ...given, columns: { a: 'text', b: 'text' } })).toThrow(
    "Columns 'a' and 'b' of a current table must be among its columns",
  );
  const columns = { a: 'text', b: 'integer', Digest: 'text' } as const;
  expect(() => currentTable({ ...given, columns })).toThrow("has the column 'digest' of its own");
});

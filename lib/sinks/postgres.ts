import type { Pool } from 'pg';
import { type GroupContext, UnavailableError } from '../index.ts';
import { breaksConnection, postgresFault } from './faults.ts';
import { quoted, type SinkRow, type Table, type Writer } from './writer.ts';

/** Bounds a connection that nobody answers, and a statement: 200 rows take milliseconds. */
const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;
/** What nobody uses for so long is closed, so that a server's connections are there for others. */
const IDLE_MS = 30_000;

export interface PostgresOptions {
  url: string;
  /** The URL without its password, for messages. */
  place: string;
  /** Connections of one worker at most. */
  connections: number;
}

interface Opened {
  pool: Pool;
  /** Once the table is there. */
  table: Promise<void> | undefined;
}

/**
 * A group is one statement, so one transaction of its own: no lock outlives it, and groups wait for
 * nobody but those who write the same rows. Values go as one array a column, so a group of 10,000 rows has
 * as many parameters as one of two, and the same text.
 */
export function postgresWriter(options: PostgresOptions, table: Table): Writer {
  const { owners } = table;
  const upsert = upsertOf(table);
  const own = owners === undefined ? undefined : upsertOf(owners);
  const use = async <T>(ctx: GroupContext, act: (pool: Pool) => Promise<T>): Promise<T> => {
    const name = `postgres:${options.url}/${table.name}`;
    const opening = ctx.shared(
      name,
      () => open(options),
      async (late) => (await late).pool.end(),
    );
    const opened = await opening;
    try {
      opened.table ??= makeTables(opened.pool, table);
      await opened.table;
      return await act(opened.pool);
    } catch (fault) {
      // It may have been the making of the table that failed, or the table is gone since.
      opened.table = undefined;
      throw postgresFault(fault, options.place);
    }
  };
  return {
    together: false,
    write: (ctx, rows) =>
      use(ctx, async (pool) => {
        const all = { text: upsert, values: valuesOf(ctx, table, rows) };
        if (owners === undefined || own === undefined) {
          await query(pool, all);
          return;
        }
        const seen = rows.map((row) => ({ ...row, cells: row.seen ?? [] }));
        // The owners' rows stay locked until both are written, also those that another batch keeps.
        const first = { text: own, values: valuesOf(ctx, owners, seen) };
        await query(pool, { text: 'BEGIN' }, first, all, { text: 'COMMIT' });
      }),
    others: (ctx, column, texts) =>
      use(ctx, async (pool) => {
        const text = `SELECT "${column}" AS it FROM ${quoted(table.name)}
          WHERE "${column}" = ANY($1::text[]) AND batch <> $2`;
        const rows = await query(pool, { text, values: [texts, ctx.batch] });
        return new Set(rows.map(({ it }) => it as string));
      }),
  };
}

async function open({ url, connections, place }: PostgresOptions): Promise<Opened> {
  const NewPool = await loadPool(place);
  const pool = new NewPool({
    connectionString: url,
    max: connections,
    application_name: 'sluice',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    idleTimeoutMillis: IDLE_MS,
    allowExitOnIdle: true,
  });
  // A lost connection is replaced. Without a listener its error would end the process: the pool's own is for
  // those that nobody uses, and is taken off while one is in use.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return { pool, table: undefined };
}

async function loadPool(place: string): Promise<typeof Pool> {
  try {
    return (await import('pg')).default.Pool;
  } catch (cause) {
    throw new UnavailableError(
      `${place}: the package pg is not installed. Run npm install pg, and start again.`,
      { code: 'NO_PG', retry: false, cause },
    );
  }
}

async function makeTables(pool: Pool, table: Table): Promise<void> {
  if (table.owners !== undefined) await makeTable(pool, table.owners);
  await makeTable(pool, table);
}

/** Looked for first: a user who may write the rows may not be allowed to make tables. */
async function makeTable(pool: Pool, { name, columns, key, indexes }: Table): Promise<void> {
  const { rows } = await pool.query<{ there: unknown }>('SELECT to_regclass($1) AS there', [
    quoted(name),
  ]);
  if (rows[0]?.there !== null) return;
  const own = columns.map((column) => `"${column.name}" ${column.postgres}`);
  try {
    await pool.query(
      `CREATE TABLE IF NOT EXISTS ${quoted(name)} (batch text NOT NULL, item bigint NOT NULL,
        round integer NOT NULL, epoch integer NOT NULL, ${own.join(', ')},
        PRIMARY KEY (${key}))`,
    );
    for (const column of indexes) {
      await pool.query(
        `CREATE INDEX IF NOT EXISTS "${indexName(name, column)}" ON ${quoted(name)} ("${column}")`,
      );
    }
  } catch (fault) {
    // Two workers at once: IF NOT EXISTS looks before it makes.
    if (!MADE_MEANWHILE.has((fault as { code: string }).code)) throw fault;
  }
}

/** Unique violation in the catalogue, duplicate table, duplicate object. */
const MADE_MEANWHILE = new Set(['23505', '42P07', '42710']);

interface Query {
  text: string;
  values?: unknown[];
}

/** One after the other on one connection; the rows of the last. What fails within a transaction undoes it. */
async function query(pool: Pool, ...queries: readonly Query[]): Promise<Record<string, unknown>[]> {
  const client = await pool.connect();
  let broken = false;
  try {
    let rows: Record<string, unknown>[] = [];
    for (const { text, values = [] } of queries) {
      rows = (await client.query<Record<string, unknown>>(text, values)).rows;
    }
    return rows;
  } catch (fault) {
    broken = breaksConnection(fault);
    if (!broken && queries.length > 1) {
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
    }
    throw fault;
  } finally {
    client.release(broken);
  }
}

/** An index lies in its table's schema; a name has at most 63 characters. */
const indexName = (table: string, column: string): string =>
  `${table.split('.').at(-1)}_${column}`.slice(0, 63);

function upsertOf({ name, columns, update }: Table): string {
  const names = columns.map((column) => `"${column.name}"`).join(', ');
  const own = columns.map((_, at) => `given.c${at}`).join(', ');
  const arrays = columns.map(({ postgres }, at) => `$${at + 5}::${postgres}[]`).join(', ');
  const aliases = columns.map((_, at) => `c${at}`).join(', ');
  return `INSERT INTO ${quoted(name)} AS there (batch, item, round, epoch, ${names})
    SELECT $1::text, given.item, $2::integer, $3::integer, ${own}
    FROM unnest($4::bigint[], ${arrays}) AS given(item, ${aliases})
    ${update('IS DISTINCT FROM')}`;
}

const valuesOf = (ctx: GroupContext, table: Table, rows: readonly SinkRow[]): unknown[] => [
  ctx.batch,
  ctx.round,
  ctx.epoch,
  rows.map(({ item }) => item),
  ...table.columns.map((_, at) => rows.map(({ cells }) => cells[at])),
];

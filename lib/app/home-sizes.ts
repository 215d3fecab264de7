import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { SluiceError } from '../core/errors.ts';
import type { Home } from './home.ts';

export interface HomeSizes {
  /** All files of the engine's log. */
  logBytes: number;
  /** The SQLite file with its log. */
  databaseBytes: number;
}

export async function homeSizes({ folder }: Pick<Home, 'folder'>): Promise<HomeSizes> {
  const logs = join(folder, 'logs');
  const names = await readdir(logs).catch(() => []);
  const database = ['', '-wal', '-shm'].map((end) => join(folder, `sluice.db${end}`));
  return {
    logBytes: await bytesOf(names.map((name) => join(logs, name))),
    databaseBytes: await bytesOf(database),
  };
}

/** A file that was rotated away meanwhile counts as 0. */
async function bytesOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

const CONNECT_MS = 5_000;

/** Bytes of a PostgreSQL database, asked on a connection of its own: a server that restarts costs one sample. */
export async function postgresBytes(url: string): Promise<number> {
  const client = await newClient(url);
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ bytes: string }>(
      'SELECT pg_database_size(current_database()) AS bytes',
    );
    return Number(rows[0]?.bytes);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SluiceError('STORE', `--database: the server did not answer: ${message}`, {
      hint: 'Check the URL (postgres://user@host/database); a password may come from PGPASSWORD.',
      cause,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function newClient(url: string): Promise<Client> {
  const pg = await import('pg').catch((cause: unknown) => {
    throw new SluiceError('USAGE', '--database needs the package pg, which is not installed.', {
      hint: 'Run npm install pg, and start again.',
      cause,
    });
  });
  return new pg.default.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    application_name: 'sluice',
  });
}

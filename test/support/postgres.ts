import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket, connect as tcp } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';

export interface Postgres {
  url: string;
  /** What answers: a server of its own, or the same code compiled to WebAssembly, which runs one query at a time. */
  kind: 'server' | 'pglite';
  /** Straight to the database, past every fault. */
  query<T extends object>(sql: string, values?: unknown[]): Promise<T[]>;
  stop(): Promise<void>;
}

/** The server of SLUICE_POSTGRES_URL where it is set, else PostgreSQL in this process behind a socket. */
export async function openPostgres(): Promise<Postgres> {
  const url = process.env['SLUICE_POSTGRES_URL'];
  return url === undefined ? openPglite() : openServer(url);
}

async function openServer(url: string): Promise<Postgres> {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  await pool.query('SELECT 1');
  return {
    url,
    kind: 'server',
    query: async (sql, values) => (await pool.query(sql, values)).rows,
    stop: () => pool.end(),
  };
}

async function openPglite(): Promise<Postgres> {
  const db = await newPglite(process.env['SLUICE_TESTS_FOLDER']);
  const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 20 });
  await server.start();
  const url = `postgres://postgres@${server.getServerConn()}/postgres`;
  return {
    url,
    kind: 'pglite',
    query: async <T extends object>(sql: string, values: unknown[] = []) =>
      (await db.query(sql, values)).rows as T[],
    async stop() {
      await server.stop();
      await db.close();
    },
  };
}

/** An empty database, made once a run of the tests: initdb takes 3 to 4 s of CPU, to read what it left 0.6. */
async function newPglite(folder: string | undefined): Promise<PGlite> {
  if (folder === undefined) return PGlite.create();
  const file = join(folder, 'pglite.tar');
  if (isFirst(`${file}.lock`)) {
    const db = await PGlite.create();
    const made = await db.dumpDataDir('none');
    writeFileSync(`${file}.part`, Buffer.from(await made.arrayBuffer()));
    renameSync(`${file}.part`, file);
    return db;
  }
  for (let tries = 0; tries < 600 && !existsSync(file); tries += 1) await pass(50);
  return PGlite.create({ loadDataDir: new Blob([readFileSync(file)]) });
}

function isFirst(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

export interface Line {
  /** The same database, through the line. */
  url: string;
  /** Connections that were made so far, and that are open. */
  made(): number;
  open(): number;
  /** Ends all connections; with `down` nobody is let in until it is up again. */
  cut(down: boolean): void;
  up(): void;
  /** Told of each piece that goes to the database; what returns true is lost with its connection. */
  onData(look: ((piece: Buffer) => boolean) | undefined): void;
  close(): Promise<void>;
}

/** A line to the database that can be cut. */
export async function lineTo({ url }: Pick<Postgres, 'url'>): Promise<Line> {
  const target = new URL(url);
  const port = Number(target.port === '' ? 5432 : target.port);
  const sockets = new Set<Socket>();
  let down = false;
  let made = 0;
  let look: ((piece: Buffer) => boolean) | undefined;
  const server = createServer((near) => {
    if (down) {
      near.destroy();
      return;
    }
    made += 1;
    const far = tcp(port, target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    near.on('data', (piece) => {
      if (look?.(piece) === true) near.destroy();
      else far.write(piece);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const through = new URL(url);
  through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: through.href,
    made: () => made,
    open: () => sockets.size / 2,
    cut(stayDown) {
      down = stayDown;
      for (const socket of sockets) socket.destroy();
    },
    up() {
      down = false;
    },
    onData(watch) {
      look = watch;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

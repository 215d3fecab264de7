import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import type Libsql from 'libsql';
import type { SqliteFile } from '../../core/step.ts';

const here = createRequire(import.meta.url);

/**
 * Opens or makes an SQLite file for a job's rows: write-ahead log, full syncs, and no waiting for locks
 * (a synchronous wait would block every other item of the thread). Throws SQLite's own errors, with their code.
 */
export function openSqlite(path: string): SqliteFile & { close(): void } {
  const file = resolve(path);
  // Only here: most batches open none.
  const Database = here('libsql') as typeof Libsql;
  let db: Libsql.Database;
  try {
    mkdirSync(dirname(file), { recursive: true });
    db = new Database(file);
  } catch (fault) {
    // libsql's open errors carry no code.
    const { message } = fault as Error;
    throw Object.assign(new Error(message, { cause: fault }), { code: 'SQLITE_CANTOPEN' });
  }
  try {
    db.exec('PRAGMA busy_timeout = 0');
    db.prepare('PRAGMA journal_mode = WAL').raw().get();
    db.exec('PRAGMA synchronous = FULL');
  } catch (fault) {
    db.close();
    throw fault;
  }
  return {
    exec: (sql) => void db.exec(sql),
    prepare(sql) {
      const statement = db.prepare(sql);
      return {
        run: (...values) => void statement.run(values),
        // raw(): libsql's plain rows carry a `_metadata` key.
        all: (...values) => statement.raw().all(values) as unknown[][],
      };
    },
    transaction(work) {
      db.exec('BEGIN IMMEDIATE');
      try {
        work();
        db.exec('COMMIT');
      } catch (fault) {
        if (db.inTransaction) db.exec('ROLLBACK');
        throw fault;
      }
    },
    close: () => void db.close(),
  };
}

import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { applyChange, type RecordKey, type StoredRecord } from '../../core/change.ts';
import { SluiceError } from '../../core/errors.ts';
import { LIVE } from '../../core/keys.ts';
import { checkRecord } from './record-check.ts';
import { storeError } from './store-error.ts';
import type { Answer, StoreAsk } from './store-wire.ts';

const SCHEMA = 1;

export interface StoreFile {
  /**
   * Handles the asks in order, all durable on return; one refused change or bad record fails alone.
   * Throws SQLite's error when nothing of it happened (see `isBusy`).
   */
  handle(asks: readonly StoreAsk[]): Answer[];
  close(): void;
}

/** Another connection writes: nothing was done, try again. SQLite is told never to wait (it would block). */
export const isBusy = (fault: unknown): boolean =>
  String((fault as { code?: unknown } | undefined)?.code).startsWith('SQLITE_BUSY');

export const isChange = (ask: StoreAsk): boolean => ask.kind === 'change' || ask.kind === 'forget';

/** Opens or makes the file; a SluiceError `STORE` when it cannot be, SQLite's error when it is busy. */
export function openStoreFile(file: string): StoreFile {
  const db = connect(file);
  try {
    prepareSchema(db, file);
    return handler(db);
  } catch (fault) {
    db.close();
    throw isBusy(fault) ? fault : storeError(fault, `cannot open the store ${file}`);
  }
}

function connect(file: string): Database.Database {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return new Database(file);
  } catch (fault) {
    // libsql's open errors carry no code: the folder is there, so it is the file or the right to write.
    const code = (fault as { code?: string }).code || 'SQLITE_CANTOPEN';
    const { message } = fault as Error;
    throw storeError({ code, message }, `cannot open the store ${file}`);
  }
}

function prepareSchema(db: Database.Database, file: string): void {
  db.exec('PRAGMA busy_timeout = 0');
  const mode = db.prepare('PRAGMA journal_mode = WAL').raw().get() as [string];
  if (mode[0] !== 'wal') {
    throw new SluiceError('STORE', `the disk of ${file} does not allow SQLite's write-ahead log`, {
      hint: 'put the store on a local disk, not on a network share',
    });
  }
  // The answer to a change is a promise that it survives a power cut.
  db.exec('PRAGMA synchronous = FULL');
  const version = (): number => (db.prepare('PRAGMA user_version').raw().get() as [number])[0];
  if (version() === 0) {
    db.exec('BEGIN IMMEDIATE');
    // Looked at again: another process may have made it since.
    if (version() === 0) {
      db.exec(`CREATE TABLE records (batch TEXT NOT NULL, sort TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (batch, sort)) STRICT, WITHOUT ROWID`);
      db.exec(`PRAGMA user_version = ${SCHEMA}`);
    }
    db.exec('COMMIT');
  }
  if (version() > SCHEMA) {
    throw new SluiceError(
      'STORE',
      `the store ${file} was written by a newer sluice: schema ${version()}, this one knows ${SCHEMA}`,
      { hint: 'update sluice, or choose another folder' },
    );
  }
}

function handler(db: Database.Database): StoreFile {
  // raw(): libsql's plain get() adds a `_metadata` key to the row.
  const one = db.prepare('SELECT body FROM records WHERE batch = ? AND sort = ?').raw();
  const span = db
    .prepare(
      'SELECT sort, body FROM records WHERE batch = ? AND sort >= ? AND sort <= ? ORDER BY sort',
    )
    .raw();
  const put = db.prepare('INSERT OR REPLACE INTO records (batch, sort, body) VALUES (?, ?, ?)');
  const forget = db.prepare('DELETE FROM records WHERE batch = ?1 OR (batch = ?2 AND sort = ?1)');

  const read = ({ batch, sort }: RecordKey): string | undefined =>
    (one.get(batch, sort) as [string] | undefined)?.[0];

  const answer = (ask: StoreAsk): Answer => {
    switch (ask.kind) {
      case 'read':
        return { id: ask.id, value: read(ask.key) };
      case 'query':
        return { id: ask.id, value: span.all(ask.batch, ask.from, ask.to) as [string, string][] };
      case 'forget':
        forget.run(ask.batch, LIVE);
        return { id: ask.id, value: undefined };
      case 'change': {
        const before = read(ask.key);
        const known = before === undefined ? undefined : (JSON.parse(before) as StoredRecord);
        const record = applyChange(known, ask.change);
        if (record === undefined) return { id: ask.id, value: undefined };
        checkRecord(ask.key, record);
        const body = JSON.stringify(record);
        put.run(ask.key.batch, ask.key.sort, body);
        return { id: ask.id, value: body };
      }
    }
  };

  return {
    handle(asks) {
      const writes = asks.some(isChange);
      if (writes) db.exec('BEGIN IMMEDIATE');
      try {
        const answers = asks.map((ask) => aloneIfOurs(ask, answer));
        if (writes) db.exec('COMMIT');
        return answers;
      } catch (fault) {
        if (writes && db.inTransaction) db.exec('ROLLBACK');
        throw fault;
      }
    },
    close() {
      // So that a copy of the one file is the whole store; another process may still write, then it is not.
      try {
        db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').raw().get();
      } finally {
        db.close();
      }
    },
  };
}

/** A bad record or a damaged body has touched nothing and fails alone; a fault of SQLite fails the group. */
function aloneIfOurs(ask: StoreAsk, answer: (ask: StoreAsk) => Answer): Answer {
  try {
    return answer(ask);
  } catch (fault) {
    if (String((fault as { code?: unknown }).code).startsWith('SQLITE')) throw fault;
    const place = 'key' in ask ? `${ask.key.batch} ${ask.key.sort}` : ask.batch;
    const { code, message, hint } = storeError(fault, `cannot handle the record ${place}`);
    return { id: ask.id, fault: { code, message, hint } };
  }
}

/** Who holds the write lock, as far as Linux tells (byte 120 of the -shm file is SQLite's write lock). */
function holderOf(file: string): string {
  try {
    const { ino } = statSync(`${file}-shm`);
    const locks = readFileSync('/proc/locks', 'utf8').split('\n');
    const pattern = new RegExp(`WRITE (\\d+) [0-9a-f]+:[0-9a-f]+:${ino} 120 `);
    const pid = locks.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
    if (pid === undefined) return 'another process';
    const comm = `/proc/${pid}/comm`;
    const name = existsSync(comm) ? readFileSync(comm, 'utf8').trim() : 'unknown';
    return `process ${pid} (${name})`;
  } catch {
    return 'another process';
  }
}

export function busyError(file: string, waitedMs: number): SluiceError {
  const waited = `${waitedMs / 1000} s`;
  return new SluiceError(
    'STORE',
    `the store ${file} is locked by ${holderOf(file)} for ${waited}`,
    {
      hint: "wait for that process or end it, then 'sluice resume'",
    },
  );
}

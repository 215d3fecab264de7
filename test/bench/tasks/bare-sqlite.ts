import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Figures } from '../child.ts';

interface Spec {
  root: string;
  input: string;
  items: number;
  group: number;
  /** The database file. */
  db: string;
}

interface Row {
  id: number;
  pad: string;
}

/**
 * The loop that one would write by hand: lines parsed and inserted by one prepared statement, a
 * transaction a group, as durable as the sink. No outcomes, no checkpoints, no report.
 */
export async function bareSqliteTask({
  root,
  input,
  items,
  group,
  db: file,
}: Spec): Promise<Figures> {
  const Database = createRequire(`${root}package.json`)('libsql') as typeof import('libsql');
  const db = new Database(file);
  db.prepare('PRAGMA journal_mode = WAL').raw().get();
  db.exec('PRAGMA synchronous = FULL');
  db.exec(
    'CREATE TABLE rows (batch TEXT NOT NULL, item INTEGER NOT NULL, round INTEGER NOT NULL, epoch INTEGER NOT NULL, id INTEGER, pad TEXT, PRIMARY KEY (batch, item)) STRICT, WITHOUT ROWID',
  );
  const insert = db.prepare('INSERT INTO rows VALUES (?, ?, 0, 1, ?, ?)');
  let waiting: Row[] = [];
  let item = 0;
  const store = (): void => {
    db.exec('BEGIN IMMEDIATE');
    for (const { id, pad } of waiting) insert.run('bench', item++, id, pad);
    db.exec('COMMIT');
    waiting = [];
  };
  for await (const line of createInterface({ input: createReadStream(input) })) {
    waiting.push(JSON.parse(line) as Row);
    if (waiting.length === group) store();
  }
  store();
  const [rows] = db.prepare('SELECT count(*) FROM rows').raw().get() as [number];
  db.close();
  if (rows !== items) throw new Error(`The loop wrote ${rows} rows, not ${items}.`);
  return { rows };
}

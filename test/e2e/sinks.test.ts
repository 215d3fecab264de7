import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { jobKey } from '../../lib/core/keys.ts';
import { newWorld, type World } from '../support/world.ts';

const job = (extra = '') => `import { defineJob, ndjson, ok } from 'sluice';
import { tableSink } from 'sluice/sinks';
export default defineJob({
  name: 'load', cpu: true, input: ndjson(), limits: { chunk: 100, workers: 2, concurrency: 2 }, ${extra}
  steps: [
    ({ n }) => ok({ n, square: n * n }),
    tableSink({ url: 'sqlite:out/rows.db', table: 'squares', columns: { n: 'integer', square: 'integer' } }),
  ],
});
`;

const lines = (count: number): string =>
  Array.from({ length: count }, (_, n) => `{"n":${n}}\n`).join('');

function squares(world: World): unknown[][] {
  const db = new Database(world.path('out/rows.db'));
  try {
    return db
      .prepare('SELECT item, n, square FROM squares ORDER BY item')
      .raw()
      .all() as unknown[][];
  } finally {
    db.close();
  }
}

describe('a job with a sink, from the command line', () => {
  it('writes each row once from two threads, killed in the middle and resumed', async () => {
    const world = newWorld();
    world.write('job.ts', job());
    world.write('input.jsonl', lines(4000));
    const run = ['run', 'job.ts', 'input.jsonl', '--quiet', '--parallel', 'on'];
    const first = world.start(run);
    await expect
      .poll(() => rowsThere(world), { timeout: 15_000, interval: 5 })
      .toBeGreaterThan(300);
    first.child.kill('SIGKILL');
    await first.done;
    const { code, stderr } = await world.cli(['resume', world.batch(), '--parallel', 'on']);
    expect(code, stderr).toBe(0);
    expect(world.report()).toMatchObject({ status: 'done', total: 4000, ok: 4000, failed: 0 });
    expect(squares(world)).toEqual(Array.from({ length: 4000 }, (_, n) => [n, n, n * n]));
  });

  it('says why it paused, and goes on when that is mended', async () => {
    const world = newWorld();
    world.write('job.ts', job());
    world.write('input.jsonl', lines(250));
    world.write('out/rows.db', 'this is no database, and longer than the header of one'.repeat(20));
    const paused = await world.cli(['run', 'job.ts', 'input.jsonl']);
    expect(paused.code).toBe(1);
    expect(paused.stderr).toMatch(
      /Why: SQLITE_NOTADB: SQLite file out\/rows\.db: file is not a database/,
    );
    rmSync(world.path('out/rows.db'));
    const { code, stderr } = await world.cli(['resume', world.batch()]);
    expect(code, stderr).toBe(0);
    expect(squares(world)).toHaveLength(250);
  });

  it('a later round replaces what an earlier one wrote of its items, and nothing else', async () => {
    const world = newWorld();
    world.write(
      'job.ts',
      `import { existsSync } from 'node:fs';
       import { defineJob, ndjson, ok, PermanentError } from 'sluice';
       import { tableSink } from 'sluice/sinks';
       const mended = () => existsSync('mended');
       export default defineJob({
         name: 'rounds', input: ndjson(), limits: { chunk: 20, workers: 1 },
         steps: [
           ({ n }) => ok({ n, state: mended() ? 'second' : 'first' }),
           tableSink({ url: 'sqlite:out/rows.db', table: 'states', columns: { n: 'integer', state: 'text' } }),
           (row) => { if (row.n % 10 === 3 && !mended()) throw new PermanentError('later'); return ok(row.n); },
         ],
       });`,
    );
    world.write('input.jsonl', lines(50));
    expect((await world.cli(['run', 'job.ts', 'input.jsonl', '--quiet'])).code).toBe(2);
    world.write('mended', '');
    const { code, stderr } = await world.cli(['retry', world.batch(), '--quiet']);
    expect(code, stderr).toBe(0);
    const db = new Database(world.path('out/rows.db'));
    const rows = db.prepare('SELECT item, round, state FROM states ORDER BY item').raw().all();
    db.close();
    expect(rows).toEqual(
      Array.from({ length: 50 }, (_, n) => (n % 10 === 3 ? [n, 1, 'second'] : [n, 0, 'first'])),
    );
  });

  it('carries no native database into the job file, and pg only where a sink is', async () => {
    const world = newWorld();
    world.write('job.ts', job());
    world.write(
      'none.ts',
      `import { defineJob, ndjson, ok } from 'sluice';
      export default defineJob({ name: 'none', input: ndjson(), process: () => ok(1) });`,
    );
    world.write('input.jsonl', lines(3));
    const bundles: string[] = [];
    for (const file of ['job.ts', 'none.ts']) {
      await world.cli(['run', file, 'input.jsonl', '--quiet']);
      const added = world
        .batches()
        .find((id) => id.startsWith(file === 'job.ts' ? 'load' : 'none'));
      bundles.push(readFileSync(join(world.home, jobKey(added as string)), 'utf8'));
    }
    const [withSink = '', without = ''] = bundles;
    expect(withSink).toContain('Connection terminated unexpectedly');
    expect(without).not.toContain('Connection terminated unexpectedly');
    for (const bundle of bundles) expect(bundle).not.toMatch(/@libsql|libsql_|linux-x64-gnu/);
  });

  it('refuses a password in an option: options are in the report', async () => {
    const world = newWorld();
    world.write('job.ts', job());
    world.write('input.jsonl', lines(3));
    const option = 'sink=postgres://me:hunter22@db.internal/reg';
    const { code, stderr } = await world.cli(['run', 'job.ts', 'input.jsonl', '--option', option]);
    expect(code).toBe(64);
    expect(stderr).toContain("Option 'sink' of job load is a URL with a password");
    expect(stderr).not.toContain('hunter22');
    expect(world.batches()).toEqual([]);
  });

  it('a job of a thousand codes keeps its report small, and every failure counted', async () => {
    const world = newWorld();
    world.write(
      'codes.ts',
      `import { defineJob, ndjson, PermanentError } from 'sluice';
       export default defineJob({
         name: 'codes', cpu: true, input: ndjson(), limits: { chunk: 50, workers: 2 },
         process: ({ n }) => { throw new PermanentError('no', { code: 'E' + n }); },
       });`,
    );
    world.write('input.jsonl', lines(3000));
    await world.cli(['run', 'codes.ts', 'input.jsonl', '--quiet', '--parallel', 'on']);
    const { failures, failed } = world.report();
    expect(failed).toBe(3000);
    expect(failures).toHaveLength(1000);
    expect(failures.reduce((sum, { items }) => sum + items, 0)).toBe(3000);
  });
});

/** Rows so far; 0 while there is no table. */
function rowsThere(world: World): number {
  try {
    return squares(world).length;
  } catch {
    return 0;
  }
}

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { bundledJob } from '../support/bundled-job.ts';
import { brief, newWorld, parseLines, type World } from '../support/world.ts';

const job = (reader: string, tail = ''): Promise<string> =>
  bundledJob(`import * as z from 'zod';
import { ${reader}, defineJob, ok, PermanentError } from 'sluice';
export default defineJob({
  name: 'rows',
  input: ${reader}(z.object({ id: z.string(), n: z.coerce.number().max(90, 'too large') })),
  key: (row) => row.id,
  process: (row) => {
    if (row.n === 7${tail}) throw new PermanentError('seven', { code: 'SEVEN' });
    return ok(row.n);
  },
});
`);

const ROWS = [
  { id: 'a', n: 1 },
  { id: 'b', n: 99 },
  { id: 'c', n: 7 },
  { id: 'd', n: 4 },
];

const contents: Record<string, () => string | Uint8Array> = {
  csv: () => `id,n\n${ROWS.map(({ id, n }) => `${id},${n}\n`).join('')}`,
  ndjson: () => ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''),
  jsonArray: () => JSON.stringify(ROWS, null, 1),
  parquet: () =>
    Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: 'id', data: ROWS.map(({ id }) => id), type: 'STRING' },
          { name: 'n', data: ROWS.map(({ n }) => n), type: 'INT32' },
        ],
      }),
    ),
};

const places: Record<string, string> = {
  csv: 'line 3',
  ndjson: 'line 2',
  jsonArray: 'line 6 (byte 32)',
  parquet: 'row 2',
};

const messages = (outcomes: string): string[] =>
  parseLines<Outcome>(outcomes).flatMap((outcome) =>
    'error' in outcome ? [outcome.error.message] : [],
  );

describe('a record that does not fit, and the failures fed back in', () => {
  it.each(Object.keys(contents))('%s', async (reader) => {
    const world = newWorld();
    world.write('job.ts', await job(reader));
    world.write('input.dat', contents[reader]?.() ?? '');
    const first = await world.cli(['run', 'job.ts', 'input.dat', '--quiet']);
    expect(first.code, first.stderr).toBe(2);
    expect(brief(world.outcomes())).toEqual([
      'a ok 1',
      'null failed SCHEMA',
      'c failed SEVEN',
      'd ok 4',
    ]);
    const got = reader === 'csv' ? '"99"' : '99';
    expect(messages(world.outcomes())).toEqual([
      `${places[reader]}, column "n": too large; got ${got}`,
      'seven',
    ]);

    const failures = join(world.home, 'batches', world.batch(), 'r0', 'failures.jsonl');
    world.write('job.ts', await job(reader, ' && false'));
    // Options that the input was read with say nothing about the failures file.
    const options = reader === 'csv' ? ['--delimiter', ';', '--encoding', 'latin1'] : [];
    const plain = await world.cli(['run', 'job.ts', failures, '--json', ...options]);
    expect(plain.code, plain.stderr).toBe(2);
    expect(JSON.parse(plain.stdout)).toMatchObject({ total: 2, ok: 1, failed: 1 });
    const second = (JSON.parse(plain.stdout) as { batch: string }).batch;
    expect(brief(world.outcomes(second))).toEqual(['null failed SCHEMA', 'c ok 7']);
    expect(messages(world.outcomes(second))).toEqual([
      `${places[reader]}, column "n": too large; got ${got}`,
    ]);
    // The failure of a failure keeps the record, not the line that held it.
    const kept = readFileSync(join(world.home, 'batches', second, 'r0', 'failures.jsonl'), 'utf8');
    expect(JSON.parse(kept)).toMatchObject({ where: places[reader], record: { id: 'b' } });
  });
});

describe('a folder, and a manifest', () => {
  const files = (world: World): void => {
    world.write('in/b/1.csv', 'id,n\na,1\n');
    world.write('in/B.csv', 'n,id\n2,b\n95,x\n');
    world.write('in/b.csv', 'id,n\nc,3\n');
    world.write('in/.hidden/9.csv', 'id,n\nz,9\n');
  };

  it('a folder is one batch: its files by the bytes of their paths, which failures name', async () => {
    const world = newWorld();
    world.write('job.ts', await job('csv'));
    files(world);
    const answer = await world.cli(['run', 'job.ts', 'in', '--json']);
    expect(answer.code, answer.stderr).toBe(2);
    expect(JSON.parse(answer.stdout)).toMatchObject({
      total: 4,
      chunks: 1,
      input: { name: 'in', sources: 3 },
    });
    expect(brief(world.outcomes())).toEqual(['b ok 2', 'null failed SCHEMA', 'c ok 3', 'a ok 1']);
    expect(messages(world.outcomes())).toEqual([
      'line 3 of B.csv, column "n": too large; got "95"',
    ]);
    mkdirSync(join(world.folder, 'none'));
    const none = await world.cli(['run', 'job.ts', 'none']);
    expect(none.stderr).toMatch(/^error: none is a folder without files\./);
  });

  it('a manifest is one batch in its own order; size and SHA-256 are proved', async () => {
    const world = newWorld();
    world.write('job.ts', await job('csv'));
    files(world);
    const lines = ['b/1.csv', '{"path":"b.csv","size":9}', '{"key":"B.csv"}'];
    world.write('in/x.manifest.jsonl', `${lines.join('\n')}\n`);
    const answer = await world.cli(['run', 'job.ts', 'in/x.manifest.jsonl', '--quiet']);
    expect(answer.code, answer.stderr).toBe(2);
    expect(brief(world.outcomes())).toEqual(['a ok 1', 'c ok 3', 'b ok 2', 'null failed SCHEMA']);
    const same = await world.cli(['run', 'job.ts', 'in/x.manifest.jsonl', '--quiet']);
    expect(same.code, same.stderr).toBe(2);
    expect(world.batches()).toHaveLength(1);

    const wrong: [string, RegExp][] = [
      ['b/1.csv\nno.csv', /^error: y\.manifest\.txt line 2: There is no file .*no\.csv/],
      ['{"path":"b.csv","size":8}', /line 1: b\.csv has 9 bytes; the manifest says 8/],
      [`{"path":"b.csv","sha256":"${'0'.repeat(64)}"}`, /b\.csv has the SHA-256 [0-9a-f]{64};/],
      ['{"path":"b.csv","etag":"x"}', /line 1: an etag is of an object in S3; b\.csv is a file/],
      ['', /y\.manifest\.txt names no object/],
    ];
    for (const [text, says] of wrong) {
      world.write('in/y.manifest.txt', text);
      const refused = await world.cli(['run', 'job.ts', 'in/y.manifest.txt']);
      expect(refused.stderr).toMatch(says);
      expect(world.batches()).toHaveLength(1);
    }
    const s3 = await world.cli(['run', 'job.ts', 's3://bucket/data/x/']);
    expect([s3.code, s3.stderr]).toEqual([
      64,
      expect.stringMatching(/is in S3; a local run reads/),
    ]);
  });

  it('many small files share chunks: outcomes are those of one file, at any chunk size', async () => {
    const world = newWorld();
    world.write('job.ts', await job('csv'));
    const text = (i: number): string => `k${i},${i % 80}\n`;
    for (let i = 0; i < 600; i += 1)
      world.write(`many/${String(i).padStart(3, '0')}.csv`, `id,n\n${text(i)}`);
    world.write('one.csv', `id,n\n${Array.from({ length: 600 }, (_, i) => text(i)).join('')}`);
    const outcomes: string[] = [];
    for (const args of [['one.csv'], ['many'], ['many', '--chunk', '7', '--again']]) {
      const answer = await world.cli(['run', 'job.ts', ...args, '--json']);
      const report = JSON.parse(answer.stdout) as { batch: string; total: number; chunks: number };
      expect(report.total).toBe(600);
      if (args.length > 1) expect(report.chunks).toBe(86);
      else if (args[0] === 'many') expect(report.chunks).toBe(3);
      outcomes.push(world.outcomes(report.batch));
    }
    expect(outcomes[1]).toBe(outcomes[0]);
    expect(outcomes[2]).toBe(outcomes[0]);
  });
});

describe('Parquet', () => {
  const rows = (count: number): Buffer =>
    Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: 'id', data: Array.from({ length: count }, (_, i) => `k${i}`), type: 'STRING' },
          { name: 'n', data: Array.from({ length: count }, (_, i) => i % 5), type: 'INT32' },
        ],
        rowGroupSize: 700,
      }),
    );

  it('a file is one batch; one that is none makes no batch; a changed one is refused', async () => {
    const world = newWorld();
    world.write('job.ts', await job('parquet'));
    world.write('in.parquet', rows(2500));
    const answer = await world.cli(['run', 'job.ts', 'in.parquet', '--json']);
    expect(answer.code, answer.stderr).toBe(0);
    expect(JSON.parse(answer.stdout)).toMatchObject({ total: 2500, ok: 2500, chunks: 3 });
    const verified = await world.cli(['verify', world.batch()]);
    expect(verified.code, verified.stderr).toBe(0);
    world.write('cut.parquet', rows(10).subarray(0, -9));
    const cut = await world.cli(['run', 'job.ts', 'cut.parquet']);
    expect([cut.code, cut.stderr]).toEqual([
      1,
      expect.stringMatching(/^error: cut\.parquet is cut: it begins with PAR1/),
    ]);
    expect(world.batches()).toHaveLength(1);
  });
});

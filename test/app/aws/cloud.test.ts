import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openHome } from '../../../lib/app/home.ts';
import { runBatch } from '../../../lib/app/run-batch.ts';
import { batchKey, inputKey, jobKey, reportKey } from '../../../lib/core/keys.ts';
import { clearStop } from '../../../lib/core/transitions.ts';
import { readBatch } from '../../../lib/engine/batch.ts';
import { items } from '../../../lib/engine/items.ts';
import { cloudWorld } from '../../support/cloud-world.ts';

const NOW = '2026-01-01T00:00:00Z';
const folder = mkdtempSync(join(tmpdir(), 'sluice-jobs-'));
const jobFile = (name: string, text: string): string => {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, text);
  return file;
};

/** Every kind of outcome, with numbers drawn and the time that the batch sees. */
const MIXED = jobFile(
  'mixed',
  `import * as z from 'zod';
import { csv, defineJob, ok, PermanentError, skip, StalledError } from 'sluice';
export default defineJob({
  name: 'mixed',
  input: csv(z.object({ id: z.string(), n: z.coerce.number().int() })),
  key: (row) => row.id,
  options: z.object({ factor: z.coerce.number().default(1) }),
  limits: { chunk: 20, concurrency: 3, workers: 2 },
  process(row, ctx) {
    if (row.n % 11 === 3) throw new PermanentError('no ' + row.id, { code: 'NO' });
    if (row.n % 13 === 4) throw new StalledError('gone');
    if (row.n % 7 === 5) return skip('odd one');
    return ok({ n: row.n * ctx.options.factor, draw: ctx.rng(), now: ctx.now });
  },
});`,
);
const SLOW = jobFile(
  'slow',
  `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'slow',
  input: ndjson(),
  limits: { chunk: 30, concurrency: 1, workers: 1 },
  async process(row) {
    await new Promise((go) => setTimeout(go, 20));
    return ok(row);
  },
});`,
);
const BROKEN = jobFile(
  'broken',
  `import { defineJob, ndjson, ok } from 'sluice';
if (process.env.LAMBDA_TASK_ROOT_MARK !== 'fine') throw new Error('no licence key');
export default defineJob({ name: 'broken', input: ndjson(), process: (row) => ok(row) });`,
);
const TELLING = jobFile(
  'telling',
  `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'telling',
  input: ndjson(),
  secrets: ['API_KEY'],
  process(row, ctx) {
    ctx.log.info('asking with ' + ctx.secret('API_KEY'), { key: ctx.secret('API_KEY') });
    if (row === 1) throw new Error('401 for ' + ctx.secret('API_KEY'));
    return ok({ seen: [ctx.secret('API_KEY')], length: ctx.secret('API_KEY').length });
  },
});`,
);
const SECRET = 'k"ey-5f0c\\9d';
const ROWS = `id,n\n${Array.from({ length: 95 }, (_, i) => `k${i},${i === 50 ? 'x' : i}\n`).join('')}`;

type World = Awaited<ReturnType<typeof cloudWorld>>;
let world: World;
beforeAll(async () => {
  process.env['API_KEY'] = SECRET;
  const jobs = { mixed: MIXED, slow: SLOW, broken: BROKEN, telling: TELLING };
  world = await cloudWorld({ jobs });
});
afterAll(async () => {
  delete process.env['API_KEY'];
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  world.handled = [];
  world.worked = [];
});

async function outcomesOf(id: string): Promise<string> {
  const batch = await readBatch(world.cloud.store, id);
  if (batch === undefined) throw new Error(`No batch ${id}.`);
  const lines = [];
  for await (const { outcome } of items(world.cloud, batch, {}))
    lines.push(JSON.stringify(outcome));
  return lines.join('\n');
}

async function localOutcomes(job: string, text: string, options: Record<string, string>) {
  const home = await openHome(join(folder, 'home'));
  const file = join(folder, 'rows.csv');
  writeFileSync(file, text);
  try {
    const { batch } = await runBatch(home, { job, inputs: [file], now: NOW, options, again: true });
    const lines = [];
    for await (const { outcome } of items(home, batch, {})) lines.push(JSON.stringify(outcome));
    return lines.join('\n');
  } finally {
    await home.close();
  }
}

/** Uploads, and works everything to its end; returns the batch's id. */
async function ended(key: string, body: string | Uint8Array, metadata = {}): Promise<string> {
  const [answer] = await world.inbox(await world.upload(key, body, metadata));
  await world.run();
  if (answer?.batch === undefined) throw new Error(`No batch: ${JSON.stringify(answer)}`);
  return answer.batch;
}

test('an upload ends with the same outcomes as a local run, and a report of the same shape', async () => {
  const metadata = { 'sluice-now': NOW, 'sluice-factor': '3' };
  const id = await ended('inbox/mixed/season 24+25/größe & co.csv', ROWS, metadata);
  expect(await outcomesOf(id)).toBe(await localOutcomes(MIXED, ROWS, { factor: '3' }));
  const report = await world.report(id);
  expect(report).toMatchObject({ status: 'done', total: 95, chunks: 5, failed: 10, stalled: 6 });
  expect(report.input.name).toBe('größe & co.csv');
  expect(report.options).toEqual({ factor: 3 });
});

test('duplicated and reordered events of two uploads make two batches', async () => {
  const first = await world.upload('inbox/mixed/first.csv', ROWS);
  const second = await world.upload('inbox/mixed/second.csv', ROWS);
  const records = (JSON.parse(second) as { Records: unknown[] }).Records;
  const both = JSON.stringify({
    Records: [...records, ...(JSON.parse(first) as { Records: unknown[] }).Records],
  });
  const before = (await world.batches()).length;
  for (let at = 0; at < 20; at += 1) {
    await world.inbox(at % 3 === 0 ? both : at % 2 === 0 ? first : second);
    if (at === 12) await world.run();
  }
  await world.run();
  expect((await world.batches()).length - before).toBe(2);
  const started = world.handled.filter(({ did }) => did === 'started');
  expect(started).toHaveLength(2);
  for (const { batch } of started) {
    expect(await world.report(batch as string)).toMatchObject({ status: 'done', total: 95 });
  }
});

describe('what cannot be run leaves a failed batch that says why, and the upload where it was', () => {
  const rows: [string, string, string | Uint8Array, object, string][] = [
    ['an unknown job', 'inbox/nobody/a.csv', ROWS, {}, 'No job named "nobody" is deployed.'],
    [
      'a folder that is no name',
      'inbox/Öd ds/a.csv',
      ROWS,
      {},
      'No job named "Öd ds" is deployed.',
    ],
    ['a job that throws on load', 'inbox/broken/a.json', '1\n', {}, 'no licence key'],
    ['an empty object', 'inbox/mixed/empty.csv', '', {}, 'empty.csv'],
    ['a missing column', 'inbox/mixed/other.csv', 'id,m\n1,2\n', {}, 'n'],
    ['an unknown option', 'inbox/slow/a.json', '1\n', { 'sluice-x': '1' }, "no option 'x'"],
    ['a wrong option', 'inbox/mixed/b.csv', ROWS, { 'sluice-chunk': '0' }, 'sluice-chunk must be'],
    ['a wrong time', 'inbox/mixed/c.csv', ROWS, { 'sluice-now': 'soon' }, 'sluice-now must be'],
    [
      'more concurrency than the job has',
      'inbox/mixed/d.csv',
      ROWS,
      { 'sluice-concurrency': '4' },
      'at most the job',
    ],
    ['a cut gzip of nothing', 'inbox/mixed/e.csv', gzipSync(ROWS).subarray(0, 12), {}, 'cut'],
  ];
  for (const [what, key, body, metadata, reason] of rows) {
    test(what, async () => {
      const id = await ended(key, body, metadata);
      const report = await world.report(id);
      expect(report).toMatchObject({ status: 'failed', total: 0 });
      expect(report.reason).toContain(reason);
      expect(await world.eventOf(key)).toContain('eTag');
      expect(await world.cloud.objects.size(reportKey(id, 0, 'report.html'))).toBeGreaterThan(1000);
    });
  }
});

test('gzip is known by its bytes, not by its name; a cut one keeps the good records', async () => {
  const whole = await ended('inbox/mixed/packed.csv', gzipSync(ROWS), { 'sluice-now': NOW });
  expect(await outcomesOf(whole)).toBe(await localOutcomes(MIXED, ROWS, {}));
  const bytes = gzipSync(ROWS, { level: 0 });
  const cut = await ended('inbox/mixed/cut.csv', bytes.subarray(0, 400), { 'sluice-now': NOW });
  const report = await world.report(cut);
  expect(report.status).toBe('failed');
  expect(report.reason).toContain('cut');
  expect(report.total).toBeGreaterThan(30);
});

test('an object that was replaced in the middle is refused, and its successor is a batch of its own', async () => {
  const event = await world.upload('inbox/mixed/moving.csv', ROWS);
  const [answer] = await world.inbox(event);
  // Planned, but not yet worked.
  const plan = { v: 1, step: 'plan', batch: answer?.batch, round: 0 };
  await world.inbox(JSON.stringify(plan));
  const next = await world.upload('inbox/mixed/moving.csv', ROWS.replaceAll('k', 'K'));
  await world.run();
  const report = await world.report(answer?.batch as string);
  expect(report.status).toBe('failed');
  expect(report.reason).toContain('s3://uploads/inbox/mixed/moving.csv is not the object');
  expect(report.ok + report.failed).toBe(0);
  expect(await world.inbox(event)).toMatchObject([{ did: 'ignored' }]);
  const [other] = await world.inbox(next);
  await world.run();
  expect(other?.batch).not.toBe(answer?.batch);
  expect(await world.report(other?.batch as string)).toMatchObject({ status: 'done', total: 95 });
});

test('a worker whose budget is used up hands back, and another goes on inside the chunk', async () => {
  const small = await cloudWorld({ jobs: { slow: SLOW }, env: { SLUICE_BUDGET_MS: '150' } });
  try {
    const text = Array.from({ length: 30 }, (_, i) => `${i}\n`).join('');
    const [answer] = await small.inbox(await small.upload('inbox/slow/a.ndjson', text));
    await small.run();
    expect(await small.report(answer?.batch as string)).toMatchObject({ status: 'done', ok: 30 });
    const did = small.worked.map((one) => one.did);
    expect(did.filter((one) => one === 'handed back').length).toBeGreaterThanOrEqual(3);
    expect(did.filter((one) => one === 'committed')).toHaveLength(1);
  } finally {
    await small.close();
  }
});

test('other code than the batch was started with pauses it, until that code is accepted', async () => {
  const [answer] = await world.inbox(await world.upload('inbox/slow/code.ndjson', '1\n2\n'));
  const id = answer?.batch as string;
  await world.inbox(JSON.stringify({ v: 1, step: 'plan', batch: id, round: 0 }));
  const file = join(world.root, 'jobs', 'slow.mjs');
  const before = readFileSync(file);
  writeFileSync(file, `${before}\n// another version\n`);
  world.coldStart();
  await world.run();
  const paused = await readBatch(world.cloud.store, id);
  expect(paused).toMatchObject({ status: 'running', stop: 'pause' });
  expect(paused?.reason).toContain('code changed');
  expect(world.worked.filter(({ did }) => did === 'committed')).toHaveLength(0);
  const digest = world.cloud.jobs.get('slow')?.digest as string;
  await world.cloud.store.change(batchKey(id), clearStop(0, digest));
  await world.resume(id);
  await world.run();
  expect(await world.report(id)).toMatchObject({ status: 'done', ok: 2 });
  writeFileSync(file, before);
  world.coldStart();
});

test('an upload whose event was lost is found by the sweep, once it is old enough', async () => {
  await world.upload('inbox/mixed/lost.csv', ROWS);
  const before = (await world.batches()).length;
  expect(await world.sweep()).toMatchObject({ lostUploads: [] });
  // As fast as an emulated cloud may run: five minutes are a tenth of a second.
  world.cloud.settings.speed = 3000;
  await new Promise((go) => setTimeout(go, 1200));
  const swept = await world.sweep();
  world.cloud.settings.speed = 1;
  expect(swept.lostUploads).toHaveLength(1);
  expect((await world.batches()).length - before).toBe(1);
  await world.run();
  expect(await world.report(swept.lostUploads[0] as string)).toMatchObject({ total: 95 });
  expect((await world.sweep()).lostUploads).toHaveLength(0);
});

test('a record or a message of a newer version is told of, and nothing is changed', async () => {
  const [answer] = await world.inbox(await world.upload('inbox/slow/newer.ndjson', '1\n'));
  const id = answer?.batch as string;
  await world.cloud.store.change(batchKey(id), { when: [], set: { v: 2 } });
  const work = { v: 1, step: 'work', batch: id, round: 0, stage: 0, chunk: 0 };
  expect(await world.inbox(JSON.stringify({ ...work, step: 'plan' }))).toMatchObject([
    { did: 'newer' },
  ]);
  expect(await world.work('slow', JSON.stringify(work))).toMatchObject({ did: 'newer' });
  expect(await world.work('slow', JSON.stringify({ ...work, v: 2 }))).toMatchObject({
    did: 'newer',
  });
  const { errors } = await world.sweep();
  expect(errors).toMatchObject([{ batch: id, error: { code: 'NEWER' } }]);
  // The deployment that wrote it comes back: the sweep sends what was acknowledged.
  await world.cloud.store.change(batchKey(id), { when: [], set: { v: 1 } });
  await world.sweep();
  await world.run();
  expect(await world.report(id)).toMatchObject({ status: 'done', ok: 1 });
});

test('the value of a secret is in nothing that a batch leaves', async () => {
  const id = await ended('inbox/telling/a.ndjson', '0\n1\n2\n');
  const report = await world.report(id);
  expect(report).toMatchObject({ ok: 2, failed: 1 });
  const outcomes = await outcomesOf(id);
  expect(outcomes).toContain('"seen":["[secret API_KEY]"],"length":12');
  expect(outcomes).toContain('401 for [secret API_KEY]');
  const inJson = JSON.stringify(SECRET).slice(1, -1);
  let looked = 0;
  for await (const key of world.cloud.objects.list(`batches/${id}/`)) {
    const bytes = Buffer.from((await world.cloud.objects.get(key)) ?? []);
    const text = key.endsWith('.gz') ? (await import('node:zlib')).gunzipSync(bytes) : bytes;
    expect([key, text.includes(SECRET) || text.includes(inJson)]).toEqual([key, false]);
    looked += 1;
  }
  expect(looked).toBeGreaterThanOrEqual(7);
  const said = JSON.stringify([world.log.lines, world.worked, world.handled]);
  expect(said.includes(inJson) || said.includes(SECRET)).toBe(false);
  for (const sort of ['B', 'S0000/00', 'C0000/00/000000000', 'T0000/00/0000000']) {
    const record = JSON.stringify(await world.cloud.store.read({ batch: id, sort }));
    expect(record).not.toContain(inJson);
  }
});

test('records of a finished batch expire where that was asked for, and none of one that runs', async () => {
  const keeping = await cloudWorld({ jobs: { mixed: MIXED }, env: { SLUICE_KEEP_DAYS: '90' } });
  try {
    const [answer] = await keeping.inbox(await keeping.upload('inbox/mixed/a.csv', ROWS));
    const id = answer?.batch as string;
    const running = await keeping.cloud.store.query(id, '', '\u{10ffff}');
    for (const { record } of running) expect(record['expires']).toBeUndefined();
    await keeping.run();
    const days = 90 * 86_400;
    const all = await keeping.cloud.store.query(id, '', '\u{10ffff}');
    expect(all).toHaveLength(1 + 1 + 5 + 1);
    for (const { record } of all) {
      expect(Math.abs((record['expires'] as number) - Date.now() / 1000 - days)).toBeLessThan(120);
    }
    expect(await keeping.cloud.objects.size(inputKey(id))).toBeGreaterThan(0);
    expect(await keeping.cloud.objects.size(jobKey(id))).toBeGreaterThan(0);
  } finally {
    await keeping.close();
  }
});

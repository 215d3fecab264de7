import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../lib/core/report.ts';
import { writeSample } from '../../lib/jobs/odds/sample.ts';
import { cli, newFolder, outcomesOf } from '../support/cli.ts';
import { emulated, synthesised, writeJobs } from '../support/emulated.ts';
import { closeRemotes, type Remote, remote } from '../support/http-world.ts';
import { openPostgres, type Postgres } from '../support/postgres.ts';

/** Chunks of the largest batch here: 30 s on a busy machine for 600. */
const MANY = process.env['SLUICE_FULL'] ? 600 : 40;
/** Duplicated events of one upload, two a message. */
const EVENTS = process.env['SLUICE_FULL'] ? 100 : 20;
const NOW = '2026-01-01T00:00:00Z';
const ROWS = 2000;
/** How much faster the clocks run. */
const SPEED = 20;
/** Under chaos, half as fast: ten cold functions within 3 s of their time, on a busy machine, came to nothing and began anew for ever. */
const CHAOS_SPEED = 10;

const folder = newFolder();
const marker = join(folder, 'was-blocked');

/** Jobs whose caps and chunks are their own: the stack reads them from the files. */
const capped = (name: string, { cap, ms }: { cap: number; ms: number }): string => `
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: '${name}',
  input: ndjson(),
  limits: { chunk: 1, concurrency: 1, workers: ${cap} },
  async process(row) {
    if (${ms} > 0) await new Promise((go) => setTimeout(go, ${ms}));
    return ok(row);
  },
});`;

/** Its 8th item blocks its process until Lambda kills it, but only the first time it is met. */
const BLOCKING = `
import { existsSync, writeFileSync } from 'node:fs';
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'blocking',
  input: ndjson(),
  limits: { chunk: 12, concurrency: 1, workers: 2, itemTimeout: '1s' },
  async process(row) {
    if (row === 7 && !existsSync(${JSON.stringify(marker)})) {
      writeFileSync(${JSON.stringify(marker)}, '');
      for (;;);
    }
    return ok(row);
  },
});`;

/** Four stages, of which the second is CPU-bound, the third groups and the fourth has a cap of its own. */
const STAGED = `
import { defineJob, each, groupBy, ndjson, ok, skip } from 'sluice';
export default defineJob(
  { name: 'staged', input: ndjson(), limits: { chunk: 20, workers: 2 } },
  each({ name: 'spread', process: (row) => ok.many(Array.from({ length: Number(row) % 4 }, (_, part) => [Number(row), part])) }),
  each({ name: 'sift', cpu: true, process: ([n = 0, part = 0]) => (part === 2 ? skip('third') : n % 11 === 3 ? Promise.reject(new Error('three')) : ok(n * 10 + part)) }),
  groupBy({ name: 'fifties', cpu: true, key: (n) => 'g' + Math.floor(n / 50), process: async (group) => ok.many(await group.list()) }),
  each({ name: 'draw', limits: { workers: 1, chunk: 15 }, process: (n, ctx) => ok({ n, draw: ctx.rng() }) }),
);`;
/**
 * Functions, a group and a sink. With a marker an item of the middle step blocks its process until Lambda kills it, the
 * first time that it is met: rows before it are in the table then, and not in a part.
 */
const stepped = (name: string, { url, marker: file }: { url: string; marker?: string }): string => `
import { existsSync, writeFileSync } from 'node:fs';
import { defineJob, inBatches, ndjson, ok, PermanentError, skip } from 'sluice';
import { tableSink } from 'sluice/sinks';
const marker = ${JSON.stringify(file)};
export default defineJob({
  name: '${name}',
  input: ndjson(),
  key: (row) => 'k' + row,
  limits: { chunk: 25, concurrency: 2, workers: 2, itemTimeout: '2s' },
  steps: [
    (row) => (row % 10 === 3 ? skip('a three') : ok({ n: row })),
    inBatches(7, (rows, ctx) => rows.map(({ n }, at) =>
      n % 10 === 4 ? new PermanentError('no ' + n, { code: 'FOUR' }) : ok({ n, key: ctx.items[at].key }))),
    tableSink({ url: '${url}', table: '${name}', group: 5, connections: 1, columns: { n: 'integer', key: 'text' } }),
    async (row) => {
      if (marker !== undefined && row.n === 17 && !existsSync(marker)) {
        // Rows before it get through their sink meanwhile.
        await new Promise((go) => setTimeout(go, 100));
        writeFileSync(marker, '');
        for (;;);
      }
      return ok(row.key);
    },
  ],
});`;

/** Locally in threads too: hence a CPU job. */
const calling = (url: string): string => `
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'remote',
  input: ndjson(),
  cpu: true,
  limits: { chunk: 20, concurrency: 4, workers: 2 },
  retry: { base: '1ms' },
  http: { baseUrl: '${url}', quota: 'api', tries: 10 },
  quotas: { api: { calls: 10_000, per: '1m' } },
  async process(row, ctx) {
    return ok((await ctx.http.getJson('/items/' + row)) ?? 'unknown');
  },
});`;

/** Outcomes of `stepped` over the numbers below `count`. */
const steppedOutcomes = (count: number): string =>
  Array.from({ length: count }, (_, index) => {
    const head = `{"index":${index},"key":"k${index}","status":`;
    if (index % 10 === 3) return `${head}"skipped","reason":"a three"}\n`;
    return index % 10 === 4
      ? `${head}"failed","error":{"kind":"permanent","code":"FOUR","message":"no ${index}"}}\n`
      : `${head}"ok","value":"k${index}"}\n`;
  }).join('');

const FULL = process.env['SLUICE_FULL'] !== undefined;
/** PostgreSQL is on this machine, and the functions are too. */
let postgres: Postgres;

/** Rows of a table for each batch, each number once. */
async function rowsOf(table: string): Promise<Map<string, number[]>> {
  const rows = await postgres.query<{ batch: string; n: string; key: string }>(
    `SELECT batch, n, key FROM ${table} ORDER BY batch, item`,
  );
  const found = new Map<string, number[]>();
  for (const { batch, n, key } of rows) {
    expect(key).toBe(`k${n}`);
    found.set(batch, [...(found.get(batch) ?? []), Number(n)]);
  }
  return found;
}

type World = Awaited<ReturnType<typeof emulated>>;
let server: Remote;
let assembly: string;
let sample: string;
let local: { outcomes: string; digest: string };

beforeAll(async () => {
  // Every seventh call is refused once, every fifth item is unknown.
  let calls = 0;
  server = await remote(({ url }, response) => {
    calls += 1;
    if (calls % 7 === 0) response.writeHead(503).end();
    else if (Number(url.slice('/items/'.length)) % 5 === 0) response.writeHead(404).end();
    else response.end(JSON.stringify({ url }));
  });
  postgres = await openPostgres();
  const { url } = postgres;
  const jobs = writeJobs(folder, {
    stepped: stepped('stepped', { url }),
    broken: stepped('broken', { url, marker: join(folder, 'was-broken') }),
    remote: calling(server.url),
    one: capped('one', { cap: 1, ms: 30 }),
    two: capped('two', { cap: 2, ms: 0 }),
    four: capped('four', { cap: 4, ms: 30 }),
    blocking: BLOCKING,
    staged: STAGED,
  });
  const pieces: string[] = [];
  await writeSample({ rows: ROWS, write: (text) => pieces.push(text) });
  sample = pieces.join('');
  const file = join(folder, 'season.csv');
  writeFileSync(file, sample);
  const home = join(folder, 'home');
  const [built, ran] = await Promise.all([
    synthesised(folder, ['odds', ...jobs]),
    cli(['run', 'odds', file, '--now', NOW, '--json', '--home', home]),
  ]);
  assembly = built;
  const report = JSON.parse(ran.stdout) as { batch: string; digests: { outcomes: string } };
  local = { outcomes: outcomesOf(home, report.batch), digest: report.digests.outcomes };
}, 60_000);
afterAll(async () => {
  await closeRemotes();
  for (const table of ['stepped', 'broken']) await postgres.query(`DROP TABLE IF EXISTS ${table}`);
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

const lines = (count: number): string => Array.from({ length: count }, (_, i) => `${i}\n`).join('');

/** What one chunk cost its worker and the mapping, with the empty receives of an idle queue apart. */
function costs(world: World, worker: string, chunks: number) {
  const { traffic } = world.emulator.stats();
  const own = traffic[worker];
  const per = (name: string): number => (own?.requests[name] ?? 0) / chunks;
  return {
    puts: per('s3.PutObject'),
    writeUnits: (own?.writeUnits ?? 0) / chunks,
    sent: per('sqs.SendMessageBatch'),
  };
}

describe('the emulated cloud at its real speed', () => {
  let world: World;
  beforeAll(async () => {
    world = await emulated({ assembly });
  }, 30_000);
  afterAll(() => world.close());

  test('runs odds on a file of real layout: byte-identical to a local run', async () => {
    const options = { 'sluice-now': NOW, 'sluice-chunk': '400' };
    await world.upload('inbox/odds/season 15+16 é.csv', sample, options);
    const [batch] = await world.ended('é.csv');
    const id = batch?.id as string;
    const outcomes = await world.outcomes(id);
    expect(outcomes === local.outcomes).toBe(true);
    const report = await world.report(id);
    expect(report).toMatchObject({ status: 'done', total: ROWS, chunks: 5 });
    expect(report.digests.outcomes).toBe(local.digest);
    const cost = costs(world, 'WorkerOdds0', 5);
    expect(cost.puts).toBe(1);
    expect(cost.writeUnits).toBeLessThanOrEqual(5);
    expect(cost.sent).toBeLessThanOrEqual(1.2);
    const { functions } = world.emulator.stats();
    expect(functions['WorkerOdds0']?.peakBusy).toBeLessThanOrEqual(10);
  }, 60_000);

  test('calls a remote with ctx.http: in functions, in one process and in threads, with one digest', async () => {
    const rows = lines(100);
    const file = join(folder, 'calls.ndjson');
    writeFileSync(file, rows);
    await world.upload('inbox/remote/calls.ndjson', rows, { 'sluice-now': NOW });
    const locally = await Promise.all(
      ['off', 'on'].map(async (parallel) => {
        const home = join(folder, `home-${parallel}`);
        const flags = ['--now', NOW, '--json', '--home', home, '--parallel', parallel];
        const ran = await cli(['run', join(folder, 'remote.ts'), file, ...flags]);
        return JSON.parse(ran.stdout) as Report;
      }),
    );
    const [batch] = await world.ended('calls.ndjson');
    const reports = [await world.report(batch?.id as string), ...locally];
    for (const report of reports) {
      expect(report).toMatchObject({ status: 'done', ok: 100, failed: 0 });
      expect(report.digests.outcomes).toBe(reports[0]?.digests.outcomes);
      const [host] = report.http ?? [];
      expect(host?.host).toBe(new URL(server.url).host);
      expect(host?.calls).toBe(100 + (host?.retries ?? 0));
      expect(host?.bad).toBe(host?.retries);
    }
    const calls = reports.reduce((sum, { http = [] }) => sum + (http[0]?.calls ?? 0), 0);
    expect(server.asked).toHaveLength(calls);
  }, 60_000);

  test('runs four stages and a groupBy among them, a queue and a function for each: in functions, in one process and in threads, with one digest', async () => {
    const rows = lines(60);
    const file = join(folder, 'staged.ndjson');
    writeFileSync(file, rows);
    await world.upload('inbox/staged/staged.ndjson', rows, { 'sluice-now': NOW });
    const locally = await Promise.all(
      ['off', 'on'].map(async (parallel) => {
        const home = join(folder, `staged-${parallel}`);
        const flags = ['--now', NOW, '--json', '--home', home, '--parallel', parallel];
        const ran = await cli(['run', join(folder, 'staged.ts'), file, ...flags]);
        return JSON.parse(ran.stdout) as Report;
      }),
    );
    const [batch] = await world.ended('staged.ndjson');
    const reports = [await world.report(batch?.id as string), ...locally];
    for (const report of reports) {
      expect(report.status).toBe('done');
      expect(report.digests.outcomes).toBe(reports[0]?.digests.outcomes);
      expect(report.stages?.map(({ name, total }) => [name, total])).toEqual([
        ['spread', 60],
        ['sift', 90],
        ['fifties', 12],
        ['draw', 66],
      ]);
    }
    const { functions } = world.emulator.stats();
    expect(functions['WorkerStaged3']?.peakBusy).toBeLessThanOrEqual(1);
    expect(await world.deadLetters()).toBe(0);
  }, 60_000);

  test('runs steps, groups and a PostgreSQL sink: the bytes of a local run, each row in the table once', async () => {
    const rows = lines(60);
    const file = join(folder, 'stepped.ndjson');
    writeFileSync(file, rows);
    await world.upload('inbox/stepped/stepped.ndjson', rows, { 'sluice-now': NOW });
    const home = join(folder, 'home-stepped');
    const flags = ['--now', NOW, '--json', '--home', home];
    const ran = await cli(['run', join(folder, 'stepped.ts'), file, ...flags]);
    const own = (JSON.parse(ran.stdout) as { batch: string }).batch;
    const [batch] = await world.ended('stepped.ndjson');
    const id = batch?.id as string;
    expect(await world.report(id)).toMatchObject({ status: 'done', ok: 48, skipped: 6, failed: 6 });
    const outcomes = await world.outcomes(id);
    expect(outcomes).toBe(steppedOutcomes(60));
    expect(outcomesOf(home, own) === outcomes).toBe(true);
    const there = Array.from({ length: 60 }, (_, n) => n).filter((n) => ![3, 4].includes(n % 10));
    const found = await rowsOf('stepped');
    expect([...found.keys()].sort()).toEqual([id, own].sort());
    for (const numbers of found.values()) expect(numbers).toEqual(there);
  }, 60_000);

  test(`${MANY} chunks under a cap of 2: nothing throttled, no receive burnt, no dead letter`, async () => {
    await world.upload('inbox/two/many.ndjson', lines(MANY));
    const [batch] = await world.ended('many.ndjson', { withinMs: 150_000 });
    expect(await world.report(batch?.id as string)).toMatchObject({ ok: MANY, chunks: MANY });
    const { functions, mappings } = world.emulator.stats();
    const worker = { throttles: 0, timeouts: 0, errors: 0, peakBusy: 2 };
    expect(functions['WorkerTwo0']).toMatchObject(worker);
    expect(mappings['WorkerTwo0Source']).toMatchObject({ dropped: 0, returned: 0 });
    expect(await world.deadLetters()).toBe(0);
  }, 180_000);

  test.each([
    ['One', 1, 14],
    ['Four', 4, 16],
  ])(
    'a cap of %s holds, and burns no receive',
    async (name, cap, chunks) => {
      const end = `cap-${cap}.ndjson`;
      await world.upload(`inbox/${name.toLowerCase()}/${end}`, lines(chunks));
      const [batch] = await world.ended(end);
      expect(await world.report(batch?.id as string)).toMatchObject({ status: 'done', ok: chunks });
      const { functions, mappings } = world.emulator.stats();
      expect(functions[`Worker${name}0`]?.peakBusy).toBeLessThanOrEqual(cap);
      expect(functions[`Worker${name}0`]?.peakBusy).toBeGreaterThan(cap / 2);
      expect(mappings[`Worker${name}0Source`]).toMatchObject({ dropped: 0, returned: 0 });
    },
    60_000,
  );

  test(`${EVENTS} duplicated and reordered events make one batch an upload`, async () => {
    const key = 'inbox/two/doubled.ndjson';
    const etag = (await world.upload(key, lines(10))).replaceAll('"', '');
    const bucket = { name: world.emulator.outputs['UploadBucket'] };
    const record = (sequencer: number) => ({
      eventSource: 'aws:s3',
      eventVersion: '2.1',
      eventName: 'ObjectCreated:Put',
      s3: { bucket, object: { key, eTag: etag, sequencer: sequencer.toString(16) } },
    });
    for (let at = 0; at < EVENTS / 2; at += 1) {
      const both = [record(EVENTS - 1 - at), record(at)];
      const MessageBody = JSON.stringify({ Records: both });
      await world.send.send(new SendMessageCommand({ QueueUrl: world.inboxUrl, MessageBody }));
    }
    await world.ended('doubled.ndjson');
    const all = await world.batchesOf('doubled.ndjson');
    expect(all.map(({ status }) => status)).toEqual(['done']);
    expect(await world.report(all[0]?.id as string)).toMatchObject({ ok: 10 });
  }, 60_000);

  test('an object that is replaced in the middle is refused, and the new one is a batch', async () => {
    // Objects of up to 64 KB are read once: who has one goes on with the bytes that were pinned.
    const long = lines(400).replaceAll('\n', `${' '.repeat(200)}\n`);
    await world.upload('inbox/one/moving.ndjson', long);
    for (let tries = 0; tries < 400; tries += 1) {
      const [batch] = await world.batchesOf('moving.ndjson');
      const tally =
        batch && (await world.store.read({ batch: batch.id, sort: 'T0000/00/0000000' }));
      if (tally !== undefined) break;
      await new Promise((go) => setTimeout(go, 25));
    }
    await world.upload('inbox/one/moving.ndjson', lines(3));
    const both = await world.ended('moving.ndjson', { count: 2 });
    const reports = await Promise.all(both.map(({ id }) => world.report(id)));
    const failed = reports.find(({ status }) => status === 'failed');
    expect(failed?.reason).toContain(
      'moving.ndjson is not the object that the batch was started with',
    );
    expect(reports.find(({ status }) => status === 'done')).toMatchObject({ ok: 3, total: 3 });
  }, 60_000);

  test('nothing went wrong inside the emulator', () => {
    expect(world.faults).toEqual([]);
  });
});

describe('the emulated cloud, a minute in three seconds', () => {
  test('a worker that is killed at its time-out goes on inside the chunk', async () => {
    const world = await emulated({ assembly, speed: SPEED });
    await world.upload('inbox/blocking/rows.ndjson', lines(12));
    const [batch] = await world.ended('rows.ndjson');
    const report = await world.report(batch?.id as string);
    expect(report).toMatchObject({ status: 'done', ok: 12, chunks: 1 });
    expect(world.emulator.stats().functions['WorkerBlocking0']).toMatchObject({ timeouts: 1 });
    const outcomes = await world.outcomes(batch?.id as string);
    expect(outcomes.split('\n').filter(Boolean)).toHaveLength(12);
    expect(await world.deadLetters()).toBe(0);
    expect(world.faults).toEqual([]);
    await world.close();
  }, 60_000);
});

describe.skipIf(!FULL)('steps in the emulated cloud (SLUICE_FULL)', () => {
  test('go on after a worker was killed at its time-out, and under chaos: the same bytes and rows', async () => {
    const chaos = 'duplicate=0.1,kill=0.05,seed=3';
    const world = await emulated({ assembly, speed: 4, chaos });
    try {
      await world.upload('inbox/broken/broken.ndjson', lines(200));
      const [batch] = await world.ended('broken.ndjson', { withinMs: 150_000 });
      const id = batch?.id as string;
      expect(await world.outcomes(id)).toBe(steppedOutcomes(200));
      const there = Array.from({ length: 200 }, (_, n) => n);
      const wanted = there.filter((n) => ![3, 4].includes(n % 10));
      expect([...(await rowsOf('broken'))]).toEqual([[id, wanted]]);
      const { functions } = world.emulator.stats();
      expect(functions['WorkerBroken0']?.timeouts).toBeGreaterThan(0);
      expect(await world.deadLetters()).toBe(0);
    } finally {
      await world.close();
    }
  }, 180_000);
});

describe('sluice emulate run', () => {
  test('takes a folder as a batch for each file, and a manifest of local files as one batch', async () => {
    const data = join(folder, 'data');
    mkdirSync(join(data, 'more'), { recursive: true });
    writeFileSync(join(data, 'a.ndjson'), lines(3));
    writeFileSync(join(data, 'more', 'b.ndjson'), lines(2));
    const manifest = join(folder, 'day.manifest.jsonl');
    writeFileSync(manifest, '{"path":"data/more/b.ndjson"}\ndata/a.ndjson\n');
    const home = join(folder, 'home-emulate');
    const args = ['emulate', 'run', 'two', data, manifest, '--cdk-out', assembly];
    const { code, stdout, stderr } = await cli([...args, '--json', '--home', home]);
    expect(code, stderr).toBe(0);
    const reports = stdout.trim().split('\n');
    expect(reports.map((line) => JSON.parse(line) as Report)).toMatchObject([
      { status: 'done', ok: 3 },
      { status: 'done', ok: 2 },
      { status: 'done', ok: 5, chunks: 5 },
    ]);
    expect(stderr).toContain('day.manifest.jsonl and the 2 files that it names to s3://');
  }, 60_000);
});

describe('the emulated cloud under chaos', () => {
  test('duplicates, throttles, kills, lost and late events: the same bytes', async () => {
    const chaos = 'duplicate=0.1,throttle=0.05,kill=0.05,reorder=0.5,seed=7';
    const world = await emulated({ assembly, speed: CHAOS_SPEED, chaos });
    try {
      const options = { 'sluice-now': NOW, 'sluice-chunk': '100' };
      await world.upload('inbox/odds/chaos.csv', sample, options);
      const [batch] = await world.ended('chaos.csv', { withinMs: 90_000 });
      const outcomes = await world.outcomes(batch?.id as string);
      const digest = createHash('sha256').update(outcomes).digest('hex');
      expect(digest).toBe(createHash('sha256').update(local.outcomes).digest('hex'));
      const { chaos: did } = world.emulator.stats();
      expect(did.duplicate + did.throttle + did.kill).toBeGreaterThan(0);
      expect(await world.deadLetters()).toBe(0);
    } finally {
      await world.close();
    }
  }, 120_000);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../lib/adapters/local/sqlite.ts';
import type { Job, Limits } from '../../lib/core/job.ts';
import { jobKey, REPORT_FILES, reportKey, roundJobKey } from '../../lib/core/keys.ts';
import type { Report } from '../../lib/core/report.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import { listBatches } from '../../lib/engine/batch.ts';
import { planRetry } from '../../lib/engine/plan-retry.ts';
import { startNextRound } from '../../lib/engine/start-round.ts';
import { batchState } from '../../lib/engine/status.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import {
  defineJob,
  each,
  groupBy,
  ndjson,
  ok,
  PermanentError,
  StalledError,
  skip,
} from '../../lib/index.ts';
import { tableSink, uniqueTable } from '../../lib/sinks/table-sink.ts';
import { Crash, dyingAt } from '../support/dying.ts';
import { memoryWorld, type WorldOptions } from '../support/memory-engine.ts';

const FULL = process.env['SLUICE_FULL'] === '1';

interface Row {
  n: number;
  keys: string[];
}

interface Given {
  key: string;
  n: number;
}

interface Gathered {
  key: string;
  ns: number[];
}

/** How something ends until a round: by `spread/<n>`, `gather/<key>`, `last/<key>`. */
type Ends = 'fail' | 'stall';
let bad = new Map<string, { until: number; ends: Ends }>();
let round = 0;
/** All that ran, in no order. */
let ran: string[] = [];
let look: (() => Promise<void>) | undefined;

afterEach(() => {
  [bad, round, ran, look] = [new Map(), 0, [], undefined];
});

async function meet(name: string): Promise<void> {
  ran.push(name);
  await look?.();
  const fate = bad.get(name);
  if (fate === undefined || round >= fate.until) return;
  if (fate.ends === 'stall') throw new StalledError('silent');
  throw new PermanentError(`no ${name}`, { code: 'NO' });
}

const spread = each({
  name: 'spread',
  retry: { tries: 1 },
  async process(row, ctx) {
    const { n, keys } = row as Row;
    await meet(`spread/${n}`);
    return ok.many(keys.map((key) => ({ key, n, draw: ctx.rng() })));
  },
});
const gather = groupBy({
  name: 'gather',
  key: ({ key }: Given) => key,
  retry: { tries: 1 },
  async process({ key, rows }, ctx) {
    await meet(`gather/${key}`);
    const all: Given[] = [];
    for await (const row of rows) all.push(row);
    const ns = all.map(({ n }) => n);
    return key === 'skipped' ? skip('as told') : ok({ key, ns, all, draw: ctx.rng() });
  },
});
const last = each({
  name: 'last',
  retry: { tries: 1 },
  async process(row: Gathered, ctx) {
    await meet(`last/${row.key}`);
    return ok({ key: row.key, ns: row.ns, at: ctx.index, draw: ctx.rng() });
  },
});

const jobOf = (...stages: unknown[]): Job =>
  defineJob({ name: 'grouped', input: ndjson(), stages } as never) as unknown as Job;
const ALL = jobOf(spread, gather, last);

const KEYS = ['a', 'b', 'c', 'd', 'skipped'];
const ROWS: Row[] = Array.from({ length: 24 }, (_, n) => ({
  n,
  keys: n % 6 === 5 ? [] : [KEYS[n % 4] as string, ...(n % 3 === 0 ? ['skipped', 'a'] : [])],
}));

const failing = (names: readonly string[], until = 1, ends: Ends = 'fail'): void => {
  for (const name of names) bad.set(name, { until, ends });
};

const worldOf = (options: Partial<WorldOptions> & { job?: Job; limits?: Limits } = {}) => {
  const { job = ALL, ...rest } = options;
  return memoryWorld(job, { rows: ROWS, limits: { chunk: 4, workers: 2 }, ...rest });
};
type World = ReturnType<typeof worldOf>;

async function runAll(world: World): Promise<World> {
  round = 0;
  await world.start();
  await world.run();
  return world;
}

async function begin(world: World, filter: RetryFilter = {}) {
  const batch = await world.batch();
  const plan = await planRetry(world.engine, batch, filter);
  round = plan.round;
  ran = [];
  const digest = world.engine.jobDigest;
  const file = (await world.engine.objects.get(jobKey(world.id))) as Uint8Array;
  await world.engine.objects.put(roundJobKey({ id: world.id, round, digest }), file);
  await startNextRound(world.engine, batch, { plan, digest });
  return plan;
}

async function retry(world: World, filter: RetryFilter = {}) {
  const plan = await begin(world, filter);
  await world.run();
  return plan;
}

async function reportOf({ engine, id }: World, of = round): Promise<Report> {
  const bytes = await engine.objects.get(reportKey(id, of, 'report.json'));
  return JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
}

interface Line {
  stage?: number;
  index: number;
  key: string | null;
  status: string;
  value?: Gathered;
}

const linesOf = async (world: World): Promise<Line[]> =>
  (await world.outcomes())
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

/** Report, status, failures, details and verify all say what the items say. */
async function agrees(world: World, damaged?: string): Promise<Report> {
  const batch = await world.batch();
  const report = await reportOf(world, batch.round);
  const lines = await linesOf(world);
  const having = (status: string): number => lines.filter((line) => line.status === status).length;
  const { total, skipped, failed, stalled, notRun } = report;
  expect({ total, ok: report.ok, skipped, failed, stalled, notRun }).toEqual({
    ...{ total: lines.length, ok: having('ok'), skipped: having('skipped') },
    ...{ failed: having('failed'), stalled: having('stalled'), notRun: having('notRun') },
  });
  expect((await batchState(world.engine.store, world.id))?.open).toEqual({ failed, stalled });
  const place = ({ stage = 0, index }: Pick<Line, 'stage' | 'index'>): string =>
    `${stage}/${index}`;
  expect(report.details?.map((detail) => `${place(detail)} ${detail.status}`)).toEqual(
    lines.map((line) => `${place(line)} ${line.status}`),
  );
  const bytes = await world.engine.objects.get(reportKey(world.id, batch.round, 'failures.jsonl'));
  const failures = Buffer.from(bytes ?? [])
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => place(JSON.parse(line) as Line));
  const open = lines.filter(({ status }) => status === 'failed' || status === 'stalled');
  expect(failures).toEqual(open.map(place));
  const { problems } = await verifyBatch(world.engine, batch, undefined);
  expect(problems.map((problem) => problem.split(': ')[0])).toEqual(damaged ? [damaged] : []);
  return report;
}

/** What a job leaves that never failed. */
async function neverFailed(options: Parameters<typeof worldOf>[0] = {}): Promise<string> {
  const kept = bad;
  bad = new Map();
  const world = await runAll(worldOf({ limits: { chunk: 1000, workers: 1 }, ...options }));
  bad = kept;
  return world.outcomes();
}

describe('a retry over a groupBy', () => {
  it('puts retried items into their groups, in input order; other groups keep their bytes', async () => {
    const job = jobOf(spread, gather);
    failing(['spread/5', 'spread/6', 'spread/9']);
    const world = await runAll(worldOf({ job }));
    const before = await linesOf(world);
    const kept = new Map<string, Uint8Array>();
    for await (const key of world.raw.objects.list(`batches/${world.id}/r0/`)) {
      kept.set(key, (await world.raw.objects.get(key)) as Uint8Array);
    }
    const { eligible, list } = await retry(world);
    expect(eligible).toBe(3);
    expect(list.toString().split('\n').filter(Boolean)).toHaveLength(2);
    const spreadAgain = ran.filter((name) => name.startsWith('spread/'));
    const report = await agrees(world);
    expect(report).toMatchObject({ failed: 0, resolved: 3, rounds: [{}, { total: 3 + 5 }] });
    expect(await world.outcomes()).toBe(await neverFailed({ job }));
    // Rows 6 and 9 have the keys c; b, 'skipped' and a: d alone is as it was.
    const after = await linesOf(world);
    const of = (lines: Line[], key: string) =>
      JSON.stringify(lines.find((line) => line.stage === 1 && line.key === key));
    expect(of(after, 'd')).toBe(of(before, 'd'));
    expect(of(after, 'c')).not.toBe(of(before, 'c'));
    expect(after.find(({ stage, key }) => stage === 1 && key === 'b')?.value?.ns).toEqual([
      1, 9, 13, 21,
    ]);
    expect(spreadAgain.sort()).toEqual(['spread/5', 'spread/6', 'spread/9']);
    for (const [key, bytes] of kept) expect(await world.raw.objects.get(key)).toEqual(bytes);
  }, 30_000);

  it('of a failed group alone works from the groupBy on, without the input', async () => {
    failing(['gather/b']);
    const world = await runAll(worldOf());
    expect(await agrees(world)).toMatchObject({ failed: 1 });
    const { eligible, list } = await retry(world);
    expect([eligible, list.length]).toEqual([1, 0]);
    expect(ran.filter((name) => name.startsWith('spread/'))).toEqual([]);
    expect(ran.filter((name) => name.startsWith('gather/'))).toHaveLength(5);
    expect(await agrees(world)).toMatchObject({ failed: 0, resolved: 1 });
    expect(await world.outcomes()).toBe(await neverFailed());
    expect((await listBatches(world.engine.store))[0]).toMatchObject({
      resolvedAt: expect.any(Number) as number,
    });
  }, 30_000);

  it('counts a group that fails anew in the place of the old one', async () => {
    failing(['gather/b', 'last/c'], 2);
    failing(['spread/0'], 1);
    const world = await runAll(worldOf());
    await retry(world);
    // Row 0 is well now; group b and what c gave failed once more.
    expect(await agrees(world)).toMatchObject({ failed: 2, resolved: 1 });
    await retry(world, { stage: 'last' });
    expect(await agrees(world)).toMatchObject({ failed: 0, resolved: 3, round: 2 });
    expect(await world.outcomes()).toBe(await neverFailed());
  }, 30_000);

  it('groups by number what two each stages gave: new items stand behind', async () => {
    const pass = each({ name: 'pass', process: (row) => ok(row) });
    const job = jobOf(spread, pass, gather, last);
    failing(['spread/0', 'spread/12']);
    failing(['spread/4'], 2);
    const world = await runAll(worldOf({ job }));
    await retry(world);
    await agrees(world);
    await retry(world);
    await agrees(world);
    const a = (await linesOf(world)).find(({ stage, key }) => stage === 2 && key === 'a');
    const rest = ROWS.filter(({ n, keys }) => ![0, 4, 12].includes(n) && keys.length > 0).flatMap(
      ({ n, keys }) => keys.filter((key) => key === 'a').map(() => n),
    );
    expect(a?.value?.ns).toEqual([...rest, 0, 0, 12, 12, 4]);
  }, 30_000);

  it('goes through a second groupBy, whose rows are those of the round alone', async () => {
    const sizes = groupBy({
      name: 'sizes',
      key: ({ ns }: Gathered) => `${ns.length % 2}`,
      process: async (group) => ok((await group.list()).map(({ key }) => key)),
    });
    const job = jobOf(spread, gather, sizes);
    failing(['spread/0', 'spread/6', 'gather/c']);
    const world = await runAll(worldOf({ job }));
    await retry(world);
    expect(await agrees(world)).toMatchObject({ failed: 0 });
    expect(await world.outcomes()).toBe(await neverFailed({ job }));
  }, 30_000);

  it('after two rounds is as if nothing had failed, whatever failed where, and however it was cut', async () => {
    const names = fc.uniqueArray(
      fc.oneof(
        fc.nat(23).map((n) => `spread/${n}`),
        fc.constantFrom(...KEYS).map((key) => `gather/${key}`),
        fc.constantFrom(...KEYS).map((key) => `last/${key}`),
      ),
      { minLength: 1, maxLength: 12 },
    );
    let right: string | undefined;
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.infiniteStream(fc.record({ until: fc.constantFrom(1, 2), stalls: fc.boolean() })),
        fc.constantFrom(1, 3, 1000),
        fc.integer({ min: 1, max: 3 }),
        async (failed, fates, chunk, workers) => {
          right ??= await neverFailed();
          bad = new Map();
          for (const name of failed) {
            const { until, stalls } = fates.next().value;
            bad.set(name, { until, ends: stalls ? 'stall' : 'fail' });
          }
          const world = await runAll(worldOf({ limits: { chunk, workers } }));
          for (let times = 0; times < 3; times += 1) {
            const { failed: left, stalled } = await agrees(world);
            if (left + stalled > 0) await retry(world, { stalled: true });
          }
          expect(await agrees(world)).toMatchObject({ failed: 0, stalled: 0 });
          expect(await world.outcomes()).toBe(right);
        },
      ),
      { numRuns: FULL ? 200 : 3 },
    );
  }, 600_000);

  it('wants to be told where it would send again what has stalled from the groupBy on', async () => {
    failing(['gather/a'], 1, 'stall');
    failing(['spread/1']);
    const world = await runAll(worldOf());
    await expect(begin(world)).rejects.toMatchObject({
      code: 'STATE',
      message:
        "Batch test-batch has 1 stalled item from its groupBy 'gather' on, and a retry works all of those stages anew.",
      hint: expect.stringContaining('retry with --stalled') as string,
    });
    expect((await planRetry(world.engine, await world.batch(), { codes: ['x'] })).eligible).toBe(0);
    await retry(world, { stalled: true });
    expect(await world.outcomes()).toBe(await neverFailed());
  }, 30_000);
});

describe('a round over a groupBy that does not get through', () => {
  it('leaves the outcomes of before where it is cancelled; the next one works all', async () => {
    for (const after of FULL ? [1, 4, 9] : [1, 9]) {
      [bad, look] = [new Map(), undefined];
      failing(['spread/0', 'spread/6', 'spread/20', 'gather/b', 'last/c']);
      const world = await runAll(worldOf({ limits: { chunk: 1, workers: 1 } }));
      const before = await world.outcomes();
      let started = 0;
      look = async () => {
        started += 1;
        if (started === after)
          await stopBatch(world.engine, world.id, { stop: 'cancel', reason: 'asked to' });
      };
      await retry(world);
      expect((await world.batch()).status).toBe('cancelled');
      look = undefined;
      await agrees(world);
      expect(await world.outcomes()).toBe(before);
      await retry(world);
      expect(await agrees(world)).toMatchObject({ status: 'done', failed: 0 });
      expect(await world.outcomes()).toBe(await neverFailed());
    }
  }, 60_000);

  it.each<[string, string, (bytes: Uint8Array) => Uint8Array | undefined]>([
    ['gone', 'is missing.', () => undefined],
    ['cut short', 'is damaged: its foot is missing.', (bytes) => bytes.subarray(0, -40)],
    [
      'damaged within',
      'is damaged',
      (bytes) => bytes.map((byte, at) => (at === 30 ? ~byte : byte)),
    ],
  ])(
    'ends as failed where a shuffle object of round 0 is %s, and says so',
    async (_, what, change) => {
      failing(['spread/6', 'gather/b']);
      const world = await runAll(worldOf());
      const before = await world.outcomes();
      const key = `batches/${world.id}/r0/shuffle/0/000003-1.gz`;
      const bytes = (await world.raw.objects.get(key)) as Uint8Array;
      const changed = change(bytes);
      if (changed === undefined) await world.raw.objects.delete(key);
      else await world.raw.objects.put(key, changed);
      await retry(world);
      const { status, reason } = await world.batch();
      expect(status).toBe('failed');
      expect(reason).toContain('What round 0 gave is not there any more: ');
      expect(reason).toContain(key);
      expect(reason).toContain(what);
      expect(reason).toContain(
        'Bring it back from a copy and retry once more, or run the job anew.',
      );
      expect(await world.outcomes()).toBe(before);
      await agrees(world, key);
      await world.raw.objects.put(key, bytes);
      await retry(world);
      expect(await world.outcomes()).toBe(await neverFailed());
    },
    30_000,
  );

  it('goes on where it died, and leaves what it would have left', async () => {
    failing(['spread/0', 'spread/6', 'gather/b', 'last/c']);
    const undisturbed = await runAll(worldOf());
    await retry(undisturbed);
    const digests = (await reportOf(undisturbed)).digests.outcomes;
    const outcomes = await undisturbed.outcomes();
    const numRuns = FULL ? 200 : 5;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 2 }),
        async (deaths) => {
          const first = await runAll(worldOf());
          await begin(first);
          for (const at of [...deaths, Number.POSITIVE_INFINITY]) {
            const death = dyingAt(at);
            const world = worldOf({ after: first.raw, onCall: death.onCall });
            try {
              await world.takeUp();
              await world.run();
            } catch (error) {
              if (!(error instanceof Crash)) throw error;
            }
          }
          expect((await reportOf(first, 1)).digests.outcomes).toBe(digests);
          expect(await first.outcomes()).toBe(outcomes);
          await agrees(first);
        },
      ),
      { numRuns },
    );
  }, 600_000);

  it('does not mix rows that other code would group otherwise', async () => {
    let other = '';
    const job = jobOf(
      spread,
      groupBy({
        name: 'gather',
        key: ({ key }: Given) => `${key}${other}`,
        process: (group) => ok(group.key),
      }),
    );
    failing(['spread/6']);
    const world = await runAll(worldOf({ job }));
    const before = await world.outcomes();
    other = '!';
    await retry(world);
    expect(await world.batch()).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(
        /^key\(row\) of groupBy 'gather' gives "(\w+)!" for a row that round 0 grouped by "\1"\. Put the key back as it was, or run the job anew\.$/,
      ) as string,
    });
    expect(await world.outcomes()).toBe(before);
  }, 30_000);

  it('takes items whose rows had no fit key, once they have one', async () => {
    let fit = false;
    const key = ({ key: own }: Given) => (own === 'b' && !fit ? '' : own);
    const process = (group: { key: string; size: number }) => ok([group.key, group.size]);
    const job = jobOf(spread, groupBy({ name: 'gather', key, process }));
    const world = await runAll(worldOf({ job }));
    const report = await agrees(world);
    expect(report.failures.map(({ code }) => code)).toEqual(['bad-key']);
    fit = true;
    const never = await neverFailed({ job });
    await retry(world);
    expect(await agrees(world)).toMatchObject({ failed: 0, resolved: report.failed });
    expect(await world.outcomes()).toBe(never);
  }, 30_000);

  it('says the same when its end is made again', async () => {
    failing(['spread/0', 'gather/b', 'last/c']);
    const world = await runAll(worldOf());
    await retry(world);
    const files = async (): Promise<(Uint8Array | undefined)[]> =>
      Promise.all(REPORT_FILES.map((file) => world.raw.objects.get(reportKey(world.id, 1, file))));
    const first = await files();
    const death = dyingAt(Number.POSITIVE_INFINITY);
    await worldOf({ after: world.raw, onCall: death.onCall }).takeUp();
    expect(await files()).toEqual(first);
  }, 30_000);
});

describe('tables behind a groupBy', () => {
  it('have what the newest round gave, and a repeat changes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-groups-'));
    const url = `sqlite:${join(folder, 'rows.db')}`;
    const columns = { key: 'text', rows: 'integer' } as const;
    const row = ({ key, ns }: Gathered) => ({ key, rows: ns.length });
    const own = { url, columns, row };
    const unique = uniqueTable<Gathered>({ ...own, table: 'one', unique: 'key' });
    const job = jobOf(
      spread,
      gather,
      each({
        name: 'insert',
        steps: [tableSink<Gathered>({ ...own, table: 'all_rows' }), unique.sink],
      }),
    );
    try {
      // Group b is there from round 1 on, so the numbers of those behind it change.
      failing(['spread/1', 'spread/6', 'spread/9', 'spread/13', 'spread/21']);
      const options = { job, env: { sqlite: openSqlite } };
      const world = await runAll(worldOf(options));
      const database = openSqlite(join(folder, 'rows.db'));
      const table = (name: string) =>
        database
          .prepare(`SELECT key, rows, item, round FROM ${name} ORDER BY key`)
          .all()
          .map(([key, rows, item, of]) => ({ key, rows, item, round: of }));
      const keysIn = (name: string) => table(name).map(({ key }) => key);
      expect(keysIn('one')).toEqual(['a', 'c', 'd']);
      await retry(world);
      expect(await agrees(world)).toMatchObject({ failed: 0 });
      const right = (await linesOf(world))
        .filter(({ stage }) => stage === 2)
        .map(({ index, value }) => ({ ...row(value as Gathered), item: index, round: 1 }))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(right.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
      for (const name of ['one', 'all_rows']) expect(table(name)).toEqual(right);
      database.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 30_000);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleJob } from '../../lib/app/job-file.ts';
import type { Report } from '../../lib/core/report.ts';
import { type StackWorld, stackWorld } from './stack-world.ts';

const JOB = `
import { defineJob, ndjson, ok, PermanentError } from 'sluice';
export default defineJob({
  name: 'tell',
  input: ndjson(),
  key: (row) => row.id,
  limits: { chunk: 5, concurrency: 2, workers: 2 },
  process(row) {
    if (row.bad > Number(process.env.MENDED ?? 0)) throw new PermanentError('no', { code: 'BAD' });
    return ok(row.id);
  },
});
`;
/** Some rows fail in the first stage, some of what the others give in the second, until MENDED is set. */
const STAGED = `
import { defineJob, each, ndjson, ok, PermanentError } from 'sluice';
const bad = (is) => { if (is && !process.env.MENDED) throw new PermanentError('no', { code: 'BAD' }); };
export default defineJob(
  { name: 'staged', input: ndjson(), limits: { chunk: 4, workers: 2 } },
  each({ name: 'spread', cpu: true, process: (n) => { bad(n % 5 === 1); return ok.many([n, n + 0.5]); } }),
  each({ name: 'draw', limits: { chunk: 3 }, process: (n, ctx) => { bad(n % 4 === 2); return ok({ n, draw: ctx.rng() }); } }),
);
`;
/** The order of a group's rows shows in what it gives; both sides of the groupBy fail. */
const GROUPED = `
import { defineJob, each, groupBy, ndjson, ok, PermanentError } from 'sluice';
const bad = (is) => { if (is && !process.env.MENDED) throw new PermanentError('no', { code: 'BAD' }); };
export default defineJob(
  { name: 'grouped', input: ndjson(), limits: { chunk: 4, workers: 2 } },
  each({ name: 'read', process: (n) => { bad(n % 7 === 1); return ok({ n, key: 'k' + (n % 5) }); } }),
  groupBy({ name: 'gather', cpu: true, key: ({ key }) => key, async process({ key, list }) {
    bad(key === 'k3');
    return ok({ key, ns: (await list()).map(({ n }) => n) });
  } }),
  each({ name: 'last', process: ({ key, ns }, ctx) => { bad(key === 'k0'); return ok({ key, ns, draw: ctx.rng() }); } }),
);
`;
let on: StackWorld;
let id = '';

beforeAll(async () => {
  on = await stackWorld({ tell: JOB, staged: STAGED, grouped: GROUPED });
  const rows = Array.from({ length: 40 }, (_, i) => {
    const bad = i % 10 === 3 ? 1 : i === 17 ? 2 : 0;
    return `${JSON.stringify({ id: `r${i}`, bad })}\n`;
  });
  await on.world.inbox(await on.world.upload('inbox/tell/in.jsonl', rows.join('')));
  await on.world.run();
  const [entry] = JSON.parse(await on.sluice(['list', '--json'])) as { id: string }[];
  id = entry?.id ?? '';
}, 60_000);
afterAll(async () => {
  delete process.env['MENDED'];
  await on.close();
});

const reported = async (): Promise<Report> => JSON.parse(await on.sluice(['report', id, '--json']));

describe('retry --stack', () => {
  it('says what it would run, and refuses what only a home has', async () => {
    expect(await on.sluice(['retry', id, '--dry-run'])).toContain('eligible  5 items, as round 1');
    const width = await on.run(['retry', id, '--workers', '3', '--stack', 'Sluice']);
    expect([width.code, width.err]).toEqual([
      64,
      expect.stringContaining('does not take --workers'),
    ]);
    await on.sluice(['retry', id, '--code', 'NOPE'], 4);
  });

  it('begins the round, and the functions run it; every look at the batch knows of it', async () => {
    process.env['MENDED'] = '1';
    const begun = await on.run(['retry', id, '--stack', 'Sluice', '--json']);
    expect(JSON.parse(begun.out)).toMatchObject({ batch: id, round: 1, items: 5 });
    await on.sluice(['retry', id], 1);
    await on.world.run();
    expect(await reported()).toMatchObject({
      ...{ round: 1, status: 'done', total: 40, ok: 39, failed: 1, resolved: 4 },
      rounds: [{ total: 40 }, { total: 5, ok: 4, failed: 1 }],
    });
    expect((await on.sluice(['items', id, '--json'])).trim().split('\n')).toHaveLength(40);
    expect(JSON.parse(await on.sluice(['status', id, '--json']))).toMatchObject({
      ...{ round: 1, status: 'done', open: { failed: 1, stalled: 0 } },
    });
    expect(await on.sluice(['verify', id])).toContain('round 1: 1 parts');
  });

  it('needs a sweep, and no more, where the message to the planner was lost; runs other code when told to', async () => {
    process.env['MENDED'] = '2';
    const file = join(on.place.cwd, 'tell.ts');
    writeFileSync(file, JOB.replace("'no'", "'not at all'"));
    const { bytes } = await bundleJob(file, join(on.world.root, 'b'));
    writeFileSync(join(on.world.root, 'jobs', 'tell.mjs'), bytes);
    on.world.coldStart();
    (on.server.answers.stacks['Sluice'] as { outputs: object }).outputs = on.outputs();
    const refused = await on.run(['retry', id, '--stack', 'Sluice']);
    expect(refused.err).toContain('of stack Sluice is not the code that batch');
    await on.sluice(['retry', id, '--accept-code-change']);
    const sqs = new SQSClient({});
    await sqs.send(new PurgeQueueCommand({ QueueUrl: on.outputs()['Inbox'] }));
    sqs.destroy();
    await on.world.run();
    expect(JSON.parse(await on.sluice(['status', id, '--json']))).toMatchObject({ doneItems: 0 });
    await on.world.resume(id);
    await on.world.run();
    const report = await reported();
    expect(report).toMatchObject({ round: 2, failed: 0, ok: 40, resolved: 5 });
    expect(new Set(report.rounds?.map(({ digests }) => digests.job)).size).toBe(2);
    expect(await on.sluice(['verify', id])).toContain('is as it was written');
    expect((await on.run(['retry', id, '--stack', 'Sluice'])).code).toBe(4);
  });

  it('leaves the list once it was resolved long enough ago, by hand or by the sweeper', async () => {
    const forgotten = await on.sluice(['purge', '--resolved', '--older-than', '30d']);
    expect(forgotten).toContain('No batch was resolved that long ago.');
    (on.world.cloud.settings as { purgeResolvedMs?: number }).purgeResolvedMs = 0;
    expect((await on.world.sweep()).forgotten).toEqual([id]);
    expect(JSON.parse(await on.sluice(['list', '--json']))).toEqual([]);
    expect((await on.world.sweep()).forgotten).toEqual([]);
    expect(await on.sluice(['status', id])).toContain('done');
  });
});

/** Without threads too in the long run: rounds in one thread are test/engine's as well. */
const FULL = process.env['SLUICE_FULL'] !== undefined;

describe('retry of a job of two stages', () => {
  const rows = Array.from({ length: 20 }, (_, n) => `${n}\n`).join('');
  const now = '2026-01-01T00:00:00Z';

  it('runs the failures of both, on the stack and in a home: one digest', async () => {
    delete process.env['MENDED'];
    await on.world.inbox(
      await on.world.upload('inbox/staged/nums.jsonl', rows, { 'sluice-now': now }),
    );
    await on.world.run();
    on.place.write('nums.jsonl', rows);
    const homes = FULL ? ['off', 'on'] : ['on'];
    const idIn = async (at: string[]): Promise<string> => {
      const { out } = await on.run(['list', '--json', ...at]);
      const found = JSON.parse(out) as { id: string; job: string }[];
      return found.find(({ job }) => job === 'staged')?.id ?? '';
    };
    for (const parallel of homes) {
      const flags = ['--now', now, '--home', parallel, '--parallel', parallel, '--workers', '2'];
      expect((await on.run(['run', './staged.ts', 'nums.jsonl', ...flags])).code).toBe(2);
    }
    process.env['MENDED'] = '1';
    const places = [['--stack', 'Sluice'], ...homes.map((home) => ['--home', home])];
    const reports: Report[] = [];
    for (const at of places) {
      const batch = await idIn(at);
      const dry = await on.run(['retry', batch, '--dry-run', '--stage', 'draw', ...at]);
      expect(dry.out).toContain('eligible  4 items, as round 1');
      expect(dry.out).toContain('4 failed in another stage');
      const other = await on.run(['retry', batch, '--stage', 'nowhere', ...at]);
      expect([other.code, other.err]).toEqual([
        4,
        expect.stringContaining('Its stages: spread, draw.'),
      ]);
      const threads = at[1] === 'Sluice' ? [] : ['--parallel', at[1] as string];
      const begun = await on.run(['retry', batch, '--json', ...threads, ...at]);
      expect([begun.code, begun.err]).toEqual([0, expect.any(String) as string]);
      await on.world.run();
      reports.push(JSON.parse((await on.run(['report', batch, '--json', ...at])).out) as Report);
      expect((await on.run(['verify', batch, ...at])).code).toBe(0);
      const items = (await on.run(['items', batch, '--json', ...at])).out.trim().split('\n');
      expect(items).toHaveLength(20 + 40);
    }
    for (const report of reports) {
      expect(report).toMatchObject({
        ...{ round: 1, status: 'done', total: 60, ok: 60, failed: 0, resolved: 8 },
        rounds: [
          {},
          {
            total: 16,
            stages: [
              { name: 'spread', ok: 4 },
              { name: 'draw', ok: 12 },
            ],
          },
        ],
      });
      expect(report.rounds?.map(({ digests }) => digests.outcomes)).toEqual(
        reports[0]?.rounds?.map(({ digests }) => digests.outcomes),
      );
    }
  }, 60_000);
});

describe('retry of a job with a groupBy', () => {
  const rows = Array.from({ length: 20 }, (_, n) => `${n}\n`).join('');
  const now = '2026-01-01T00:00:00Z';
  /** The second and third stage, as items leave them. */
  const behind = async (batch: string, at: string[]): Promise<string> => {
    const { out } = await on.run(['items', batch, '--json', ...at]);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return JSON.stringify(
      lines
        .filter(({ stage = 0 }) => stage !== 0)
        .map(({ stage, index, key, status, value }) => ({ stage, index, key, status, value })),
    );
  };

  it('leaves what a job leaves that never failed: on the stack, and in a home', async () => {
    delete process.env['MENDED'];
    await on.world.inbox(
      await on.world.upload('inbox/grouped/groups.jsonl', rows, { 'sluice-now': now }),
    );
    await on.world.run();
    on.place.write('groups.jsonl', rows);
    const homes = FULL ? ['g-off', 'g-on'] : ['g-on'];
    const places = [['--stack', 'Sluice'], ...homes.map((home) => ['--home', home])];
    const runHere = (home: string) => {
      const flags = ['--now', now, '--home', home, '--parallel', home === 'g-on' ? 'on' : 'off'];
      return on.run(['run', './grouped.ts', 'groups.jsonl', ...flags, '--workers', '2']);
    };
    for (const home of homes) {
      const ended = await runHere(home);
      expect([ended.code, ended.out]).toEqual([
        2,
        expect.stringMatching(/^again .*retry grouped-/m),
      ]);
    }
    process.env['MENDED'] = '1';
    expect((await runHere('g-never')).code).toBe(0);
    const idIn = async (at: string[]): Promise<string> => {
      const { out } = await on.run(['list', '--json', ...at]);
      const found = JSON.parse(out) as { id: string; job: string }[];
      return found.find(({ job }) => job === 'grouped')?.id ?? '';
    };
    const right = await behind(await idIn(['--home', 'g-never']), ['--home', 'g-never']);
    expect(right).toContain('"ns":[1,6,11,16]');
    for (const at of places) {
      const batch = await idIn(at);
      const dry = await on.run(['retry', batch, '--dry-run', ...at]);
      expect(dry.out).toContain('eligible  5 items, as round 1\n');
      expect(dry.out).toContain("anew      all of stage 'gather' and those behind it");
      const threads = at[1] === 'Sluice' ? [] : ['--parallel', at[1] === 'g-on' ? 'on' : 'off'];
      const begun = await on.run(['retry', batch, ...threads, ...at]);
      expect([begun.code, begun.err]).toEqual([
        0,
        expect.stringContaining(
          "5 items once more; stage 'gather' and those behind it work all anew.",
        ),
      ]);
      await on.world.run();
      expect((await on.run(['verify', batch, ...at])).code).toBe(0);
      const { out } = await on.run(['report', batch, '--json', ...at]);
      expect(JSON.parse(out)).toMatchObject({
        ...{ round: 1, status: 'done', total: 20 + 5 + 5, ok: 30, failed: 0, resolved: 5 },
        rounds: [{}, { stages: [{ total: 3 }, { total: 5 }, { total: 5 }] }],
      });
      expect(await behind(batch, at)).toBe(right);
    }
  }, 60_000);
});

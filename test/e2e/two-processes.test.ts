import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { brief, newWorld, parseLines, until, type World } from '../support/world.ts';

const ITEMS = 80;

/** Writes each item that it processes to a file, in one append, so that repeats are seen. */
const JOB = `import { appendFileSync } from 'node:fs';
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'seen', input: ndjson(), key: (row: any) => row.id,
  limits: { chunk: 5, workers: 2, concurrency: 1 },
  async process(row: any) {
    appendFileSync('seen', row.id + '\\n');
    await new Promise((go) => setTimeout(go, Number(process.env.SEEN_MS ?? 15)));
    return ok(row.n * 2);
  },
});
`;
const ROWS = Array.from({ length: ITEMS }, (_, n) => `${JSON.stringify({ id: `k${n}`, n })}\n`);
const EXPECTED = ROWS.map((_, n) => `k${n} ok ${n * 2}`);

function place(): World & { seen(): string[] } {
  const world = newWorld();
  world.write('job.ts', JOB);
  world.write('input.jsonl', ROWS.join(''));
  const seen = (): string[] =>
    existsSync(world.path('seen'))
      ? readFileSync(world.path('seen'), 'utf8').split('\n').filter(Boolean)
      : [];
  return { ...world, seen };
}

const FOLLOWS = 'Another process runs it; this one follows.';
const RUN = ['run', 'job.ts', 'input.jsonl', '--json'];

/** Starts a slow run (3 s and more) and waits until it has worked some items. */
async function running(world: ReturnType<typeof place>, flags: string[] = []) {
  const started = world.start([...RUN, ...flags], { env: { SEEN_MS: '80' } });
  await until('the first items', () => world.seen().length >= 6);
  return started;
}

const once = (world: ReturnType<typeof place>): void => {
  const seen = world.seen();
  expect(new Set(seen).size).toBe(seen.length);
};

describe('two processes on one home', () => {
  it('started at once on one input: one batch, each item processed once', async () => {
    const world = place();
    const answers = await Promise.all([world.cli(RUN), world.cli(RUN)]);
    expect(
      answers.map(({ code }) => code),
      answers.map((a) => a.stderr).join(),
    ).toEqual([0, 0]);
    expect(answers[0]?.stdout).toBe(answers[1]?.stdout);
    expect(brief(world.outcomes())).toEqual(EXPECTED);
    expect(world.seen()).toHaveLength(ITEMS);
    once(world);
    expect((await world.cli(['verify', world.batch()])).code).toBe(0);
  });

  it('different inputs at once: a batch each', async () => {
    const world = place();
    world.write('other.jsonl', ROWS.slice(0, 30).join(''));
    const [one, other] = await Promise.all([
      world.cli(RUN),
      world.cli(['run', 'job.ts', 'other.jsonl', '--json']),
    ]);
    expect([one?.code, other?.code], `${one?.stderr}${other?.stderr}`).toEqual([0, 0]);
    expect(world.batches()).toHaveLength(2);
    const idOf = ({ stdout }: { stdout: string }): string =>
      (JSON.parse(stdout) as { batch: string }).batch;
    expect(brief(world.outcomes(idOf(one)))).toEqual(EXPECTED);
    expect(brief(world.outcomes(idOf(other)))).toEqual(EXPECTED.slice(0, 30));
  });

  it('kill -9 of the one that runs it: the follower takes over', async () => {
    const world = place();
    const runner = await running(world);
    const follower = world.start(RUN);
    await until('the follower to follow', () => follower.said().includes(FOLLOWS));
    runner.child.kill('SIGKILL');
    expect((await runner.done).signal).toBe('SIGKILL');
    const { code, stderr, stdout } = await follower.done;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'done', total: ITEMS, ok: ITEMS });
    expect(brief(world.outcomes())).toEqual(EXPECTED);
    // Only what was released and not committed is processed again: at most the window, 2 x 2 workers + 2 chunks.
    expect(world.seen().length).toBeLessThanOrEqual(ITEMS + 6 * 5);
  });

  it('a pause ends the runner and the follower; a resume finishes', async () => {
    const world = place();
    const runner = await running(world, ['--workers', '1', '--chunk', '2']);
    const follower = world.start(RUN);
    await until('the follower to follow', () => follower.said().includes(FOLLOWS));
    const paused = await world.cli(['pause', world.batch(), '--json']);
    expect([paused.code, JSON.parse(paused.stdout)]).toEqual([
      0,
      expect.objectContaining({ status: 'pausing' }),
    ]);
    for (const { code, stdout, stderr } of await Promise.all([runner.done, follower.done])) {
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'paused' });
    }
    const kept = world.seen().length;
    expect(kept).toBeLessThan(ITEMS);
    const resumed = await world.cli(['resume', world.batch(), '--json']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(brief(world.outcomes())).toEqual(EXPECTED);
    expect(world.seen()).toHaveLength(ITEMS);
    once(world);
  });

  it('a run after a pause goes on, also while the paused one still drains', async () => {
    const world = place();
    const runner = await running(world, ['--workers', '1']);
    await world.cli(['pause', world.batch()]);
    const again = await world.cli(RUN);
    expect(again.code, again.stderr).toBe(0);
    expect((await runner.done).code).toBe(0);
    expect(brief(world.outcomes())).toEqual(EXPECTED);
    once(world);
  });

  it('a cancel while it runs: both processes end, and what was not released is not in it', async () => {
    const world = place();
    const runner = await running(world);
    const cancelled = await world.cli(['cancel', world.batch(), '--json']);
    expect(cancelled.code, cancelled.stderr).toBe(0);
    const { code, stdout } = await runner.done;
    expect(code).toBe(1);
    const report = world.report();
    expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled', notRun: report.notRun });
    expect(report.total).toBeLessThan(ITEMS);
    expect(report.ok + report.notRun).toBe(report.total);
    const outcomes = parseLines<Outcome>(world.outcomes());
    expect(outcomes.filter(({ status }) => status === 'notRun')).toHaveLength(report.notRun);
    expect(world.seen()).toHaveLength(report.ok);
    const again = await world.cli(['resume', world.batch(), '--json']);
    expect([again.code, JSON.parse(again.stdout)]).toEqual([
      1,
      expect.objectContaining({ status: 'cancelled' }),
    ]);
  });

  it('a cancel of a batch that nobody runs ends it, with a report', async () => {
    const world = place();
    const runner = await running(world);
    runner.child.kill('SIGKILL');
    await runner.done;
    const before = world.seen().length;
    const { code, stderr } = await world.cli(['cancel', world.batch()]);
    expect(code, stderr).toBe(0);
    const report = world.report();
    expect(report).toMatchObject({ status: 'cancelled', failed: 0 });
    expect(report.notRun).toBeGreaterThan(0);
    expect(report.ok + report.notRun).toBe(report.total);
    expect(world.seen()).toHaveLength(before);
    expect((await world.cli(['verify', world.batch()])).code).toBe(0);
  });
});

describe('a batch that was left', () => {
  it('SIGTERM saves and ends with 130; nothing is processed twice', async () => {
    const world = place();
    const runner = await running(world);
    runner.child.kill('SIGTERM');
    const { code, stdout, stderr } = await runner.done;
    expect(code, stderr).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'interrupted' });
    expect(world.seen().length).toBeLessThan(ITEMS);
    const resumed = await world.cli(['resume', world.batch(), '--json']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(brief(world.outcomes())).toEqual(EXPECTED);
    expect(world.seen()).toHaveLength(ITEMS);
    once(world);
  });

  it('other code is refused, unless it is accepted; without the job file the stored one runs', async () => {
    const world = place();
    const runner = await running(world);
    runner.child.kill('SIGTERM');
    await runner.done;
    const id = world.batch();
    world.write('job.ts', JOB.replace('n * 2', 'n * 2 + 0.5'));
    for (const args of [['resume', id], RUN]) {
      const refused = await world.cli(args);
      expect([refused.code, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toMatch(
        /error: Job seen is not the code that batch seen-\S+ was started with \(\w{12} now, \w{12} then\)\.\n {2}hint: .*--accept-code-change/,
      );
    }
    const status = await world.cli(['status', id, '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ status: 'interrupted' });
    const accepted = world.start(['resume', id, '--accept-code-change', '--json']);
    const before = world.seen().length;
    await until('items of the new code', () => world.seen().length >= before + 6);
    accepted.child.kill('SIGTERM');
    expect((await accepted.done).code).toBe(130);
    rmSync(world.path('job.ts'));
    const stored = await world.cli(['resume', id, '--json']);
    expect(stored.code, stored.stderr).toBe(0);
    const outcomes = brief(world.outcomes());
    const other = outcomes.map((line, n) => line !== EXPECTED[n]);
    // Old code first, then new; two workers, so that the border is not a clean one.
    expect(other.filter(Boolean).length).toBe(ITEMS - before);
    expect(outcomes.at(-1)).toBe(`k${ITEMS - 1} ok ${(ITEMS - 1) * 2 + 0.5}`);
    once(world);
    expect((await world.cli(['verify', id])).code).toBe(0);
  });

  it('an input that changed meanwhile ends it as failed', async () => {
    const world = place();
    const runner = await running(world);
    runner.child.kill('SIGTERM');
    await runner.done;
    appendFileSync(world.path('input.jsonl'), '{"id":"late","n":1}\n');
    const { code, stderr } = await world.cli(['resume', world.batch(), '--json']);
    expect(code, stderr).toBe(1);
    const report = world.report();
    expect(report).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/input\.jsonl is not the file that the batch was started with/),
    });
    expect(report.ok).toBeGreaterThan(0);
    expect(report.ok + report.notRun).toBe(report.total);
  });
});

import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { newWorld, parseLines } from '../support/world.ts';

const ITEMS = 600;
const JOB = `import { defineJob, ndjson, ok, PermanentError } from 'sluice';
export default defineJob({
  name: 'third', input: ndjson(), limits: { chunk: 10, workers: 1, concurrency: 1 },
  process(row: any) { if (row % 3 === 0) throw new PermanentError('a third'); return ok(row); },
});
`;

function place() {
  const world = newWorld();
  world.write('job.ts', JOB);
  world.write('input.jsonl', Array.from({ length: ITEMS }, (_, n) => `${n}\n`).join(''));
  return world;
}

const RUN = ['run', 'job.ts', 'input.jsonl', '--json'];

describe('more failures than are tolerated', () => {
  it.each([
    // A share is judged on 100 items and more; the overshoot is at most the chunks under way.
    ['1%', 100, /^\d+ of \d+ items failed; tolerated: 1 % of at least 100 items$/],
    ['20', 60, /^\d+ of \d+ items failed; tolerated: 20 items$/],
  ])('--tolerate %s stops the batch with exit code 3', async (tolerate, from, reason) => {
    const world = place();
    const answer = await world.cli([...RUN, '--tolerate', tolerate]);
    expect(answer.code, answer.stderr).toBe(3);
    const report = world.report();
    expect(report).toMatchObject({ status: 'stopped', reason: expect.stringMatching(reason) });
    const done = report.ok + report.failed;
    expect(done).toBeGreaterThanOrEqual(from);
    expect(done).toBeLessThan(from + 100);
    expect(done + report.notRun).toBe(report.total);
    expect(report.total).toBeLessThan(ITEMS);
    for (const outcome of parseLines<Outcome>(world.outcomes())) {
      const { index, status } = outcome;
      if (status !== 'notRun') expect(status).toBe(index % 3 === 0 ? 'failed' : 'ok');
    }
    expect((await world.cli(['verify', world.batch()])).code).toBe(0);
  });

  it('is final: resume says so and changes nothing', async () => {
    const world = place();
    await world.cli([...RUN, '--tolerate', '20']);
    const before = world.outcomes();
    const resumed = await world.cli(['resume', world.batch()]);
    expect(resumed.code).toBe(3);
    expect(resumed.stderr).toMatch(/has ended/);
    expect(resumed.stdout).toContain('third: stopped');
    expect(world.outcomes() === before).toBe(true);
  });

  it('exactly what is tolerated is tolerated', async () => {
    const world = place();
    const failing = Math.ceil(ITEMS / 3);
    const answer = await world.cli([...RUN, '--tolerate', String(failing)]);
    expect(answer.code, answer.stderr).toBe(2);
    expect(world.report()).toMatchObject({ status: 'done', total: ITEMS, failed: failing });
  });

  it.each([['x'], ['101%'], ['-1'], ['1.5']])('--tolerate %s is bad usage', async (tolerate) => {
    const { code, stderr } = await place().cli([...RUN, `--tolerate=${tolerate}`]);
    expect(stderr).toContain(`--tolerate must be a count (50) or a share`);
    expect(code).toBe(64);
  });
});

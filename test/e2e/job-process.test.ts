import { describe, expect, it } from 'vitest';
import { brief, newWorld, type World } from '../support/world.ts';

/** A job that does `what` to the process at item 4 of 6. */
function place(what: string, { cpu = false } = {}): World {
  const world = newWorld();
  world.write(
    'job.ts',
    `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'guest', cpu: ${cpu}, input: ndjson(), limits: { chunk: 3, workers: 1, concurrency: 1 },
  async process(row: any) { if (row === 4) { ${what} } return ok(row); },
});
`,
  );
  world.write('input.jsonl', '0\n1\n2\n3\n4\n5\n');
  return world;
}

const RUN = ['run', 'job.ts', 'input.jsonl', '--json', '--progress', 'none'];
const FINE = Array.from({ length: 6 }, (_, n) => `${n} ok ${n}`);

describe('what a job does to its process', () => {
  it.each([false, true])('it prints: stdout stays the result (threads: %s)', async (cpu) => {
    const world = place("console.log('hello'); console.error('world');", { cpu });
    const answer = await world.cli([...RUN, '--parallel', cpu ? 'on' : 'off']);
    expect(answer.code, answer.stderr).toBe(0);
    expect(JSON.parse(answer.stdout)).toMatchObject({ ok: 6 });
    expect(answer.stderr).toMatch(/hello\n/);
    expect(answer.stderr).toMatch(/world\n/);
  });

  it.each([
    ["Promise.reject(new Error('alone')); await new Promise((go) => setTimeout(go, 50));", 'alone'],
    [
      "setTimeout(() => { throw new Error('late'); }, 1); await new Promise((go) => setTimeout(go, 50));",
      'late',
    ],
    ['process.exit(0);', 'process.exit'],
  ])('%s: exit 1, and one line that says so', async (what, word) => {
    const world = place(what);
    const answer = await world.cli(RUN);
    expect(answer.stderr).toMatch(
      new RegExp(`^error: The job's code .*${word}.*\\n {2}hint: `, 'm'),
    );
    expect(answer.stderr).not.toContain('    at ');
    expect(answer.code).toBe(1);
  });

  it('the item at fault fails alone in the end', async () => {
    const world = place('process.exit(0);');
    const codes: (number | null)[] = [];
    while (codes.length < 6 && codes.at(-1) !== 2) codes.push((await world.cli(RUN)).code);
    // One death before items are named, three while this one is.
    expect(codes).toEqual([1, 1, 1, 1, 2]);
    expect(brief(world.outcomes())).toEqual(FINE.with(4, '4 failed CRASHED'));
  });
});

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CliAnswer, cli, newFolder, outcomesOf } from '../support/cli.ts';

const ROWS = 40;
const KILLER = 7;

/** What each killer does to whatever runs it. */
const KILLERS = {
  loop: 'for (;;) {}',
  memory: 'const held = []; for (;;) held.push(new Array(1_000_000).fill(held.length));',
  exit: 'process.exit(7);',
  async: 'await new Promise(() => undefined);',
};

interface World {
  home: string;
  run(flags?: string[], env?: Record<string, string>): Promise<CliAnswer>;
  outcomes(): Record<string, unknown>[];
}

function world(
  killer: keyof typeof KILLERS,
  { cpu, timeout }: { cpu: boolean; timeout: string },
): World {
  const folder = newFolder();
  const home = join(folder, 'home');
  const job = join(folder, 'job.ts');
  const input = join(folder, 'rows.ndjson');
  writeFileSync(
    job,
    `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'killer', cpu: ${cpu}, input: ndjson(),
  limits: { chunk: 10, workers: 2, concurrency: 1, itemTimeout: '${timeout}' },
  ${killer === 'async' ? 'async ' : ''}process(row: any) {
    if (row === ${KILLER}) { ${KILLERS[killer]} }
    return ok(row * 2);
  },
});
`,
  );
  writeFileSync(input, Array.from({ length: ROWS }, (_, n) => `${n}\n`).join(''));
  return {
    home,
    run: (flags = [], env = {}) =>
      cli(['run', job, input, '--home', home, '--progress', 'none', ...flags], { env }),
    outcomes: () =>
      outcomesOf(home, readdirSync(join(home, 'batches'))[0] as string)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** Everybody but the killer is as if it had not been there. */
function expectOnlyKillerFailed(outcomes: Record<string, unknown>[], code: string): void {
  expect(outcomes).toHaveLength(ROWS);
  for (const [index, outcome] of outcomes.entries()) {
    if (index === KILLER) expect(outcome).toMatchObject({ status: 'failed', error: { code } });
    else expect(outcome).toEqual({ index, key: String(index), status: 'ok', value: index * 2 });
  }
}

describe('an item that kills its worker fails alone', () => {
  it('an endless loop in a thread', async () => {
    const { run, outcomes } = world('loop', { cpu: true, timeout: '300ms' });
    expect((await run(['--parallel', 'on'])).code).toBe(2);
    expectOnlyKillerFailed(outcomes(), 'CRASHED');
  });

  it('process.exit in a thread', async () => {
    const { run, outcomes } = world('exit', { cpu: true, timeout: '5s' });
    expect((await run(['--parallel', 'on'])).code).toBe(2);
    expectOnlyKillerFailed(outcomes(), 'CRASHED');
  });

  it('out of memory in a thread', async () => {
    const { run, outcomes } = world('memory', { cpu: true, timeout: '20s' });
    const answer = await run(['--parallel', 'on'], { SLUICE_THREAD_MB: '64' });
    expect(answer.code, answer.stderr).toBe(2);
    expectOnlyKillerFailed(outcomes(), 'CRASHED');
  }, 60_000);

  it('a promise that never settles, on the main thread', async () => {
    const { run, outcomes } = world('async', { cpu: false, timeout: '300ms' });
    expect((await run()).code).toBe(2);
    expectOnlyKillerFailed(outcomes(), 'ITEM_TIMEOUT');
  });

  it('out of memory on the main thread: the process dies, and resumes go on carefully', async () => {
    const { run, outcomes } = world('memory', { cpu: false, timeout: '20s' });
    const env = { NODE_OPTIONS: '--max-old-space-size=64' };
    await untilDone(() => run([], env));
    expectOnlyKillerFailed(outcomes(), 'CRASHED');
  }, 60_000);

  it.runIf(process.env['SLUICE_FULL'])(
    'an endless loop on the main thread: the watchdog ends the process',
    async () => {
      const { run, outcomes } = world('loop', { cpu: false, timeout: '300ms' });
      const answers = await untilDone(() => run());
      expect(answers[0]?.signal).toBe('SIGKILL');
      expect(answers[0]?.stderr).toContain("'sluice resume' goes on carefully");
      expectOnlyKillerFailed(outcomes(), 'CRASHED');
    },
    120_000,
  );
});

/** One death before careful mode, three while the item is named; then the batch ends. */
async function untilDone(run: () => Promise<CliAnswer>): Promise<CliAnswer[]> {
  const answers: CliAnswer[] = [];
  while (answers.length < 6) {
    const answer = await run();
    answers.push(answer);
    if (answer.code === 2) break;
  }
  expect(answers.at(-1)?.code, answers.at(-1)?.stderr).toBe(2);
  expect(answers).toHaveLength(5);
  return answers;
}

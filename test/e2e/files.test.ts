import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, newFolder, outcomesOf, reportOf, startCli } from '../support/cli.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;
const KILLS = FULL ? 20 : 2;
const folder = newFolder();
const job = join(folder, 'scan.ts');
const tree = join(folder, 'tree');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Slow enough to be killed between two pieces of the walk. */
const JOB = `import { readFileSync } from 'node:fs';
import { defineJob, each, files, ok } from 'sluice';
export default defineJob(
  { name: 'scan', input: files({ include: '**/*.txt', limits: { chunk: 1 } }), key: ({ path }) => path.slice(-30) },
  each({ name: 'read', cpu: true, limits: { chunk: 100 }, process: ({ path, size }) => {
    let sum = 0;
    for (let i = 0; i < 5_000; i += 1) sum = (sum * 31 + i) | 0;
    return ok([readFileSync(path, 'utf8'), size, sum]);
  } }),
  each({ name: 'last', process: (row) => ok(row) }),
);
`;
const FILES = 2_100;

const run = (home: string, ...more: string[]): string[] => [
  'run',
  job,
  tree,
  '--home',
  home,
  '--now',
  '2026-01-01T00:00:00Z',
  '--progress',
  'none',
  ...more,
];
const idIn = (stderr: string): string => /^Batch (\S+)/m.exec(stderr)?.[1] ?? '';

let expected = '';
let id = '';
beforeAll(async () => {
  writeFileSync(job, JOB);
  for (let at = 0; at < FILES; at += 1) {
    const below = join(tree, `${at % 7}`, `${at % 11}`);
    if (at < 77) mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `${at}.${at % 50 === 3 ? 'other' : 'txt'}`), `${at}`);
  }
  const home = join(folder, 'calm');
  const { code, stderr } = await cli(run(home, '--parallel', 'off'));
  expect(code, stderr).toBe(0);
  id = idIn(stderr);
  expected = outcomesOf(home, id);
  expect(reportOf(home, id)).toMatchObject({ ok: 3 + 2 * FILES * 0.98, failed: 0 });
}, 60_000);

describe('sluice run over folders', () => {
  it('gives the same outcomes in threads and with other chunks; verify finds them right', async () => {
    const home = join(folder, 'threads');
    const { code, stderr } = await cli(run(home, '--parallel', 'on', '--chunk', '333'));
    expect(code, stderr).toBe(0);
    expect(outcomesOf(home, id)).toBe(expected);
    const verified = await cli(['verify', id, '--home', home]);
    expect(verified.stdout).toContain('input digest');
    expect(verified.code, verified.stdout).toBe(0);
  });

  it(`leaves the same outcomes after ${KILLS} kills, and lists nothing again that was listed`, async () => {
    const home = join(folder, 'killed');
    for (let kills = 0; kills < KILLS; kills += 1) {
      const { child, done } = startCli(run(home, '--parallel', 'off'));
      await Promise.race([done, sleep(350 + Math.random() * 500)]);
      child.kill('SIGKILL');
      await done;
    }
    const { code, stderr } = await cli(run(home, '--parallel', 'on'));
    expect(code, stderr).toBe(0);
    expect(outcomesOf(home, id)).toBe(expected);
  });

  it('says what is wrong with what it is given', async () => {
    const home = join(folder, 'wrong');
    const answers: [string[], number, string][] = [
      [[join(folder, 'none')], 4, 'There is no folder'],
      [['-'], 64, 'The job finds its files in folders; got standard input.'],
      [['s3://bucket/x/'], 64, 'got s3://bucket/x/'],
      [[tree, join(tree, '1')], 64, `lies in ${tree}, which is given too`],
      [[tree, tree], 64, 'is given twice'],
    ];
    for (const [inputs, code, says] of answers) {
      const answer = await cli(['run', job, ...inputs, '--home', home]);
      expect(answer.stderr).toContain(says);
      expect(answer.code, answer.stderr).toBe(code);
    }
  });

  it('is the same batch whatever lies below; --again scans anew', async () => {
    const home = join(folder, 'again');
    const lone = join(folder, 'lone');
    mkdirSync(lone);
    writeFileSync(join(lone, 'a.txt'), 'a');
    const scan = (...more: string[]) =>
      cli(['run', job, lone, '--home', home, '--progress', 'none', ...more]);
    expect((await scan()).code).toBe(0);
    writeFileSync(join(lone, 'b.txt'), 'b');
    expect((await scan()).stderr).toContain('has ended before');
    const { stderr } = await scan('--again');
    expect(reportOf(home, idIn(stderr))).toMatchObject({ ok: 1 + 2 + 2 });
  });
});

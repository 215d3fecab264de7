import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, newFolder, outcomesOf, reportOf, startCli } from '../support/cli.ts';

/** 3 kills in `npm test`, 30 in `npm run test:full`, any number by SLUICE_KILLS. */
const FULL = process.env['SLUICE_FULL'] !== undefined;
const KILLS = Number(process.env['SLUICE_KILLS'] ?? (FULL ? 30 : 3));
/** Some 0.6 s of CPU behind the start, in 80 parts. */
const ROWS = 20_000;

const folder = newFolder();
const job = join(folder, 'spin.ts');
const input = join(folder, 'rows.ndjson');

/** About 30 µs an item: long enough to be killed in the middle, short enough to be run often. */
const JOB = `import { defineJob, ndjson, ok, skip, PermanentError } from 'sluice';
export default defineJob({
  name: 'spin',
  cpu: true,
  limits: { chunk: 250, workers: 2 },
  input: ndjson(),
  key: (row: any) => row.id,
  process(row: any, ctx) {
    let sum = 0;
    for (let i = 0; i < 30_000; i += 1) sum = (sum * 31 + i) | 0;
    if (row.n % 97 === 5) throw new PermanentError('no ' + row.n, { code: 'NO' });
    if (row.n % 89 === 7) return skip('odd one');
    return ok({ sum, draw: ctx.rng(), now: ctx.now });
  },
});
`;

const run = (home: string): string[] => [
  'run',
  job,
  input,
  '--home',
  home,
  '--now',
  '2026-01-01T00:00:00Z',
  '--progress',
  'none',
];
const batchIn = (home: string): string => readdirSync(join(home, 'batches'))[0] as string;

/** Parts that a home has. */
const partsIn = (home: string): number => {
  const batches = join(home, 'batches');
  if (!existsSync(batches)) return 0;
  const names = readdirSync(batches, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /[\\/]parts[\\/].*\.gz$/.test(name)).length;
};

/** Of three kills one comes at any moment, also of the start; the others find a part more than there was, and others under way. */
async function moment(home: string, kills: number, over: () => boolean): Promise<'kill'> {
  if (kills % 3 === 0) await sleep(150 + Math.random() * 900);
  else {
    for (const before = partsIn(home); !over() && partsIn(home) <= before; ) await sleep(10);
    await sleep(Math.random() * 200);
  }
  return 'kill';
}

let expected = '';

beforeAll(async () => {
  writeFileSync(job, JOB);
  const rows = Array.from({ length: ROWS }, (_, n) => JSON.stringify({ id: `row-${n}`, n }));
  writeFileSync(input, `${rows.join('\n')}\n`);
  const home = join(folder, 'calm');
  const { code, stderr } = await cli([...run(home), '--parallel', 'off']);
  expect(code, stderr).toBe(2);
  expected = outcomesOf(home, batchIn(home));
  expect(expected.split('\n').length).toBe(ROWS + 1);
}, 60_000);

describe('kill -9 at random moments', () => {
  it(`leaves the same outcomes after ${KILLS} kills`, async () => {
    let kills = 0;
    for (
      let home = join(folder, 'h0'), n = 0;
      kills < KILLS;
      n += 1, home = join(folder, `h${n}`)
    ) {
      for (;;) {
        const { child, done } = startCli([
          ...run(home),
          '--parallel',
          kills % 3 === 2 ? 'off' : 'on',
        ]);
        let over = false;
        void done.then(() => {
          over = true;
        });
        const delay = kills < KILLS ? moment(home, kills, () => over) : done;
        if ((await Promise.race([done, delay])) === 'kill') {
          child.kill('SIGKILL');
          const { signal } = await done;
          if (signal === 'SIGKILL') kills += 1;
          continue;
        }
        const { code, stderr } = await done;
        expect(code, stderr).toBe(2);
        break;
      }
      const batch = batchIn(home);
      expect(outcomesOf(home, batch) === expected, `home ${home}: the outcomes differ`).toBe(true);
      expect(reportOf(home, batch)).toMatchObject({ total: ROWS, status: 'done', notRun: 0 });
      expect((await cli(['verify', batch, '--home', home])).code).toBe(0);
    }
    expect(kills).toBeGreaterThanOrEqual(KILLS);
  }, 600_000);
});

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Report } from '../../lib/core/report.ts';
import { newPlace } from './sluice.ts';

const place = newPlace();
afterAll(place.remove);

describe('demo', () => {
  it('makes its sample once, runs, and knows the batch the second time', async () => {
    const args = ['demo', '--rows', '3000'];
    const first = await place.run(args);
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/items +3 000 +100 %/);
    expect(first.out).toMatch(/report +\.sluice\/batches\/odds-[a-z0-9]{10}\/r0\/report\.html\n/);
    const file = join(place.cwd, '.sluice', 'samples', 'odds-3000.csv');
    const { ino } = statSync(file);
    const second = await place.run(args);
    expect(second.err).toContain('kept from before');
    expect(second.err).toContain('has ended before');
    expect([second.code, second.out]).toEqual([0, first.out]);
    expect(statSync(file).ino).toBe(ino);
  });

  it('--crash: killed and resumed gives the outcomes of a run left alone', async () => {
    const { code, out, err } = await place.run(['demo', '--crash', '--rows', '6000', '--json']);
    expect(err).toBe('');
    const story = JSON.parse(out) as Record<string, unknown>;
    expect(story).toMatchObject({ rows: 6_000, equal: true });
    expect(story['crashed']).toMatch(/^[0-9a-f]{64}$/);
    expect(story['recordedAtKill']).toBeLessThan(6_000);
    expect(code).toBe(0);
  });
});

describe('init', () => {
  it('writes a job of 25 lines at most that runs, and never writes over a file', async () => {
    const made = await place.run(['init', 'mine', '--json']);
    const { run } = JSON.parse(made.out) as { run: string };
    expect(run).toMatch(/main\.js run \.\/mine\.job\.ts mine\.csv$/);
    const lines = readFileSync(join(place.cwd, 'mine.job.ts'), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(25);
    const { code, out } = await place.run(['run', './mine.job.ts', 'mine.csv', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out) as Report).toMatchObject({ total: 4, ok: 2, skipped: 1, failed: 1 });
    const again = await place.run(['init', 'mine']);
    expect([again.code, again.err]).toEqual([
      1,
      expect.stringContaining('mine.job.ts is there already'),
    ]);
  });
});

describe('doctor', () => {
  it('checks this machine and leaves nothing behind', async () => {
    const { code, out } = await place.run(['doctor', '--json', '--home', 'fresh']);
    const { ok, checks } = JSON.parse(out) as {
      ok: boolean;
      checks: { name: string; status: string }[];
    };
    expect([code, ok]).toEqual([0, true]);
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['node', 'home', 'disk', 'store', 'cores', 'memory']),
    );
    expect(() => statSync(join(place.cwd, 'fresh'))).toThrow('ENOENT');
  });

  it('ends with 1 when the home cannot be made', async () => {
    place.write('a-file', '');
    const { code, out } = await place.run(['doctor', '--home', 'a-file/home']);
    expect(code).toBe(1);
    expect(out).toMatch(/^fail +home +\S+a-file is no folder\n(.*\n)*fail +store /m);
  });
});

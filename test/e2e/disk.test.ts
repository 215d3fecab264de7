import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CliAnswer, cli, newFolder } from '../support/cli.ts';
import { newWorld, type World } from '../support/world.ts';

const ITEMS = 4_000;
/** Values that do not shrink, so that 4,000 items are 4 MB and more on the disk. */
const JOB = `import { createHash } from 'node:crypto';
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'fill', input: ndjson(), limits: { chunk: 100, workers: 2 },
  process(row: any) {
    let text = '';
    for (let i = 0; i < 12; i += 1) text += createHash('sha512').update(row + '/' + i).digest('base64');
    return ok(text);
  },
});
`;

function place(home = 'home'): World {
  // A process that could not give its batch up lives on in a warm one, and holds it until its lease is over.
  const world = newWorld(home, cli);
  world.write('job.ts', JOB);
  world.write('input.jsonl', Array.from({ length: ITEMS }, (_, n) => `${n}\n`).join(''));
  return world;
}

const RUN = ['run', 'job.ts', 'input.jsonl', '--now', '2026-01-01T00:00:00Z', '--progress', 'none'];

describe('a home that cannot be written', () => {
  it('below a regular file: a clear error, whoever runs it', async () => {
    const world = place('file/home');
    world.write('file', 'not a folder');
    const { code, stdout, stderr } = await world.cli(RUN);
    expect(stderr).toMatch(
      /^error: Cannot make the home folder .*file\/home: ENOTDIR\.\n {2}hint: /,
    );
    expect([code, stdout]).toEqual([1, '']);
  });

  it('one whose database is a folder', async () => {
    const world = place('home');
    mkdirSync(join(world.home, 'sluice.db'), { recursive: true });
    const { code, stderr } = await world.cli(RUN);
    expect(stderr).toMatch(/^error: .*sluice\.db/);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
  });
});

const mount = (...args: string[]): boolean => spawnSync('mount', args).status === 0;

/** A tmpfs of its own, or undefined where this user may not mount. */
function smallDisk(mb: number): string | undefined {
  const folder = join(newFolder(), 'disk');
  mkdirSync(folder);
  return mount('-t', 'tmpfs', '-o', `size=${mb}m`, 'tmpfs', folder) ? folder : undefined;
}

const probe = smallDisk(1);
if (probe !== undefined) spawnSync('umount', [probe]);
const why = probe === undefined ? ' (skipped: this user may not mount a tmpfs)' : '';

describe.skipIf(probe === undefined)(`a small disk${why}`, () => {
  const disks: string[] = [];
  afterAll(() => {
    for (const disk of disks) spawnSync('umount', ['-l', disk]);
  });
  const newDisk = (mb: number): string => {
    const disk = smallDisk(mb) as string;
    disks.push(disk);
    return disk;
  };

  it('read-only: a clear error, with a home there and without', async () => {
    const disk = newDisk(1);
    const world = place(join(disk, 'home'));
    expect(mount('-o', 'remount,ro', disk)).toBe(true);
    const none = await world.cli(RUN);
    expect(none.stderr).toMatch(
      /^error: Cannot make the home folder .*EROFS\.\n {2}hint: .*--home/,
    );
    expect([none.code, none.stdout]).toEqual([1, '']);
    expect(mount('-o', 'remount,rw', disk)).toBe(true);
    mkdirSync(world.home);
    expect(mount('-o', 'remount,ro', disk)).toBe(true);
    const empty = await world.cli(RUN);
    expect(empty.stderr).toMatch(/^error: cannot open the store .*sluice\.db: .*\n {2}hint: /);
    expect([empty.code, empty.stdout]).toEqual([1, '']);
  });

  it.runIf(process.env['SLUICE_FULL'])(
    'full: stops with exit 1 and a hint, keeps all, and a resume finishes when there is room',
    async () => {
      const calm = place();
      expect((await calm.cli(RUN)).code).toBe(0);

      const disk = newDisk(3);
      const world = place(join(disk, 'home'));
      const full = await world.cli(RUN);
      expectFull(full);
      const batch = world.batch();
      expectFull(await world.cli(['resume', batch, '--progress', 'none']));

      expect(mount('-o', 'remount,size=40m', disk)).toBe(true);
      const status = await world.cli(['status', batch, '--json']);
      const kept = (JSON.parse(status.stdout) as { doneItems: number }).doneItems;
      expect(kept).toBeGreaterThan(0);
      expect(kept).toBeLessThan(ITEMS);
      const resumed = await world.cli(['resume', batch, '--progress', 'none']);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(world.outcomes() === calm.outcomes()).toBe(true);
      expect((await world.cli(['verify', batch])).code).toBe(0);
    },
  );

  it.each(process.env['SLUICE_FULL'] ? [40, 300, 600] : [40, 600])(
    'full from the start, %d KB left: the same run works when there is room',
    async (kb) => {
      const disk = newDisk(1);
      const world = place(join(disk, 'home'));
      const ballast = join(disk, 'ballast');
      writeFileSync(ballast, Buffer.alloc((1024 - kb) * 1024));
      const full = await world.cli(RUN);
      expectFull(full);
      rmSync(ballast);
      expect(mount('-o', 'remount,size=40m', disk)).toBe(true);
      const again = await world.cli(RUN);
      expect(again.code, again.stderr).toBe(0);
      expect(world.report()).toMatchObject({ status: 'done', ok: ITEMS });
    },
  );
});

function expectFull({ code, stdout, stderr }: CliAnswer): void {
  expect(stderr).toMatch(/^error: .*(no space left|ENOSPC|disk is full)/im);
  expect(stderr).toMatch(/^ {2}hint: /m);
  expect(stderr).not.toContain('    at ');
  expect([code, stdout]).toEqual([1, '']);
}

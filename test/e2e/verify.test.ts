import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { newWorld } from '../support/world.ts';

const world = newWorld();
let batch = '';
let files: string[] = [];

/** All files below a folder, as paths from it. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();

const verify = async (): Promise<{ code: number | null; ok: boolean; problems: string[] }> => {
  const { code, stdout, stderr } = await world.cli(['verify', batch, '--json']);
  expect(stderr).toBe('');
  return { code, ...(JSON.parse(stdout) as { ok: boolean; problems: string[] }) };
};

beforeAll(async () => {
  world.write(
    'job.ts',
    `import { csv, defineJob, ok, PermanentError } from 'sluice';
export default defineJob({ name: 'kept', input: csv(), key: (row) => row.id, limits: { chunk: 10 },
  process(row, ctx) {
    ctx.log.info('seen');
    if (row.n === '7') throw new PermanentError('seven');
    return ok(ctx.rng());
  } });`,
  );
  const rows = Array.from({ length: 30 }, (_, n) => `k${n},${n}\n`).join('');
  world.write('input.csv.gz', gzipSync(`id,n\n${rows}`));
  const answer = await world.cli(['run', 'job.ts', 'input.csv.gz', '--quiet']);
  expect(answer.code, answer.stderr).toBe(2);
  batch = world.batch();
  files = filesBelow(join(world.home, 'batches', batch));
});

describe('verify', () => {
  // One file of each kind; of the parts, the middle one at its begin, its middle and its foot.
  const kinds: [string, RegExp, number[]][] = [
    ['job file', /^job\.mjs$/, [0.5]],
    ['input list', /^input\.json$/, [0.5]],
    ['part', /parts.*\.gz$/, [0.1, 0.5, 0.999]],
    ['report.json', /report\.json$/, [0.5]],
    ['report.html', /report\.html$/, [0.5]],
    ['failures', /failures\.jsonl$/, [0.5]],
    ['manifest', /manifest\.jsonl$/, [0.5]],
    ['log', /log\.jsonl\.gz$/, [0.5]],
    ['stored copy of the input', /^spool\/00000\/000000/, [0.5]],
    ['index of that copy', /^spool.*index\.json$/, [0.1, 0.9]],
  ];
  it('finds all as it was written', async () => {
    expect(await verify()).toMatchObject({ code: 0, ok: true, problems: [] });
    for (const file of files) {
      expect(
        kinds.some(([, which]) => which.test(file)),
        `${file} is flipped below`,
      ).toBe(true);
    }
  });

  it.each(kinds)(
    'a flipped byte in the %s: exit 1, and the file is named',
    async (_k, which, at) => {
      const names = files.filter((file) => which.test(file));
      const name = names[Math.floor(names.length / 2)] as string;
      const path = join(world.home, 'batches', batch, name);
      const good = readFileSync(path);
      for (const share of at) {
        const bad = Buffer.from(good);
        const place = Math.floor(share * (bad.length - 1));
        bad.writeUInt8(bad.readUInt8(place) ^ 1, place);
        writeFileSync(path, bad);
        const { code, ok, problems } = await verify().finally(() => writeFileSync(path, good));
        expect([code, ok]).toEqual([1, false]);
        // A key without a suffix has one as a file.
        expect(problems.join('\n')).toContain(name.replace(/%$/, ''));
      }
    },
  );

  it('a missing part, and one cut at its end', async () => {
    const name = files.find((file) => /parts.*\.gz$/.test(file)) as string;
    const path = join(world.home, 'batches', batch, name);
    const good = readFileSync(path);
    for (const bad of [good.subarray(0, -103), undefined]) {
      if (bad === undefined) rmSync(path);
      else writeFileSync(path, bad);
      const { code, problems } = await verify().finally(() => writeFileSync(path, good));
      expect(code).toBe(1);
      expect(problems.join('\n')).toContain(name);
    }
    expect((await verify()).code).toBe(0);
  });

  it('says on the terminal what differs', async () => {
    const path = join(world.home, 'batches', batch, 'r0', 'failures.jsonl');
    const good = readFileSync(path);
    writeFileSync(path, Buffer.concat([good, Buffer.from('\n')]));
    const { code, stdout } = await world.cli(['verify', batch]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^differs {2}.*failures\.jsonl: is not what the parts and the state give$/m,
    );
    writeFileSync(path, good);
  });

  it('an input that is gone is said; one that was flipped behind its time is a difference', async () => {
    const input = world.path('input.csv.gz');
    const good = readFileSync(input);
    renameSync(input, world.path('aside'));
    const gone = await world.cli(['verify', batch]);
    expect([gone.code, gone.stdout]).toEqual([0, expect.stringMatching(/^skipped {2}input: /m)]);
    renameSync(world.path('aside'), input);
    spawnSync('touch', ['-r', input, world.path('time')]);
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(20) ^ 1, 20);
    writeFileSync(input, bad);
    spawnSync('touch', ['-r', world.path('time'), input]);
    const { code, problems } = await verify();
    expect([code, problems]).toEqual([1, ['input: its digest is not the recorded one']]);
    writeFileSync(input, good);
    spawnSync('touch', ['-r', world.path('time'), input]);
    expect((await verify()).code).toBe(0);
  });
});

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Detail, Report } from '../../lib/core/report.ts';
import { jobText, newest, newPlace, rows } from './sluice.ts';

const place = newPlace();
afterAll(place.remove);

const MIXED = rows(10, {
  2: { bad: '=cmd("x"), and\nmore' },
  4: { skip: 'not now' },
  5: { value: { a: '1,2' } },
  // Spelled as text: in a literal, __proto__ would set the prototype.
  7: JSON.parse('{"__proto__":{"a":1},"value":7}') as object,
});

let id = '';
beforeAll(async () => {
  place.write('tell.ts', jobText());
  place.write('mixed.jsonl', MIXED);
  place.write('fine.jsonl', rows(5));
  await place.run(['run', './tell.ts', 'mixed.jsonl']);
  id = await newest(place);
});

describe('run', () => {
  it('ends with 2 where items failed, and says where the report is and what to do next', async () => {
    const { code, out, err } = await place.run(['run', './tell.ts', 'mixed.jsonl', '--again']);
    expect(code).toBe(2);
    expect(out).toMatch(/^tell: done\n/);
    expect(out).toMatch(/ok +8 +80.00 %/);
    const [report, look, again] = out.trimEnd().split('\n').slice(-3) as [string, string, string];
    const path = report.replace(/^report +/, '');
    expect(path).toMatch(/^\.sluice\/batches\/tell-[a-z0-9]{10}\/r0\/report\.html$/);
    expect(existsSync(join(place.cwd, path))).toBe(true);
    expect(look).toMatch(/^look +node .*main\.js items tell-[a-z0-9]{10} --status failed$/);
    expect(again).toMatch(/^again +node .*main\.js retry tell-[a-z0-9]{10}$/);
    expect(err).toMatch(/^Batch tell-[a-z0-9]{10}\n$/);
  });

  it('ends with 0 where all went well, and is silent on stderr under --quiet', async () => {
    const { code, out, err } = await place.run(['run', './tell.ts', 'fine.jsonl', '--quiet']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('tell: done');
    expect(out).toMatch(/check +node .* verify tell-/);
  });

  it('says that the same input is done already, with the same result', async () => {
    const { code, out, err } = await place.run(['run', './tell.ts', 'mixed.jsonl']);
    expect(code).toBe(2);
    expect(err).toContain(`Batch ${id} has ended before`);
    expect(out).toContain(`batch     ${id}`);
  });

  it('prints one JSON document under --json, with details only when asked', async () => {
    const args = ['run', './tell.ts', 'mixed.jsonl', '--json'];
    const plain = JSON.parse((await place.run(args)).out) as Report;
    expect(plain).toMatchObject({ batch: id, total: 10, ok: 8, skipped: 1, failed: 1, stalled: 0 });
    expect(plain).not.toHaveProperty('details');
    const full = JSON.parse((await place.run([...args, '--details'])).out) as Report;
    expect(full.details).toHaveLength(10);
    expect(full.details?.[4]).toMatchObject({
      index: 4,
      key: 'r4',
      status: 'skipped',
      reason: 'not now',
    });
  });

  it('takes a flag before the environment before the job', async () => {
    place.write(
      'limited.ts',
      jobText({ name: 'limited', limits: '{ concurrency: 7, workers: 3 }' }),
    );
    const run = async (args: string[], env: Record<string, string>) => {
      const { out } = await place.run(
        ['run', './limited.ts', 'fine.jsonl', '--again', '--json', ...args],
        { env },
      );
      const { concurrency, workers } = JSON.parse(out) as Report;
      return [concurrency, workers];
    };
    expect(await run([], {})).toEqual([7, 3]);
    expect(await run([], { SLUICE_CONCURRENCY: '5', SLUICE_WORKERS: '' })).toEqual([5, 3]);
    const env = { SLUICE_CONCURRENCY: '5', SLUICE_WORKERS: '9' };
    expect(await run(['--concurrency', '2', '--workers', '1'], env)).toEqual([2, 1]);
  });

  it('keeps its home where --home or SLUICE_HOME says', async () => {
    const args = ['run', './tell.ts', 'fine.jsonl', '--quiet'];
    await place.run([...args, '--home', 'flag home'], { env: { SLUICE_HOME: 'env-home' } });
    await place.run(args, { env: { SLUICE_HOME: 'env-home' } });
    const { out } = await place.run(['--home', 'flag home', 'status']);
    expect(out).toMatch(/next +node .*main\.js --home 'flag home' report tell-/);
    expect(existsSync(join(place.cwd, 'env-home', 'batches'))).toBe(true);
  });

  it('reads standard input', async () => {
    const args = ['run', './tell.ts', '-', '--json'];
    const { code, out } = await place.run(args, { input: rows(6) });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ total: 6, input: { name: 'stdin' } });
  });

  it('feeds failures back in', async () => {
    const failures = join('.sluice', 'batches', id, 'r0', 'failures.jsonl');
    const { code, out } = await place.run(['run', './tell.ts', failures, '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ total: 1, failed: 1 });
  });

  it('ends with 3 when more fail than are tolerated', async () => {
    const bad = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [i, { bad: 'no' }]));
    place.write('bad.jsonl', rows(40, bad));
    const args = [
      'run',
      './tell.ts',
      'bad.jsonl',
      '--tolerate',
      '3',
      '--chunk',
      '2',
      '--workers',
      '1',
    ];
    const { code, out } = await place.run([...args, '--json']);
    expect(code).toBe(3);
    expect((JSON.parse(out) as Report).status).toBe('stopped');
  });
});

describe('what can be asked afterwards', () => {
  it('items: a table, cut to the terminal, harmless for it', async () => {
    const wide = (await place.run(['items', id])).out.trimEnd().split('\n');
    expect(wide).toHaveLength(11);
    expect(wide[0]).toMatch(/^ +index {2}key +status +tries +took {2}detail$/);
    expect(wide[3]).toContain('BAD_ROW: =cmd("x"), and␊more');
    const env = { COLUMNS: '40' };
    const narrow = (await place.run(['items', id, '--status', 'failed'], { env })).out;
    for (const line of narrow.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
  });

  it.each([
    [['--status', 'failed'], [2]],
    [['--status', 'skipped'], [4]],
    [['--code', 'BAD_ROW'], [2]],
    [['--code', 'OTHER_CODE'], []],
    [['--key', 'r9'], [9]],
    [['--index', '5'], [5]],
    [
      ['--limit', '2'],
      [0, 1],
    ],
  ])('items %j --json', async (flags, indexes) => {
    const { code, out } = await place.run(['items', id, '--json', ...flags]);
    const found = out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Detail);
    expect(found.map(({ index }) => index)).toEqual(indexes);
    expect(code).toBe(0);
  });

  it('items --csv: formulas are made inert, quotes and line ends quoted', async () => {
    const { out } = await place.run(['items', id, '--csv']);
    expect(out.split('\n')[0]).toBe(
      'index,key,status,tries,startedAt,durationMs,worker,kind,code,message,value',
    );
    expect(out).toContain(`,permanent,BAD_ROW,"'=cmd(""x""), and\nmore",\n`);
    expect(out).toContain(`,,,,"{""a"":""1,2""}"\n`);
  });

  it('report: the same summary, the stored bytes, every item', async () => {
    expect((await place.run(['report', id])).out).toContain(`batch     ${id}`);
    const json = (await place.run(['report', id, '--json'])).out;
    const file = join(place.cwd, '.sluice', 'batches', id, 'r0', 'report.json');
    const digest = (text: string | Buffer): string =>
      createHash('sha256').update(text).digest('hex');
    expect(digest(json)).toBe(digest(readFileSync(file)));
    const lines = (await place.run(['report', id, '--details'])).out.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as Detail)).toEqual(
      (JSON.parse(json) as Report).details,
    );
  });

  it('logs: lines of the items, by index and level; the engine in its own', async () => {
    const all = (await place.run(['logs', id])).out.trimEnd().split('\n');
    expect(all).toHaveLength(10);
    expect(all[3]).toMatch(/^\S+Z info {2}#3 r3 saw it id="r3"$/);
    const one = (await place.run(['logs', id, '--index', '3', '--json'])).out;
    expect(JSON.parse(one)).toMatchObject({
      level: 'info',
      index: 3,
      key: 'r3',
      msg: 'saw it',
      id: 'r3',
    });
    expect((await place.run(['logs', id, '--level', 'warn'])).out).toBe('');
    const engine = (await place.run(['logs', id, '--engine'])).out;
    expect(engine).toContain('chunk committed');
    expect(engine).not.toMatch(/batch="(?!tell-)/);
  });

  it('status and list', async () => {
    const status = JSON.parse((await place.run(['status', id, '--json'])).out) as object;
    expect(status).toMatchObject({ batch: id, status: 'done', doneItems: 10, totalItems: 10 });
    const text = (await place.run(['status', id])).out;
    expect(text).toMatch(/items +10 of 10 done, 8 ok, 1 skipped, 1 failed\n/);
    const list = (await place.run(['list'])).out.trimEnd().split('\n');
    expect(list[0]).toMatch(/^id +job +status +started +done\/total +failed$/);
    const started = list.slice(1).map((line) => /\d{4}-\S+ \S+/.exec(line)?.[0]);
    expect(started).toEqual([...started].sort().reverse());
    expect((await place.run(['list', '--home', 'none', '--json'])).out).toBe('[]\n');
  });

  it('verify: 0 as it was, 1 after a flipped byte', async () => {
    place.write('v.jsonl', rows(3));
    const { out } = await place.run(['run', './tell.ts', 'v.jsonl', '--json']);
    const { batch } = JSON.parse(out) as Report;
    const good = await place.run(['verify', batch]);
    expect(good.out).toContain(`Batch ${batch} is as it was written.`);
    expect(good.code).toBe(0);
    const file = `.sluice/batches/${batch}/r0/report.html`;
    place.write(file, readFileSync(join(place.cwd, file), 'utf8').replace('<', '<!-- -->< '));
    const bad = await place.run(['verify', batch, '--json']);
    expect(bad.code).toBe(1);
    const verdict = JSON.parse(bad.out) as { ok: boolean; problems: string[] };
    expect(verdict.ok).toBe(false);
    expect(verdict.problems).toEqual([expect.stringContaining('report.html')]);
  });

  it('verify never runs a stored job file that was changed', async () => {
    place.write('w.jsonl', rows(2));
    const { out } = await place.run(['run', './tell.ts', 'w.jsonl', '--json']);
    const { batch } = JSON.parse(out) as Report;
    place.write(
      `.sluice/batches/${batch}/job.mjs`,
      "import { writeFileSync } from 'node:fs'; writeFileSync('ran', ''); export default 1;",
    );
    const { code, err } = await place.run(['verify', batch, '--json']);
    expect([code, err]).toEqual([1, '']);
    expect(existsSync(join(place.cwd, 'ran'))).toBe(false);
  });

  it('purge: asks for --yes, then nothing is left, and the same run starts anew', async () => {
    place.write('p.jsonl', rows(4));
    const run = ['run', './tell.ts', 'p.jsonl', '--json'];
    const { batch } = JSON.parse((await place.run(run)).out) as Report;
    const asked = await place.run(['purge', batch]);
    expect(asked.code).toBe(64);
    expect(asked.err).toContain(`Purging batch ${batch} cannot be undone: say --yes.`);
    const purged = JSON.parse((await place.run(['purge', batch, '--yes', '--json'])).out) as object;
    expect(purged).toMatchObject({ purged: [{ batch }] });
    expect(existsSync(join(place.cwd, '.sluice', 'batches', batch))).toBe(false);
    expect((await place.run(['status', batch])).code).toBe(4);
    expect((await place.run(['list'])).out).not.toContain(batch);
    expect((await place.run(['purge', batch, '--yes'])).code).toBe(4);
    const again = await place.run(run);
    expect(JSON.parse(again.out)).toMatchObject({ batch, total: 4 });
    expect((await place.run(['list'])).out).toContain(batch);
    expect((await place.run(['purge', '--older-than', '1h', '--yes'])).out).toBe(
      'No finished batch is that old.\n',
    );
  });

  it('a reader that goes away ends it quietly', async () => {
    const { child, ended } = place.start(['report', id, '--details']);
    child.stdout?.destroy();
    const { code, err } = await ended;
    expect([code, err]).toEqual([0, '']);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../lib/core/report.ts';
import { inProcess } from './in-process.ts';
import { type Ended, jobText, newPlace, rows } from './sluice.ts';

const place = newPlace();
const from = process.cwd();
afterAll(() => {
  process.chdir(from);
  place.remove();
});

/** Rows say what happens until MENDED is set, and whether that mends them. */
const JOB = `
import { defineJob, ndjson, ok, PermanentError, StalledError } from 'sluice';
export default defineJob({
  name: 'tell',
  input: ndjson(),
  key: (row) => row.id,
  limits: { chunk: 10, tolerateFailures: '50%' },
  process(row, ctx) {
    ctx.log.info('saw it');
    if (row.stalls) throw new StalledError('silent');
    if (row.bad && (row.never || !process.env.MENDED)) throw new PermanentError('no', { code: row.bad });
    return ok({ id: row.id, draw: ctx.rng(), now: ctx.now, size: (row.long ?? '').length });
  },
});
`;
const MENDED = { MENDED: '1' };
const INPUT = rows(60, {
  3: { bad: 'A' },
  // Longer than what a failed item's part keeps of it.
  14: { bad: 'A', long: 'x'.repeat(40_000) },
  15: { bad: 'B', never: true },
  40: { stalls: true },
});

/** In this process: 50 commands of their own would take 20 s of CPU. */
const run = (args: string[], env: Record<string, string> = {}): Promise<Ended> =>
  inProcess(args, env);
const json = async (args: string[], env = {}) =>
  JSON.parse((await run([...args, '--json'], env)).out);
const items = async (id: string): Promise<{ index: number; status: string; round?: number }[]> =>
  (await run(['items', id, '--json'])).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const newestHere = async (): Promise<string> =>
  ((await json(['list'])) as { id: string }[])[0]?.id ?? '';

let id = '';
beforeAll(async () => {
  process.chdir(place.cwd);
  place.write('tell.ts', JOB);
  place.write('in.jsonl', INPUT);
  const { code, err } = await run(['run', './tell.ts', 'in.jsonl']);
  expect([code, err]).toEqual([2, expect.stringContaining('Batch tell-')]);
  id = await newestHere();
});

describe('retry --dry-run', () => {
  it('says how many would run, and why the others would not', async () => {
    const { code, out } = await run(['retry', id, '--dry-run']);
    expect(code).toBe(0);
    expect(out).toContain('eligible  3 items, as round 1\n');
    expect(out).toContain('codes     A (2), B (1), STALLED (1)\n');
    expect(out).toContain(
      'not       1 stalled: the remote may still work on them (--stalled takes',
    );
    expect(await json(['retry', id, '--dry-run', '--code', 'A', '--first', '1'])).toEqual({
      ...{ batch: id, round: 1, eligible: 1, failed: 1, stalled: 0 },
      notTaken: { otherCode: 2, otherKey: 0, otherStage: 0, stalled: 0, beyondFirst: 1 },
      others: { ok: 56, skipped: 0, notRun: 0, resolved: 0 },
      codes: { A: 2, B: 1, STALLED: 1 },
    });
    expect((await json(['status', id])).round).toBe(0);
  });
});

describe('retry', () => {
  it.each([
    [
      ['--first', '0'],
      64,
      "--first must be a whole number from 1 to 9007199254740991 (items); got '0'.",
    ],
    [['--first', 'many'], 64, "got 'many'."],
    [['--code', 'NOPE'], 4, "has the code 'NOPE'.\n  hint: Its codes: A (2), B (1), STALLED (1)."],
    [['--key', 'r0'], 4, 'No failed item of batch'],
    [
      ['--code', 'STALLED'],
      4,
      'has nothing to retry: 1 stalled, 3 failed with another code.\n  hint: The remote may still',
    ],
    [['--wait'], 64, '--wait is for a stack'],
    [['--tolerate', 'lots'], 64, '--tolerate must be a count'],
  ])('refuses %j', async (flags, code, message) => {
    const ended = await run(['retry', id, ...flags]);
    expect(ended.err).toContain(message);
    expect(ended.code).toBe(code);
  });

  it('runs what was asked for as the next round, and shows the batch as it is after it', async () => {
    const before = new Map((await items(id)).map((one) => [one.index, one]));
    const { code, out, err } = await run(['retry', id, '--code', 'A'], MENDED);
    expect(err).toContain(`Round 1 of batch ${id}: 2 items once more.\n`);
    expect(code).toBe(2);
    expect(out).toMatch(/^tell: done\nbatch +tell-\w+, round 1\n/);
    expect(out).toMatch(
      /rounds +0: 60 items, 56 ok or skipped and 4 failed,\s+1: 2 items, 2 ok or skipped,/,
    );
    expect(out).toMatch(/ok +58 .*\n.*\nfailed +1 .*\nstalled +1 /);
    expect(out).toMatch(/look .* items tell-\w+ --status failed\nagain .* retry tell-\w+\n$/);
    const after = await items(id);
    expect(after).toHaveLength(60);
    expect(after.filter(({ round }) => round === 1)).toMatchObject([
      { index: 3, status: 'ok', value: { size: 0 } },
      { index: 14, status: 'ok', value: { size: 40_000 } },
    ]);
    for (const one of after)
      if (one.round === undefined) expect(one).toEqual(before.get(one.index));
    const status = await json(['status', id]);
    expect(status).toMatchObject({
      status: 'done',
      round: 1,
      totalItems: 2,
      open: { failed: 1, stalled: 1 },
    });
    expect((await run(['status', id])).out).toMatch(/round +1, 2 items once more, since /);
    const [listed] = await json(['list']);
    expect(listed).toMatchObject({ id, round: 1, failed: 1 });
    expect((await run(['list'])).out).toContain('done, round 1');
    expect((await run(['logs', id])).out.match(/saw it/g)).toHaveLength(62);
    const first = (await json(['report', id, '--round', '0'])) as Report;
    expect([first.round, first.failed]).toEqual([0, 3]);
    expect((await run(['report', id, '--round', '2'])).code).toBe(4);
    const verified = await json(['verify', id]);
    expect([verified.ok, verified.problems]).toEqual([true, []]);
    expect(verified.checked).toContain('round 1: list of its items');
  });

  it('does not run other code unasked, and shows both digests when it does', async () => {
    place.write('tell.ts', JOB.replace('row.never || ', ''));
    const refused = await run(['retry', id], MENDED);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('retry with --accept-code-change');
    expect((await json(['status', id])).round).toBe(1);
    const report = (await json(
      ['retry', id, '--accept-code-change', '--stalled', '--first', '1'],
      MENDED,
    )) as Report;
    expect(report).toMatchObject({ round: 2, failed: 0, stalled: 1, resolved: 3 });
    const codes = report.rounds?.map(({ digests }) => digests.job) ?? [];
    expect(codes).toHaveLength(3);
    expect(codes[0]).toBe(codes[1]);
    expect(codes[2]).not.toBe(codes[0]);
    expect((await json(['verify', id])).problems).toEqual([]);
  });

  it('is told before it begins that the input is not the same any more', async () => {
    place.write('in.jsonl', `${INPUT}\n`);
    const { code, err } = await run(['retry', id, '--stalled'], MENDED);
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('is not the file that the batch was started with'),
    ]);
    expect((await json(['status', id])).round).toBe(2);
  });
});

describe('a batch of another kind', () => {
  it('stopped by its threshold, over gzip: its failures are retried without that threshold', async () => {
    place.write('tell.ts', JOB);
    const bad = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [i, { bad: 'A' }]));
    writeFileSync(join(place.cwd, 'bad.gz'), gzipSync(rows(2000, bad)));
    expect((await run(['run', './tell.ts', 'bad.gz', '--workers', '1'])).code).toBe(3);
    const stopped = await newestHere();
    const { failed, notRun } = (await json(['report', stopped])) as Report;
    expect(failed).toBeGreaterThan(99);
    const still = await json(['retry', stopped, '--first', '100']);
    expect(still).toMatchObject({ status: 'done', failed, resolved: 0, notRun });
    const { code, out } = await run(['retry', stopped, '--json'], MENDED);
    expect(JSON.parse(out)).toMatchObject({ round: 2, failed: 0, resolved: failed, notRun });
    // What was never run is not taken by a retry, and not forgotten either.
    expect(code).toBe(notRun > 0 ? 2 : 0);
    expect((await json(['verify', stopped])).problems).toEqual([]);
  });

  it('with no failure has nothing to retry', async () => {
    place.write('fine.ts', jobText({ name: 'fine' }));
    place.write('fine.jsonl', rows(3));
    await run(['run', './fine.ts', 'fine.jsonl']);
    const { code, err } = await run(['retry', await newestHere()]);
    expect([code, err]).toEqual([
      4,
      expect.stringContaining('has nothing to retry: none of its items failed.'),
    ]);
    expect((await run(['retry', 'none-aaaaaaaaaa'])).code).toBe(4);
  });
});

describe('purge --resolved', () => {
  it('takes batches without open failures out of the list, and nothing else', async () => {
    place.write('p.jsonl', rows(5, { 2: { bad: 'A' } }));
    await run(['run', './tell.ts', 'p.jsonl']);
    const resolved = await newestHere();
    await run(['retry', resolved], MENDED);
    const usage = await run(['purge', '--resolved']);
    expect([usage.code, usage.err]).toEqual([
      64,
      expect.stringContaining('--older-than with an age'),
    ]);
    expect((await run(['purge', '--resolved', '--older-than', '30d'])).out).toContain(
      'No batch was',
    );
    const purged = await json(['purge', '--resolved', '--older-than', '1ms']);
    expect(purged.forgotten).toContain(resolved);
    expect(purged.forgotten).not.toContain(id);
    const listed = (await json(['list'])) as { id: string }[];
    expect(listed.map((one) => one.id)).not.toContain(resolved);
    expect(listed.map((one) => one.id)).toContain(id);
    expect((await json(['verify', resolved])).ok).toBe(true);
    const page = join(place.cwd, '.sluice/batches', resolved, 'r1/report.html');
    expect(readFileSync(page, 'utf8')).toContain('id="rounds"');
    // All that it left can still be deleted by its age.
    expect((await run(['purge', '--older-than', '1ms', '--yes'])).out).toContain(
      `purged ${resolved}`,
    );
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Detail, Report } from '../../lib/core/report.ts';
import { jobText, newPlace, rows } from './sluice.ts';

const place = newPlace();
afterAll(place.remove);

// 80 items of 20 ms in chunks of 4, one at a time: 1.6 s.
const ITEMS = 80;
beforeAll(() => {
  place.write(
    'slow.ts',
    jobText({ name: 'slow', ms: 20, limits: '{ concurrency: 1, workers: 1, chunk: 4 }' }),
  );
});

/** An input of its own, so that each test has its own batch. */
function slowRun(name: string, more: string[] = [], items = ITEMS): string[] {
  place.write(`${name}.jsonl`, rows(items, { 0: { value: name } }));
  return ['run', './slow.ts', `${name}.jsonl`, ...more];
}

const sleep = (ms: number): Promise<void> => new Promise((go) => setTimeout(go, ms));

async function allOnce(batch: string, items = ITEMS): Promise<void> {
  const { out } = await place.run(['report', batch, '--details']);
  const found = out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as Detail).index);
  expect(found).toEqual(Array.from({ length: items }, (_, i) => i));
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it('ends with 130 after a checkpoint; resume finishes', async () => {
    // 6 s: a loaded machine must not end it before the signal.
    const items = 300;
    const { child, ended, batch } = place.start(slowRun(signal.toLowerCase(), [], items));
    await batch();
    await sleep(300);
    child.kill(signal);
    const { code, out, err } = await ended;
    expect([code, out]).toEqual([130, '']);
    expect(err).toContain('Stopping: what runs is brought to its end and saved.');
    // A loaded machine may still plan: then nobody knows of how many.
    const [, done] =
      /is interrupted: (\d+)(?: of 300)? items done, all of it kept\./.exec(err) ?? [];
    expect(Number(done)).toBeLessThan(items);
    const resume = /Go on with: node \S+main\.js resume (\S+)\n$/.exec(err)?.[1] ?? '';
    const status = JSON.parse((await place.run(['status', resume, '--json'])).out) as object;
    expect(status).toMatchObject({ status: 'interrupted' });
    const wide = ['--concurrency', '4', '--workers', '2'];
    const resumed = await place.run(['resume', resume, '--json', ...wide]);
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.out)).toMatchObject({ status: 'done', total: items, ok: items });
    await allOnce(resume, items);
  });
});

describe('from another process', () => {
  it('pause ends the run with 0; resume goes on', async () => {
    const { ended, batch } = place.start(slowRun('paused', ['--json']));
    const id = await batch();
    await sleep(200);
    const pause = await place.run(['pause', id, '--json']);
    expect(JSON.parse(pause.out)).toMatchObject({ batch: id, status: 'pausing' });
    const { code, out, err } = await ended;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ batch: id, status: 'paused', totalItems: ITEMS });
    expect(err).toContain(`Go on with: `);
    expect(JSON.parse((await place.run(['status', id, '--json'])).out)).toMatchObject({
      status: 'paused',
    });
    const watched = await place.run(['watch', id]);
    expect([watched.code, watched.out]).toEqual([0, '']);
    const resumed = await place.run([
      'resume',
      id,
      '--json',
      '--concurrency',
      '4',
      '--workers',
      '2',
    ]);
    expect(JSON.parse(resumed.out)).toMatchObject({ status: 'done', ok: ITEMS });
    await allOnce(id);
  });

  it('cancel ends it: exit 1 for the run, 0 for the cancel, the rest not run', async () => {
    // 12 s, of which it never sees more than one: a loaded machine must not end it before the cancel.
    const { ended, batch } = place.start(slowRun('cancelled', ['--json'], 600));
    const id = await batch();
    await sleep(200);
    const unfinished = await place.run(['purge', id, '--yes']);
    expect([unfinished.code, unfinished.err]).toEqual([
      1,
      expect.stringContaining('has not ended'),
    ]);
    const cancel = await place.run(['cancel', id, '--json']);
    expect([cancel.code, JSON.parse(cancel.out)]).toEqual([
      0,
      expect.objectContaining({ status: 'cancelled' }),
    ]);
    const { code, out } = await ended;
    expect(code).toBe(1);
    expect((JSON.parse(out) as Report).status).toBe('cancelled');
    const twice = await place.run(['cancel', id]);
    expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('has ended already')]);
  });

  it('watch follows to the end', async () => {
    const { ended, batch } = place.start(slowRun('watched'));
    const id = await batch();
    const watched = await place.run(['watch', id, '--json']);
    const lines = watched.out.trimEnd().split('\n');
    // While it runs a line of figures, at the end the report.
    expect([watched.code, JSON.parse(lines.at(-1) as string)]).toEqual([
      0,
      expect.objectContaining({ batch: id, status: 'done' }),
    ]);
    expect((await ended).code).toBe(0);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeSizes } from '../../lib/app/home-sizes.ts';
import { jobText, newest, newPlace, rows } from './sluice.ts';

const place = newPlace();
afterAll(place.remove);

let ended = '';
beforeAll(async () => {
  place.write('tell.ts', jobText());
  place.write('few.jsonl', rows(5));
  await place.run(['run', './tell.ts', 'few.jsonl']);
  ended = await newest(place);
});

interface Answer {
  status: string;
  successRate: number;
  queueDepth: number;
}

describe('watch', () => {
  it('without a batch shows what runs; nothing is no error', async () => {
    const { code, out, err } = await place.run(['watch']);
    expect([code, out, err]).toEqual([0, '', 'No batch runs.\n']);
  });

  it.each([
    [['--database', 'postgres://x'], '--database is for watch --for.'],
    [['--for', '1h', '--every', '10m'], "--for must be 6000000 ms or more; got '1h'."],
    [['--for', '10m', '--every', '10ms'], "--every must be 1000 ms or more; got '10ms'."],
    [['--for', 'long'], '--for must be a duration with a unit'],
    [['--for', '1000d', '--every', '1s'], 'would be more than 100000 samples'],
    [['--every', '1ms'], "--every must be 100 ms or more; got '1ms'."],
  ])('%j is refused', async (flags, message) => {
    const { code, err } = await place.run(['watch', ended, ...flags]);
    expect([code, err]).toEqual([64, expect.stringContaining(message)]);
  });

  it('--for of a batch that has ended has nothing to judge by, and fails', async () => {
    const { code, out, err } = await place.run(['watch', ended, '--for', '6h', '--json']);
    expect([code, JSON.parse(out)]).toMatchObject([1, { samples: 0, steady: false }]);
    expect(err).toContain('0 samples are too few to judge by');
    const none = await place.run(['watch', '--for', '6h']);
    expect([none.code, none.err]).toEqual([4, expect.stringContaining('No batch runs in')]);
  });

  it('--for prints a line a sample, judges at the end of the batch, and its exit code is the verdict', async () => {
    place.write(
      'slow.ts',
      jobText({ name: 'slow', ms: 50, limits: '{ concurrency: 1, workers: 1 }' }),
    );
    place.write('many.jsonl', rows(60));
    const { batch, ended: run } = place.start(['run', './slow.ts', 'many.jsonl']);
    const id = await batch();
    const watched = await place.run(['watch', id, '--for', '10s', '--every', '1s', '--json']);
    const lines = watched.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const { steady, samples, faults } = lines.at(-1) as {
      steady: boolean;
      samples: number;
      faults: string[];
    };
    expect([watched.code, samples]).toEqual([steady ? 0 : 1, lines.length - 1]);
    expect(steady).toBe(faults.length === 0);
    // All of it is one chunk: what has ended counts before that is committed.
    const done = (lines as { doneItems?: number }[]).map(({ doneItems = 0 }) => doneItems);
    expect(done.some((items) => items > 0 && items < 60)).toBe(true);
    const [first] = lines as {
      batch: string;
      logBytes: number;
      databaseBytes: number;
      postgresBytes: null;
    }[];
    expect(first).toMatchObject({ batch: id, rate: null, postgresBytes: null });
    expect(first?.databaseBytes).toBeGreaterThan(4096);
    expect((await run).code).toBe(0);
    const sizes = await homeSizes({ folder: `${place.cwd}/.sluice` });
    expect(sizes.logBytes).toBeGreaterThan(0);
  });

  it('--for judges what it saw when it is interrupted, and ends with 130', async () => {
    place.write('one.jsonl', rows(1));
    const limits = '{ chunk: 1, concurrency: 1, workers: 1 }';
    place.write('long.ts', jobText({ name: 'long', ms: 600_000, limits }));
    const run = place.start(['run', './long.ts', 'one.jsonl']);
    const id = await run.batch();
    const watched = place.start(['watch', id, '--for', '1h', '--json']);
    await new Promise<void>((resolve) => watched.child.stdout?.once('data', () => resolve()));
    watched.child.kill('SIGINT');
    const { code, out, err } = await watched.ended;
    const [sample, verdict, ...more] = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, more]).toEqual([130, []]);
    expect(sample).toMatchObject({ batch: id, doneItems: 0 });
    expect(verdict).toMatchObject({ samples: 1, interrupted: true, steady: false });
    expect(err).toContain('Stopping: the samples up to here are judged.');
    run.child.kill('SIGKILL');
    await run.ended;
  });
});

it('status tells the figures', async () => {
  const { out } = await place.run(['status', ended, '--json']);
  const facts = JSON.parse(out) as Answer;
  expect(facts).toMatchObject({ status: 'done', successRate: 1, queueDepth: 0, utilisation: null });
});

import { describe, expect, it } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { RetryableError, retryAfterOf } from '../../lib/core/errors.ts';
import { defineJob, type Job } from '../../lib/core/job.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { ok, type Result } from '../../lib/core/outcome.ts';
import { ItemContext } from '../../lib/engine/item-context.ts';
import { runItem } from '../../lib/engine/run-item.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { newDeadlines } from '../../lib/pool/deadlines.ts';

/** Runs an item whose tries but the last throw `error`; when each began, and how it ended. */
async function run(error: unknown, { tries = 2, random = 0 } = {}) {
  const clock = memoryClock();
  const began: number[] = [];
  const step = (): Result<unknown> => {
    began.push(clock.monotonic());
    if (began.length < tries) throw error;
    return ok('at last');
  };
  const job = defineJob({
    name: 'asks',
    input: ndjson(),
    limits: { itemTimeout: '30s' },
    retry: { tries: 3, base: '100ms' },
    process: step,
  }) as Job;
  const shared = { job: 'asks', now: 0, options: {}, secrets: {}, clock };
  const settings = settingsOf(job);
  const deadlines = newDeadlines(clock);
  const runner = { job, process: step, settings, clock, random: () => random, deadlines };
  const context = new ItemContext(shared, 0, '{}');
  const finished = runItem(runner, { row: {}, context, done: (result) => result });
  await clock.advance(60_000);
  return { began, ended: (await finished).ended };
}

describe('a remote that asks to be left alone', () => {
  it.each([
    ['for 7 s', { retryAfterMs: 7000 }, 0, 7000],
    [
      'for 7 s: the back-off comes on top, so that not all come back at once',
      { retryAfterMs: 7000 },
      0.5,
      7050,
    ],
    ['for no time', { retryAfterMs: 0 }, 0.5, 50],
    ['without saying how long', {}, 0.5, 50],
  ])('%s', async (_name, options, random, waited) => {
    const { began, ended } = await run(new RetryableError('busy', options), { random });
    expect(began).toEqual([0, waited]);
    expect(ended).toMatchObject({ status: 'ok' });
  });

  it('for longer than the item may take: it fails at once, with what the remote said', async () => {
    const { began, ended } = await run(new RetryableError('come back', { retryAfterMs: 30_000 }));
    expect(began).toEqual([0]);
    expect(ended).toMatchObject({ status: 'failed', error: { message: 'come back' } });
  });

  it('is read from any error by its field, and nonsense is no wait', () => {
    const angry = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    expect(
      [
        { retryAfterMs: 5 },
        { retryAfterMs: '5' },
        { retryAfterMs: -5 },
        { retryAfterMs: Number.NaN },
        null,
        'x',
        angry,
      ].map(retryAfterOf),
    ).toEqual([5, 0, 0, 0, 0, 0, 0]);
  });
});

import { describe, expect, it } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import {
  duplicateError,
  PermanentError,
  RetryableError,
  StalledError,
  spent,
  UnavailableError,
} from '../../lib/core/errors.ts';
import type { Job, JobContext } from '../../lib/core/job.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { ok, type Result, skip } from '../../lib/core/outcome.ts';
import type { StandardSchema } from '../../lib/core/standard-schema.ts';
import { ItemContext } from '../../lib/engine/item-context.ts';
import { type Finished, runItem } from '../../lib/engine/run-item.ts';
import { defineJob } from '../../lib/index.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { newDeadlines } from '../../lib/pool/deadlines.ts';

type Schema = StandardSchema<unknown>;
type Validate = Schema['~standard']['validate'];

type Step = (row: unknown, ctx: JobContext) => unknown;

interface RunOptions {
  row?: unknown;
  key?: (row: unknown) => unknown;
  validate?: Validate;
  process?: Step;
  when?: (error: unknown) => boolean;
  tries?: number;
  grouped?: boolean;
  advanceMs?: number;
}

/** Runs one item of number 7 in virtual time; how it ended, and when each try began. */
async function run(options: RunOptions = {}) {
  const { row = { a: 1 }, key, validate, process = () => ok(1), when, tries = 3 } = options;
  const clock = memoryClock();
  const began: number[] = [];
  const step = (value: unknown, ctx: JobContext): Result => {
    began.push(clock.monotonic());
    return process(value, ctx) as Result;
  };
  const schema = validate && ({ '~standard': { version: 1, vendor: 'test', validate } } as Schema);
  const input = schema === undefined ? ndjson() : ndjson(schema);
  const job = {
    ...defineJob({
      ...{ name: 'one', input, limits: { itemTimeout: '10s' }, process: step },
      retry: { tries, base: '100ms', max: '400ms', ...(when === undefined ? {} : { when }) },
    }),
    ...(key === undefined ? {} : { key }),
  } as Job;
  const shared = { job: 'one', now: 0, options: {}, secrets: {}, clock };
  const context = new ItemContext({ ...shared, grouped: options.grouped }, 7, '{}');
  const deadlines = newDeadlines(clock);
  const settings = settingsOf(job);
  const runner = { job, process: step, settings, clock, random: () => 0.5, deadlines };
  let finished: Finished | undefined;
  const answer = runItem<void>(runner, {
    row,
    context,
    done(end) {
      finished = end;
    },
  });
  const done = Promise.resolve(answer);
  await clock.advance(options.advanceMs ?? 60_000);
  await done;
  const { key: name, ended } = finished as unknown as Finished;
  return { key: name, ended, began, context, atOnce: !(answer instanceof Promise), clock };
}

const failedWith = (error: object): object => ({ status: 'failed', error });

describe('a row and its schema', () => {
  it('is given to the job as the schema makes it, at once or late', async () => {
    for (const late of [false, true]) {
      const answer = { value: { a: 2 } };
      const { ended, atOnce } = await run({
        validate: () => (late ? Promise.resolve(answer) : answer),
        process: (row) => ok(row),
      });
      expect(ended).toEqual({ status: 'ok', value: { a: 2 } });
      expect(atOnce).toBe(!late);
    }
  });

  it('that throws or rejects fails the item, without a key and without a try', async () => {
    const error = new RangeError('no');
    const throws = (): never => {
      throw error;
    };
    for (const validate of [throws, () => Promise.reject(error)]) {
      const { key, ended, began } = await run({ validate: validate as Validate });
      expect({ key, began }).toEqual({ key: null, began: [] });
      expect(ended).toMatchObject(failedWith({ kind: 'unexpected', code: 'RangeError' }));
      expect(ended).toMatchObject({ thrown: error });
    }
  });

  it.each([
    [{ a: 1 }, [{ message: 'Bad', path: ['a'] }], 'column "a": Bad; got 1'],
    [
      { a: { b: 'x' } },
      [{ message: 'Bad', path: ['a', { key: 'b' }] }],
      'column "a.b": Bad; got "x"',
    ],
    [{ a: {} }, [{ message: 'Bad', path: ['a'] }], 'column "a": Bad'],
    [{}, [{ message: 'Bad', path: ['a'] }], 'column "a": Bad; got nothing'],
    [{}, [{ message: 'Bad', path: ['a', 'b'] }], 'column "a.b": Bad; got nothing'],
    ['text', [{ message: 'Bad' }], 'Bad'],
    ['text', [{ message: 'Bad', path: [] }], 'Bad'],
    [
      { a: 1 },
      [{ message: 'Bad', path: ['a'] }, { message: 'x' }],
      'column "a": Bad; got 1 (and 1 more)',
    ],
    [{ a: 1 }, [{ message: 'Bad', path: ['a'] }, {}, {}], 'column "a": Bad; got 1 (and 2 more)'],
    [{}, [], 'does not fit the schema'],
    [
      { a: 'x'.repeat(200) },
      [{ message: 'Bad', path: ['a'] }],
      `column "a": Bad; got "${'x'.repeat(113)}`,
    ],
  ])('that %j does not fit with %j: %s', async (row, issues, message) => {
    const validate = (() => ({ issues })) as unknown as Validate;
    const { key, ended } = await run({ row, validate });
    const error = { kind: 'invalid', code: 'SCHEMA', message };
    expect({ key, ended }).toEqual({
      key: null,
      ended: { ...failedWith(error), thrown: undefined },
    });
  });
});

const logging: Step = (_, ctx) => {
  ctx.log.info('in');
  return ok(1);
};

describe('the key of a row', () => {
  it("is the item's number where the job names none, and is what its log lines carry", async () => {
    const { key, context } = await run({ process: logging });
    expect(key).toBe('7');
    expect(context.key).toBe('7');
    expect(JSON.parse(context.lines() ?? '')).toMatchObject({ index: 7, key: '7', msg: 'in' });
    expect(await run({ key: () => 'mine' })).toMatchObject({ key: 'mine', atOnce: true });
  });

  it("may have 512 characters, a group's more", async () => {
    expect((await run({ key: () => 'k'.repeat(512) })).ended).toMatchObject({ status: 'ok' });
    expect((await run({ key: () => 'k'.repeat(513), grouped: true })).key).toHaveLength(513);
    const { key, ended, began } = await run({ key: () => 'k'.repeat(513) });
    const message = 'key(row) must give a string of at most 512 characters; got 513 characters';
    const error = { kind: 'invalid', code: 'BAD_KEY', message };
    expect({ key, began, ended }).toEqual({
      ...{ key: null, began: [] },
      ended: { ...failedWith(error), thrown: undefined },
    });
  });

  it('must be a string', async () => {
    for (const grouped of [false, true]) {
      const { ended } = await run({ key: () => 5, grouped });
      expect(ended).toMatchObject(failedWith({ code: 'BAD_KEY', message: /got number$/ }));
    }
  });

  it('that throws fails the item', async () => {
    const key = (): never => {
      throw new PermanentError('no key');
    };
    const { key: name, ended } = await run({ key });
    expect(name).toBeNull();
    expect(ended).toMatchObject(failedWith({ kind: 'permanent', message: 'no key' }));
  });
});

describe('how a step ends', () => {
  const bad = (returned: string): object =>
    failedWith({
      ...{ kind: 'unexpected', code: 'BAD_RESULT' },
      message: `process must return ok(value) or skip(reason); it returned ${returned}.`,
    });
  it.each([
    ['ok', ok(5), { status: 'ok', value: 5 }],
    ['skip', skip('why'), { status: 'skipped', reason: 'why' }],
    [
      'a reason that is no text',
      { status: 'skipped', reason: 5 },
      { status: 'skipped', reason: '5' },
    ],
    ['many', ok.many([1, 2]), { status: 'ok', values: [1, 2] }],
    ['null', null, bad('null')],
    ['undefined', undefined, bad('undefined')],
    ['a text', 'ok', bad('string')],
    ['another status', { status: 'failed' }, bad('object')],
    [
      ...['many of none', { status: 'ok', values: 'ab' }],
      failedWith({
        ...{ kind: 'permanent', code: 'BAD_RESULT' },
        message:
          'ok.many(values) takes an array of at most 100000 values; got string. Let a stage before this one give smaller items.',
      }),
    ],
    [
      ...['too many', { status: 'ok', values: new Array<number>(100_001).fill(0) }],
      failedWith({ code: 'BAD_RESULT', message: /at most 100000 values; got 100001 values\. Let/ }),
    ],
  ] as [string, unknown, object][])('%s, at once and late', async (_, result, ended) => {
    const wanted = expect.objectContaining(
      'error' in ended ? { ...ended, error: matching(ended.error as object) } : ended,
    );
    const now = await run({ process: () => result });
    expect([now.ended, now.atOnce, now.began]).toEqual([wanted, true, [0]]);
    const late = await run({ process: async () => result });
    expect([late.ended, late.atOnce, late.began]).toEqual([wanted, false, [0]]);
  });

  it('100,000 values are not too many', async () => {
    const values = new Array<number>(100_000).fill(0);
    expect((await run({ process: () => ok.many(values) })).ended).toMatchObject({ status: 'ok' });
  });
});

/** An error whose message is compared as text or pattern. */
const matching = ({ message, ...rest }: { message?: string | RegExp }): unknown =>
  expect.objectContaining({
    ...rest,
    ...(message instanceof RegExp ? { message: expect.stringMatching(message) } : {}),
    ...(typeof message === 'string' ? { message } : {}),
  });

const throwing = (error: unknown, times = 9, late = true): Step => {
  let left = times;
  return () => {
    left -= 1;
    if (left < 0) return ok('at last');
    if (late) return Promise.reject(error);
    throw error;
  };
};

describe('tries', () => {
  it.each([
    ['retryable', new RetryableError('busy'), [0, 50, 150]],
    ['permanent', new PermanentError('no'), [0]],
    ['stalled', new StalledError('silent'), [0]],
    ['of no kind', new TypeError('bug'), [0]],
    ['spent', spent(new RetryableError('tried')), [0]],
    ['unavailable', new UnavailableError('away'), [0, 50, 150]],
    ['unavailable for good', new UnavailableError('full', { retry: false }), [0]],
  ])('of an error that is %s', async (name, error, began) => {
    for (const late of [true, false]) {
      const answer = await run({ process: throwing(error, 9, late) });
      expect(answer.began).toEqual(began);
      expect(answer.ended).toMatchObject({
        ...{ status: name === 'stalled' ? 'stalled' : 'failed', thrown: error },
        error: { message: error.message },
      });
      expect(answer.context.attempt).toBe(began.length);
    }
  });

  it('a duplicate is skipped', async () => {
    const { ended, began } = await run({ process: throwing(duplicateError('there')) });
    expect({ ended, began }).toEqual({
      ended: { status: 'skipped', reason: 'duplicate' },
      began: [0],
    });
  });

  it('the job may say which errors are worth one; stalled and permanent ones never are', async () => {
    const when = (error: unknown): boolean => error instanceof TypeError;
    expect((await run({ when, process: throwing(new TypeError(''), 1) })).began).toEqual([0, 50]);
    expect((await run({ when, process: throwing(new RetryableError(''), 1) })).began).toEqual([0]);
    for (const error of [new StalledError(''), new PermanentError('')]) {
      expect((await run({ when: () => true, process: throwing(error, 1) })).began).toEqual([0]);
    }
    const broken = (): never => {
      throw new Error('in when');
    };
    expect((await run({ when: broken, process: throwing(new Error(''), 1) })).began).toEqual([0]);
  });

  it('end with the first that goes through, and with a bad result as with a good one', async () => {
    const { ended, began } = await run({ process: throwing(new RetryableError(''), 1) });
    expect(ended).toMatchObject({ status: 'ok', value: 'at last' });
    expect(began).toEqual([0, 50]);
  });

  it('one try: an error thrown at once ends the item at once', async () => {
    const { atOnce, ended } = await run({
      tries: 1,
      process: throwing(new RetryableError(''), 9, false),
    });
    expect(atOnce).toBe(true);
    expect(ended).toMatchObject({ status: 'failed' });
  });

  it('a second try of a step that answers at once may throw too', async () => {
    const { began, ended } = await run({ process: throwing(new RetryableError('busy'), 2, false) });
    expect(began).toEqual([0, 50, 150]);
    expect(ended).toMatchObject({ status: 'ok' });
  });

  it('no try begins when the time would be over: the last error stands', async () => {
    const asks = (retryAfterMs: number) => new RetryableError('busy', { retryAfterMs });
    expect((await run({ process: throwing(asks(9949), 1) })).began).toEqual([0, 9999]);
    const { began, ended } = await run({ process: throwing(asks(9950), 1) });
    expect(began).toEqual([0]);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'RETRYABLE' } });
  });
});

describe('the time-out', () => {
  it('fails the item at its moment, tells its signal, and lets the rest go by', async () => {
    let reason: unknown;
    const { ended, context } = await run({
      process: (_, ctx) => {
        ctx.signal.addEventListener('abort', () => {
          reason = ctx.signal.reason;
        });
        return new Promise(() => undefined);
      },
      advanceMs: 10_000,
    });
    const error = {
      ...{ kind: 'timeout', code: 'ITEM_TIMEOUT' },
      message: 'The item did not end within its itemTimeout of 10000 ms.',
    };
    expect(ended).toEqual({ status: 'failed', error, thrown: undefined });
    expect(reason).toMatchObject(error);
    expect(context.aborting.aborted).toBe(true);
  });

  it("counts from the item's own work: waiting for a remote moves it", async () => {
    const waits: Step = async (_, ctx) => {
      await undefined;
      (ctx as ItemContext).restartTimeout(5000);
      return new Promise(() => undefined);
    };
    let ended = false;
    void run({ process: waits, advanceMs: 14_999 }).then(() => {
      ended = true;
    });
    expect((await run({ process: waits, advanceMs: 15_000 })).ended).toMatchObject({
      error: { code: 'ITEM_TIMEOUT' },
    });
    expect(ended).toBe(false);
  });
});

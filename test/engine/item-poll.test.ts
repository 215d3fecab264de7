import { describe, expect, it, vi } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { PermanentError, RetryableError } from '../../lib/core/errors.ts';
import type { OpenPoll, PollAnswer } from '../../lib/core/poll.ts';
import { type PollCall, type PollItem, pollRemote } from '../../lib/engine/item-poll.ts';
import { newPolls } from '../../lib/engine/polls.ts';

const SECOND = 1000;

interface WorldOptions {
  saved?: OpenPoll[];
  /** Whether a save goes through: not where a later attempt has the chunk. */
  saves?: boolean;
  goes?: () => boolean;
  remotes?: Record<string, string>;
}

function pollWorld({ saved = [], saves = true, goes = () => true, remotes }: WorldOptions = {}) {
  const clock = memoryClock();
  const start = clock.now();
  const controller = new AbortController();
  const restarts: (number | undefined)[] = [];
  const item: PollItem = {
    ...{ index: 105, place: 5, remotes, signal: controller.signal },
    ...{ parkedUntil: undefined, putBackUntil: undefined },
    restartTimeout: (inMs) => void restarts.push(inMs),
  };
  const save = vi.fn(async () => saves);
  const parking = { clock, concurrency: 2, again: true };
  const polls = newPolls({ ...parking, saved, has: () => false, ahead: false, save });
  polls.pull({ next: async () => ({ done: true, value: undefined }) }, { goes }, true);
  const waiting = vi.fn();
  const env = { polls, clock, name: 'b/0', waiting };
  const submit = vi.fn<PollCall<unknown>['submit']>(async () => 'r1');
  const poll = (check: (id: string) => unknown, options?: PollCall<unknown>['options']) =>
    pollRemote(env, item, {
      ...{ name: 'p', submit, options },
      check: check as (id: string) => PollAnswer<unknown>,
    });
  return { clock, start, controller, restarts, item, save, polls, waiting, submit, poll };
}

/** The answer to a promise, by virtual time. */
async function within<T>(clock: ReturnType<typeof memoryClock>, ms: number, asked: Promise<T>) {
  const answer = asked.then(
    (value) => ({ value }),
    (error: Error & { code?: string }) => ({ error }),
  );
  for (let at = 0; at < ms; at += 500) await clock.advance(500);
  return answer;
}

describe('a submit', () => {
  it('has one key for each poll of an item, and is saved before its first check', async () => {
    const { clock, polls, save, submit, poll, start } = pollWorld();
    const order: string[] = [];
    save.mockImplementation(async () => order.push(`saved ${polls.open()[0]?.id}`) > 0);
    const check = () => {
      order.push('checked');
      return { done: 7 };
    };
    expect(await within(clock, 2 * SECOND, poll(check))).toEqual({ value: 7 });
    expect(submit.mock.calls).toEqual([[{ idempotencyKey: 'b/0/105/p' }]]);
    expect(order).toEqual(['saved r1', 'checked']);
    expect(polls.since(5)).toBe(start);
  });

  it.each<[unknown, string | undefined]>([
    ['', '0 characters'],
    ['x'.repeat(1025), '1025 characters'],
    [7, 'number'],
    [undefined, 'undefined'],
    ['x'.repeat(1024), undefined],
  ])('must give an id that a record can hold (%#)', async (id, got) => {
    const { clock, submit, poll, polls } = pollWorld();
    submit.mockResolvedValue(id as string);
    const answer = await within(
      clock,
      2 * SECOND,
      poll(() => ({ done: 1 })),
    );
    if (got === undefined) return expect(answer).toEqual({ value: 1 });
    const bound = "ctx.poll's submit must give the remote's id, a string of 1 to 1024 characters";
    expect(answer).toMatchObject({ error: { message: `${bound}; got ${got}.` } });
    expect(polls.open()).toEqual([]);
  });

  it('whose save a later attempt refuses is left to that one: nobody asks', async () => {
    const { clock, poll, item, start } = pollWorld({ saves: false });
    const check = vi.fn();
    const answer = await within(clock, 2 * SECOND, poll(check));
    expect(answer).toMatchObject({ error: { code: 'POLL_WAIT', kind: 'retryable' } });
    expect(item.parkedUntil).toBe(start);
    expect(check).not.toHaveBeenCalled();
  });

  it('is left out where the round before left work open: that is asked for at once', async () => {
    const { poll, submit } = pollWorld({ remotes: { p: 'old', other: 'no' } });
    // No time passes.
    expect(await poll((id) => ({ done: id }))).toBe('old');
    expect(submit).not.toHaveBeenCalled();
  });

  it('is left out where the item has run before: its value is asked for again, at once', async () => {
    const { clock, poll, submit } = pollWorld();
    await within(
      clock,
      SECOND,
      poll(() => ({ done: 1 })),
    );
    expect(await poll(() => ({ done: 2 }))).toBe(2);
    expect(submit).toHaveBeenCalledTimes(1);
  });
});

describe('a check', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['done', '"done"'],
    [{ status: 'done' }, '{"status":"done"}'],
    [{ long: 'x'.repeat(200) }, `{"long":"${'x'.repeat(91)}`],
  ])('must give what is known: %j', async (given, got) => {
    const { clock, poll } = pollWorld();
    const message = `ctx.poll's check must give { done: value } or { progress: anything }; got ${got}.`;
    expect(
      await within(
        clock,
        SECOND,
        poll(() => given),
      ),
    ).toMatchObject({ error: { message } });
  });

  it('is asked again after a passing fault, when its remote wants it; any other ends the item', async () => {
    const { clock, poll, start } = pollWorld();
    const asked: number[] = [];
    const check = () => {
      asked.push((clock.now() - start) / SECOND);
      if (asked.length === 1) throw new RetryableError('busy', { retryAfterMs: 2 * SECOND });
      if (asked.length === 2) throw new RetryableError('busy');
      throw new PermanentError('no such work', { code: 'LOST' });
    };
    const answer = await within(clock, 5 * SECOND, poll(check));
    expect(answer).toMatchObject({ error: { code: 'LOST' } });
    expect(asked).toEqual([1, 3, 4]);
  });

  it('has the whole time-out of its item, which does not run while it waits', async () => {
    const { clock, poll, restarts, waiting } = pollWorld();
    let asked = 0;
    await within(
      clock,
      3 * SECOND,
      poll(() => (++asked < 2 ? { progress: 1 } : { done: 1 })),
    );
    // Before each slice of a wait by what is left of it; before a check from now on.
    expect(restarts).toEqual([1000, 500, undefined, 1000, 500, undefined]);
    expect(waiting).toHaveBeenCalledTimes(4);
  });

  it('that found no slot comes at its own time, not when the quota had one', async () => {
    const { clock, poll, item } = pollWorld();
    let asked = 0;
    const check = () => {
      asked += 1;
      if (asked > 1) return { done: 1 };
      item.putBackUntil = clock.now() + 60 * SECOND;
      throw new RetryableError('no slot');
    };
    expect(await within(clock, 3 * SECOND, poll(check))).toEqual({ value: 1 });
    expect(item.putBackUntil).toBeUndefined();
  });

  it('keeps of a long progress no more than 100 characters, and still sees that it changes', async () => {
    const { clock, poll, polls } = pollWorld();
    let asked = 0;
    const silent: (number | undefined)[] = [];
    const check = () => {
      silent.push(polls.open()[0]?.silentMs);
      asked += 1;
      return asked < 4 ? { progress: 'x'.repeat(asked === 3 ? 200 : 100) } : { done: 1 };
    };
    await within(clock, 5 * SECOND, poll(check));
    expect(polls.open()[0]?.seen).toHaveLength(64);
    // New at first; the same for a second; then another.
    expect(silent).toEqual([0, 0, 1000, 0]);
  });
});

describe('work that is not due soon', () => {
  it('parks its item until then', async () => {
    const { clock, poll, item, start } = pollWorld();
    const check = vi.fn(() => ({ done: 1 }));
    const answer = await within(clock, SECOND, poll(check, { every: [{ wait: '3s' }] }));
    expect(answer).toMatchObject({ error: { code: 'POLL_WAIT' } });
    expect(item.parkedUntil).toBe(start + 3 * SECOND);
    expect(check).not.toHaveBeenCalled();
  });

  it('is waited for where it is due in two seconds', async () => {
    const { clock, poll } = pollWorld();
    const asked = poll(() => ({ done: 1 }), { every: [{ wait: '2s' }] });
    expect(await within(clock, 2 * SECOND, asked)).toEqual({ value: 1 });
  });

  it('parks its item at once where nothing may start any more, also what is due', async () => {
    const { clock, poll, item, start } = pollWorld({ goes: () => false });
    await within(
      clock,
      0,
      poll(() => ({ done: 1 })),
    );
    expect(item.parkedUntil).toBe(start + SECOND);
    const late = pollWorld({ goes: () => false, remotes: { p: 'old' } });
    await within(
      late.clock,
      0,
      late.poll(() => ({ done: 1 })),
    );
    expect(late.item.parkedUntil).toBe(late.start);
  });

  it('ends with its item: whoever aborts it waits for no slice', async () => {
    const { clock, poll, controller } = pollWorld();
    const asked = within(
      clock,
      0,
      poll(() => ({ done: 1 })),
    );
    controller.abort(new Error('time is up'));
    expect(await asked).toMatchObject({ error: { message: 'time is up' } });
  });
});

describe('work that never ends', () => {
  it.each([
    [
      'stalls when its progress stands still',
      { stallAfter: '5s' },
      'STALLED',
      'has not changed for 5 s',
    ],
    [
      'is given up when its time is over',
      { giveUpAfter: '5s' },
      'POLL_GIVEN_UP',
      'was not done after 5 s',
    ],
  ])('%s', async (what, options, code, words) => {
    const { clock, poll, start } = pollWorld();
    const moves = what.startsWith('is given up');
    const asked: number[] = [];
    const check = () => {
      asked.push(clock.now());
      return { progress: moves ? asked.length : 0 };
    };
    const answer = await within(clock, 20 * SECOND, poll(check, options));
    expect(answer).toMatchObject({
      error: { kind: 'stalled', code, message: expect.stringContaining(words) },
    });
    expect(answer).toMatchObject({
      error: { message: expect.stringContaining('it may still work on it') },
    });
    // The progress is new with the first check.
    expect(asked.at(-1)).toBe(start + (moves ? 5 : 6) * SECOND);
  });
});

import { describe, expect, it, test } from 'vitest';
import {
  cutMessage,
  duplicateError,
  isBroken,
  isDuplicate,
  isSpent,
  isUnavailable,
  PermanentError,
  RetryableError,
  retryAfterOf,
  SluiceError,
  StalledError,
  spent,
  toItemError,
  UnavailableError,
} from '../../lib/core/errors.ts';

/** What a job may throw by mistake: reading it throws again. */
const unreadable = new Proxy(
  {},
  {
    get() {
      throw new Error('gone');
    },
  },
);

describe('the errors that a job throws', () => {
  const cause = new Error('below');
  const made = { retryable: RetryableError, permanent: PermanentError, stalled: StalledError };
  it.each(Object.entries(made))('%s: its kind, name, code and cause', (kind, Kind) => {
    const bare = new Kind('why');
    expect(bare).toMatchObject({ kind, message: 'why', code: kind.toUpperCase() });
    expect(bare.name.toLowerCase()).toBe(`${kind}error`);
    expect(bare.name[0]).toBe(kind[0]?.toUpperCase());
    expect('cause' in bare).toBe(false);
    expect(new Kind('why', { code: 'MINE', cause })).toMatchObject({ code: 'MINE', cause });
  });

  it('a retryable one says how long to wait', () => {
    expect(new RetryableError('', { retryAfterMs: 700 }).retryAfterMs).toBe(700);
    expect(RetryableError.waitMs({ status: 429, headers: { 'retry-after': '3' } }, 0)).toBe(3000);
  });

  it('an unavailable one pauses, and is tried again if not told otherwise', () => {
    const bare = new UnavailableError('away');
    expect(bare).toMatchObject({
      ...{ kind: 'unavailable', name: 'UnavailableError', code: 'UNAVAILABLE', retry: true },
      message: 'away',
    });
    expect('cause' in bare).toBe(false);
    const full = new UnavailableError('full', { code: 'DISK', retry: false, cause });
    expect(full).toMatchObject({ code: 'DISK', retry: false, cause });
  });

  it('one for the person at the door has a code and a hint', () => {
    const error = new SluiceError('USAGE', 'wrong', { hint: 'do this', cause });
    expect(error).toMatchObject({ name: 'SluiceError', code: 'USAGE', hint: 'do this', cause });
    expect('cause' in new SluiceError('USAGE', 'wrong')).toBe(false);
    expect(new SluiceError('USAGE', 'wrong').hint).toBeUndefined();
  });
});

describe('whoever threw it', () => {
  it.each([
    ['unavailable', isUnavailable, { kind: 'unavailable' }],
    ['duplicate', isDuplicate, { kind: 'duplicate' }],
    ['spent', isSpent, { spent: true }],
  ] as const)('%s is seen in a plain object, and in nothing else', (_, is, thrown) => {
    expect(is(thrown)).toBe(true);
    for (const other of [{ kind: 'other', spent: 1 }, 'text', undefined, null, 5, unreadable]) {
      expect(is(other)).toBe(false);
    }
  });

  it('a duplicate carries its code, and a spent error stays what it was', () => {
    expect(duplicateError('there')).toMatchObject({ message: 'there', code: 'HTTP_409' });
    expect(isDuplicate(duplicateError('there'))).toBe(true);
    const error = new Error('tried');
    expect(spent(error)).toBe(error);
    expect(isSpent(error)).toBe(true);
  });

  it.each([
    [{ code: 'INPUT_CHANGED' }, true],
    [{ code: 'BAD_INPUT' }, true],
    [{ code: 'BAD_JOB' }, true],
    [{ code: 'STORE' }, false],
    [{}, false],
    [undefined, false],
  ])('%j breaks a batch: %s', (thrown, broken) => expect(isBroken(thrown)).toBe(broken));

  it.each([
    [{ retryAfterMs: 5 }, 5],
    [{ retryAfterMs: 0 }, 0],
    [{ retryAfterMs: -1 }, 0],
    [{ retryAfterMs: Number.NaN }, 0],
    [{ retryAfterMs: '5' }, 0],
    [undefined, 0],
    [unreadable, 0],
  ])('the wait of case %#', (thrown, ms) => expect(retryAfterOf(thrown)).toBe(ms));
});

describe('what an outcome keeps', () => {
  it.each(['retryable', 'permanent', 'stalled', 'timeout', 'crashed', 'invalid', 'unexpected'])(
    'the kind %s',
    (kind) => {
      const thrown = { kind, code: 'C', message: 'm' };
      expect(toItemError(thrown)).toEqual(thrown);
    },
  );

  it.each([
    [
      { kind: 'strange', message: 'm' },
      { kind: 'unexpected', code: 'ERROR', message: 'm' },
    ],
    [new TypeError('m'), { kind: 'unexpected', code: 'TypeError', message: 'm' }],
    [
      { code: 404, message: 'm' },
      { kind: 'unexpected', code: '404', message: 'm' },
    ],
    [
      { code: {}, name: 'N' },
      { kind: 'unexpected', code: 'ERROR', message: 'N' },
    ],
    [{ code: 'a b/c.d-e' }, { kind: 'unexpected', code: 'a_b_c.d-e', message: 'no message' }],
    [{ code: '' }, { kind: 'unexpected', code: 'ERROR', message: 'no message' }],
    [{ code: 'x'.repeat(40) }, { code: 'x'.repeat(32) }],
    [{ message: 7 }, { message: '7' }],
    ['text', { kind: 'unexpected', code: 'THROWN', message: 'text' }],
    [null, { kind: 'unexpected', code: 'THROWN', message: 'null' }],
    [undefined, { kind: 'unexpected', code: 'THROWN', message: 'undefined' }],
    [unreadable, { kind: 'unexpected', code: 'ERROR', message: 'What was thrown cannot be read.' }],
  ])('of case %#', (thrown, kept) => expect(toItemError(thrown)).toMatchObject(kept));
});

test('a message has 500 characters at most', () => {
  expect(cutMessage('x'.repeat(500))).toBe('x'.repeat(500));
  expect(cutMessage('x'.repeat(501))).toBe(`${'x'.repeat(499)}…`);
});

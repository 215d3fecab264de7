import { describe, expect, it } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import { Abortable } from '../../lib/engine/aborting.ts';
import { ItemContext, type SharedContext } from '../../lib/engine/item-context.ts';
import { secretCleaner, withoutSecrets } from '../../lib/engine/redact.ts';
import type { Row, Rows } from '../../lib/engine/rows.ts';

const newContext = (change: Partial<SharedContext> = {}) => {
  const clock = memoryClock(1_700_000_000_000.4);
  const shared = { job: 'j', now: 5, options: { o: 1 }, secrets: { KEY: 'secret-value' }, clock };
  return { clock, context: new ItemContext({ ...shared, ...change }, 3, '{"raw":1}') };
};

const linesOf = (context: ItemContext): Record<string, unknown>[] =>
  (context.lines() ?? '')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('what an item sees', () => {
  it("its number, the batch's now and options; a group has no number", () => {
    const { context } = newContext();
    expect(context).toMatchObject({ index: 3, number: 3, now: 5, options: { o: 1 }, attempt: 1 });
    expect(newContext({ grouped: true }).context.number).toBeUndefined();
  });

  it('the secrets that its job names, and no others', () => {
    const { context } = newContext();
    expect(context.secret('KEY')).toBe('secret-value');
    for (const name of ['OTHER', 'toString']) {
      expect(() => context.secret(name)).toThrow(
        `The job does not name the secret '${name}': add it to its secrets.`,
      );
    }
  });

  it('is told where the job declares no quota, no http, and cannot poll', () => {
    const { context } = newContext();
    expect(() => context.quota()).toThrow(/^The job declares no quota: add it to its quotas\.$/);
    expect(() => context.quota('q')).toThrow("The job declares no quota 'q': add it");
    expect(() =>
      context.poll(
        () => 'id',
        () => ({ status: 'pending' }) as never,
      ),
    ).toThrow('ctx.poll waits for a remote: leave out `cpu: true` in a job that polls.');
    expect(() => context.http).toThrow(/http/);
  });
});

describe('numbers that are drawn', () => {
  const drawn = (context: ItemContext): number[] => [context.rng(), context.rng()];
  it('depend on job, number, record and step, and begin anew with each try', () => {
    const { context } = newContext();
    const random = seededRandom('j\u00003\u0000{"raw":1}');
    const first = drawn(context);
    expect(first).toEqual([random(), random()]);
    context.nextTry();
    expect(drawn(context)).toEqual(first);
    context.enterStep(2);
    const other = seededRandom('j\u00003\u0000{"raw":1}\u00002');
    expect(drawn(context)).toEqual([other(), other()]);
  });

  it('of a group do not depend on a number', () => {
    const random = seededRandom('j\u0000\u0000{"raw":1}');
    expect(newContext({ grouped: true }).context.rng()).toBe(random());
  });
});

describe('tries and steps', () => {
  it('the most that one step needed counts; the same try again is no try', () => {
    const { context } = newContext();
    context.nextTry();
    context.nextTry();
    context.nextTry(true);
    expect([context.attempt, context.tries]).toEqual([3, 3]);
    context.enterStep(1);
    expect([context.attempt, context.tries]).toEqual([1, 3]);
    context.nextTry();
    expect(context.tries).toBe(3);
  });

  it('each step has a signal of its own', () => {
    const { context } = newContext();
    const [signal, aborting] = [context.signal, context.aborting];
    expect([context.signal, context.aborting]).toEqual([signal, aborting]);
    const reason = new Error('late');
    context.abort(reason);
    expect([signal.aborted, signal.reason, aborting.reason]).toEqual([true, reason, reason]);
    context.enterStep(1);
    expect([context.signal.aborted, context.aborting.aborted]).toEqual([false, false]);
  });

  it('an abort before anybody looked at the signal is seen all the same', () => {
    const { context } = newContext();
    context.abort(new Error('early'));
    expect([context.signal.aborted, context.aborting.aborted]).toEqual([true, true]);
  });

  it('its time begins when a step does, where calls ask for it', async () => {
    const timed = newContext({ quotas: {} as SharedContext['quotas'] });
    await timed.clock.advance(70);
    expect(timed.context.startedAt).toBe(0);
    timed.context.enterStep(1);
    expect(timed.context.startedAt).toBe(70);
    timed.context.restartTimeout();
    timed.context.restartTimeout(30);
    expect(timed.context.startedAt).toBe(100);
    const { clock, context } = newContext();
    await clock.advance(70);
    context.enterStep(1);
    expect(context.startedAt).toBe(0);
  });
});

describe('log lines', () => {
  it('have time, level, number, key, message and fields, in this order', () => {
    const { context } = newContext();
    context.log.debug('a', { more: [1] });
    context.named('k');
    context.log.info('b');
    context.log.warn('c');
    context.log.error('d', { msg: 'mine' });
    const head = '{"time":1700000000000,"level"';
    expect(context.lines()).toBe(
      `${head}:"debug","index":3,"key":null,"msg":"a","more":[1]}\n` +
        `${head}:"info","index":3,"key":"k","msg":"b"}\n` +
        `${head}:"warn","index":3,"key":"k","msg":"c"}\n` +
        `${head}:"error","index":3,"key":"k","msg":"mine"}\n`,
    );
    expect(newContext().context.lines()).toBeUndefined();
  });

  it('are a hundred; the rest is counted once', () => {
    const { context } = newContext();
    for (let line = 0; line < 100; line += 1) context.log.info(`${line}`);
    expect(linesOf(context)).toHaveLength(100);
    context.log.info('100');
    context.log.info('101');
    const lines = linesOf(context);
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toMatchObject({
      level: 'warn',
      msg: '2 more lines were dropped: an item may log 100',
    });
    expect(linesOf(context)).toHaveLength(101);
  });

  it('are cut at 4,096 characters, and what cannot be JSON is left out', () => {
    const { context } = newContext();
    const head = { time: 1_700_000_000_000, level: 'info', index: 3, key: null, msg: '' };
    const frame = JSON.stringify(head).length;
    context.log.info('x'.repeat(4096 - frame));
    context.log.info('x'.repeat(4097 - frame));
    context.log.info('circle', { big: 1n });
    const [whole, cut, bare] = linesOf(context);
    expect(whole?.['msg']).toHaveLength(4096 - frame);
    expect(JSON.stringify(whole)).toHaveLength(4096);
    expect(cut).toMatchObject({ msg: 'x'.repeat(1024), cut: true, index: 3, level: 'info' });
    expect(bare).toMatchObject({ msg: 'circle', cut: true });
  });
});

describe('what aborts a call', () => {
  it('calls each listener that is left, and keeps the first reason', () => {
    const aborting = new Abortable();
    const told: string[] = [];
    const listen = (name: string) => {
      const listener = { handleEvent: (): void => void told.push(name) };
      aborting.addEventListener('abort', listener);
      return () => aborting.removeEventListener('abort', listener);
    };
    const dropA = listen('a');
    const dropB = listen('b');
    listen('c');
    dropA();
    listen('d');
    dropB();
    expect([aborting.aborted, aborting.reason]).toEqual([false, undefined]);
    aborting.abort(new Error('first'));
    aborting.abort(new Error('second'));
    expect(told).toEqual(['d', 'c', 'd', 'c']);
    expect([aborting.aborted, aborting.reason?.message]).toEqual([true, 'first']);
  });

  it('without a listener is no fault', () => {
    const aborting = new Abortable();
    aborting.removeEventListener('abort', { handleEvent: () => undefined });
    aborting.abort(new Error('alone'));
    expect(aborting.aborted).toBe(true);
  });
});

describe('secrets in what items leave', () => {
  it('are replaced by their names, the longest first, as they are and as JSON has them', () => {
    const clean = secretCleaner({ SHORT: '12345', ONE: 'abcdef', TWO: 'xabcdefx', Q: 'a"b"c\nd' });
    expect(clean?.('12345 abcdef xabcdefx abcdef')).toBe(
      '12345 [secret ONE] [secret TWO] [secret ONE]',
    );
    expect(clean?.(JSON.stringify({ v: 'a"b"c\nd' }))).toBe('{"v":"[secret Q]"}');
    expect(clean?.('a"b"c\nd')).toBe('[secret Q]');
    expect(clean?.(undefined)).toBeUndefined();
    expect(secretCleaner({ SHORT: '12345' })).toBeUndefined();
    expect(secretCleaner({ SIX: '123456' })?.('123456')).toBe('[secret SIX]');
  });

  it('are taken out of each text of a row; rows without secrets are the same object', () => {
    const put: [number, Row][] = [];
    const rows = {
      cursor: 4,
      has: () => true,
      toPart: () => 'part',
      put: (at: number, row: Row) => put.push([at, row]),
    } as unknown as Rows;
    expect(withoutSecrets(rows, { NO: 'short' })).toBe(rows);
    const clean = withoutSecrets(rows, { KEY: 'secret-value' });
    const text = 'a secret-value';
    const row = { status: 'failed', outcome: text, extra: text, log: text, tries: 2 };
    const error = { kind: 'permanent', code: text, message: text };
    clean.put(9, { ...row, error } as unknown as Row);
    clean.put(10, { ...row, error: undefined, log: undefined } as unknown as Row);
    const gone = 'a [secret KEY]';
    const left = { ...row, outcome: gone, extra: gone, log: gone };
    expect(put).toEqual([
      [9, { ...left, error: { kind: 'permanent', code: gone, message: gone } }],
      [10, { ...left, error: undefined, log: undefined }],
    ]);
    expect([clean.cursor, clean.has(1), clean.toPart({} as never, [], undefined)]).toEqual([
      ...[4, true, 'part'],
    ]);
  });
});

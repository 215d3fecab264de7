import { describe, expect, it } from 'vitest';
import type { HttpSettings } from '../../lib/core/http.ts';
import { httpPlan } from '../../lib/core/http-plan.ts';
import { nextTry } from '../../lib/core/http-retry.ts';

const of = (http: unknown, quotas?: object) =>
  httpPlan(
    {
      name: 'calls',
      http: http as HttpSettings,
      ...(quotas === undefined ? {} : { quotas }),
    } as never,
    {},
  );

describe('the settings of ctx.http', () => {
  it('have defaults', () => {
    expect(of({})).toEqual({
      baseUrl: undefined,
      origin: undefined,
      headers: undefined,
      quota: undefined,
      requestMs: 10_000,
      totalMs: undefined,
      maxBytes: 10 * 1024 * 1024,
      tries: undefined,
      redirects: 3,
      guard: false,
      allowHosts: [],
      connections: undefined,
      breaker: { failures: 10, of: 20, openMs: 1000, maxOpenMs: 60_000, openings: 10 },
      whenDown: 'wait',
    });
    expect(of({ guard: true, breaker: false })).toMatchObject({
      whenDown: 'fail',
      breaker: undefined,
    });
    expect(httpPlan({ name: 'calls' }, {})).toBeUndefined();
  });

  it('may come from the options', () => {
    const http = ({ base }: Record<string, unknown>): HttpSettings => ({ baseUrl: String(base) });
    const plan = httpPlan({ name: 'calls', http }, { base: 'https://a.example/v1/' });
    expect(plan).toMatchObject({ baseUrl: 'https://a.example/v1', origin: 'https://a.example' });
  });

  it.each([
    [7, 'http must be an object; got 7.'],
    [{ timeout: '1s' }, "http has no setting 'timeout': it has baseUrl, headers,"],
    [{ baseUrl: 'example.org' }, 'http.baseUrl must begin with http:// or https://'],
    [{ baseUrl: 'ftp://example.org' }, 'http.baseUrl must begin with http:// or https://'],
    [{ baseUrl: 'https://a.example/?q=1' }, 'end before any ? or #; got "https://a.example/?q=1".'],
    [
      { baseUrl: 'https://me:pass@a.example' },
      'must hold no user name or password; got some for a.example.',
    ],
    [{ headers: 'a: b' }, 'http.headers must be an object; got "a: b".'],
    [{ requestTimeout: '900s' }, 'http.requestTimeout must be from 1 to 870000 ms; got "900s".'],
    [{ requestTimeout: 10 }, "http.requestTimeout must be a duration with a unit, such as '250ms'"],
    [{ maxBytes: 0 }, 'http.maxBytes must be a whole number from 1 to 1073741824; got 0.'],
    [{ tries: 21 }, 'http.tries must be a whole number from 1 to 20; got 21.'],
    [{ redirects: 4 }, 'http.redirects must be a whole number from 0 to 3; got 4.'],
    [{ connections: 0 }, 'http.connections must be a whole number from 1 to 1000; got 0.'],
    [{ guard: 'yes' }, 'http.guard must be true or false; got "yes".'],
    [{ whenDown: 'skip' }, "http.whenDown must be 'wait' or 'fail'; got \"skip\"."],
    [{ allowHosts: ['a'] }, 'http.allowHosts opens hosts that http.guard closes: set guard: true'],
    [{ guard: true, allowHosts: ['http://a/'] }, 'http.allowHosts must be a list of hosts'],
    [{ breaker: true }, 'http.breaker must be an object; got true.'],
    [{ breaker: { of: 31 } }, 'http.breaker.of must be a whole number from 1 to 30; got 31.'],
    [
      { breaker: { failures: 6, of: 5 } },
      'http.breaker.failures must be a whole number from 1 to 5; got 6.',
    ],
    [
      { breaker: { open: '2m', maxOpen: '1m' } },
      'http.breaker.maxOpen must be from 120000 to 900000 ms',
    ],
    [{ quota: 'api' }, 'http.quota must be a quota of the job (it has none) or false; got "api".'],
  ])('%j is refused', (http, message) => expect(() => of(http)).toThrow(message));

  it('name a quota that the job has', () => {
    const quotas = { api: { calls: 1, per: '1m' } };
    expect(of({ quota: 'api' }, quotas)).toMatchObject({ quota: 'api' });
    expect(() => of({ quota: 'other' }, quotas)).toThrow(
      'must be a quota of the job (api) or false',
    );
  });
});

describe('after a try that failed', () => {
  const backoff = { baseMs: 100, maxMs: 1000 };
  const next = (facts: object) =>
    nextTry({
      attempt: 1,
      tries: 3,
      askedMs: undefined,
      backoff,
      leftMs: 5000,
      random: 0.5,
      ...facts,
    });

  it.each([
    [{}, { do: 'again', waitMs: 50 }],
    [{ attempt: 2 }, { do: 'again', waitMs: 100 }],
    [{ attempt: 3 }, { do: 'stop' }],
    [{ askedMs: 2000 }, { do: 'again', waitMs: 2050 }],
    // What is asked fits, with the jitter on top it does not.
    [{ askedMs: 4990 }, { do: 'stop' }],
    [{ askedMs: 6000 }, { do: 'later', waitMs: 6050 }],
    [{ attempt: 3, askedMs: 6000 }, { do: 'stop' }],
    [{ leftMs: 20 }, { do: 'stop' }],
  ])('%j: %j', (facts, answer) => expect(next(facts)).toEqual(answer));
});

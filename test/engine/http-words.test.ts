import { describe, expect, it } from 'vitest';
import { httpPlan } from '../../lib/core/http-plan.ts';
import { checkedUrl, givenAddress, parsedUrl } from '../../lib/engine/http-address.ts';
import { type HttpHost, newHttpEnv } from '../../lib/engine/http-env.ts';
import {
  askedBy,
  badUrl,
  faultError,
  placeOf,
  said,
  statusError,
} from '../../lib/engine/http-errors.ts';
import type { AttemptEnv } from '../../lib/engine/item-run.ts';

const URL_OF_CALL = new URL('https://api.example.org:8443/v1/a?key=secret#x');
const PLACE = 'https://api.example.org:8443/v1/a';

describe('what a fault of the wire is to the item', () => {
  const facts = { url: URL_OF_CALL, timeoutMs: 500, maxBytes: 10 };
  it.each<[string, string, string, string]>([
    ['network', 'retryable', 'NETWORK', `${PLACE} did not answer: it broke.`],
    ['timeout', 'retryable', 'TIMEOUT', `${PLACE} did not answer within 500 ms.`],
    [
      'too large',
      'permanent',
      'RESPONSE_TOO_LARGE',
      `${PLACE} answered with more than 10 bytes: raise maxBytes if that is right.`,
    ],
    [
      'encoding',
      'permanent',
      'BAD_ENCODING',
      `${PLACE} answered in a form that cannot be read: it broke.`,
    ],
    [
      'address',
      'permanent',
      'BLOCKED_ADDRESS',
      `${PLACE} leads to a it broke, which a URL of the input may not: add api.example.org:8443 to allowHosts if it may.`,
    ],
  ])('%s', (fault, kind, code, message) => {
    const error = Object.assign(new Error('it broke'), { fault });
    expect(faultError(error, facts)).toMatchObject({ kind, code, message, cause: error });
  });

  it('anything else is thrown as it is', () => {
    const error = new TypeError('bug');
    expect(faultError(error, facts)).toBe(error);
  });
});

describe('what a bad status is to the item', () => {
  const of = (status: number, headers = {}, askedMs?: number) =>
    statusError({ status, headers }, URL_OF_CALL, askedMs);
  it.each([
    [429, 'TOO_MANY_REQUESTS'],
    [408, 'SERVER_ERROR'],
    [500, 'SERVER_ERROR'],
    [599, 'SERVER_ERROR'],
  ])('%i may pass', (status, code) => {
    expect(of(status)).toMatchObject({
      kind: 'retryable',
      code,
      message: `${PLACE} answered ${status}.`,
      retryAfterMs: undefined,
    });
    expect(of(status, {}, 2500)).toMatchObject({
      message: `${PLACE} answered ${status}, and to come back in 2.5 s.`,
      retryAfterMs: 2500,
    });
  });

  it.each([
    [400, {}, 'HTTP_400', `${PLACE} answered 400.`],
    [499, { location: '/b' }, 'HTTP_499', `${PLACE} answered 499.`],
    [400, { location: '/b' }, 'HTTP_400', `${PLACE} answered 400.`],
    [299, { location: '/b' }, 'HTTP_299', `${PLACE} answered 299.`],
    [304, {}, 'HTTP_304', `${PLACE} answered 304.`],
    [
      300,
      { location: '/b' },
      'REDIRECT',
      `${PLACE} answered 300, a redirect to "/b"; give the final address.`,
    ],
    [
      399,
      { location: '/b' },
      'REDIRECT',
      `${PLACE} answered 399, a redirect to "/b"; give the final address.`,
    ],
  ])('%i with %j is for good', (status, headers, code, message) => {
    expect(of(status, headers)).toMatchObject({ kind: 'permanent', code, message });
  });

  it('texts are told up to 100 characters, addresses without their query', () => {
    expect(said('x'.repeat(101))).toBe(`"${'x'.repeat(100)}"`);
    expect(placeOf(URL_OF_CALL)).toBe(PLACE);
    expect(badUrl('why')).toMatchObject({ kind: 'permanent', code: 'BAD_URL', message: 'why' });
  });
});

describe('what an answer asks for', () => {
  const answer = (status: number, headers: Record<string, string>, body = '') =>
    ({ status, headers, bytes: Buffer.from(body) }) as unknown as Parameters<typeof askedBy>[0];
  const next = (length: number) =>
    JSON.stringify({ nextAccessTime: '2026-01-01T00:00:07Z' }).padEnd(length);
  const now = Date.UTC(2026, 0, 1);
  it('is read of headers, and of a short body, where the status may pass', () => {
    expect(askedBy(answer(429, { 'retry-after': '3' }), now)).toBe(3000);
    expect(askedBy(answer(404, { 'retry-after': '3' }), now)).toBeUndefined();
    expect(askedBy(answer(429, {}, next(10_000)), now)).toBe(7000);
    expect(askedBy(answer(429, {}, next(10_001)), now)).toBeUndefined();
    // Without a clock a date says nothing.
    expect(askedBy(answer(429, {}, next(100)), Number.NaN)).toBeUndefined();
  });
});

describe('the address of a call', () => {
  const base = { baseUrl: 'https://h.example/v1', origin: 'https://h.example', host: 'h.example' };
  const none = { baseUrl: undefined, origin: undefined, host: undefined };
  it.each([
    ['a', 'https://h.example/v1/a'],
    ['/a?b=1', 'https://h.example/v1/a?b=1'],
    ['///a', 'https://h.example/v1/a'],
    [' a ', 'https://h.example/v1/a'],
    ['', 'https://h.example/v1/'],
    ['../x', 'https://h.example/x'],
    ['@evil.example/', 'https://h.example/v1/@evil.example/'],
    ['a:b', 'is no http or https URL'],
    ['1a:b', 'https://h.example/v1/1a:b'],
    ['x/http://b.example', 'https://h.example/v1/x/http://b.example'],
    ['HTTP://Other.example:81/a', 'http://other.example:81/a'],
    ['ftp://h.example/', '"ftp://h.example/" is no http or https URL.'],
    ['http://', '"http://" is no http or https URL.'],
    [
      'https://u@h.example/',
      'A URL of h.example holds a user name or password: send them as a header.',
    ],
    [
      'https://:p@h.example/',
      'A URL of h.example holds a user name or password: send them as a header.',
    ],
  ])('%j', (given, wanted) => {
    if (wanted.startsWith('http')) {
      const { url, origin, host } = givenAddress(base, given);
      expect(url.href).toBe(wanted);
      expect([origin, host]).toEqual([url.origin, url.host]);
    } else expect(() => givenAddress(base, given)).toThrow(wanted);
  });

  it('without a baseUrl must be whole, and may be a URL', () => {
    expect(() => givenAddress(none, 'a')).toThrow(
      '"a" is no whole URL, and the job\'s http has no baseUrl.',
    );
    expect(givenAddress(none, new URL('http://x.example/a')).url.href).toBe('http://x.example/a');
    expect(parsedUrl('/b', new URL('http://x.example/a'))?.href).toBe('http://x.example/b');
    expect(parsedUrl('/b')).toBeUndefined();
    expect(() => checkedUrl(undefined, 'text')).toThrow('"text" is no http or https URL.');
  });
});

describe('what calls of an attempt share', () => {
  const asked: string[] = [];
  const newEnv = (http: object | undefined, change: object = {}) =>
    newHttpEnv(
      {
        job: { name: 'j', http },
        ...{
          options: {},
          secrets: { KEY: 'value' },
          http: {} as HttpHost,
          clock: {},
          random: () => 0,
        },
        settings: { itemTimeoutMs: 5, tries: 3, retryBaseMs: 1, retryMaxMs: 2 },
        ...change,
      } as unknown as AttemptEnv,
      { batch: 'b', round: 1, stage: 2, chunk: 3 },
      undefined,
    );
  it('is named by batch, round and stage, and takes tries and back-off of the job', () => {
    const env = newEnv({});
    expect(env).toMatchObject({
      ...{ name: 'b/1/2', itemTimeoutMs: 5, tries: 3, backoff: { baseMs: 1, maxMs: 2 } },
      plan: httpPlan({ name: 'j', http: {} } as never, {}),
      quotas: undefined,
    });
    expect(newEnv({ tries: 2 })?.tries).toBe(2);
    expect(newEnv(undefined)).toBeUndefined();
    expect(newEnv({}, { http: undefined })).toBeUndefined();
    let waits = 0;
    newEnv(
      {},
      {
        waiting: () => {
          waits += 1;
        },
      },
    )?.waiting();
    newEnv({})?.waiting();
    expect(waits).toBe(1);
  });

  it('sends headers to the own origin alone, made once', () => {
    const headers = (secret: (name: string) => string) => {
      asked.push('made');
      return { 'X-Key': secret('KEY') };
    };
    const env = newEnv({ headers });
    expect(env?.headers(false, false)).toEqual({ 'user-agent': 'sluice' });
    expect(env?.headers(false, true)).toEqual({
      'user-agent': 'sluice',
      accept: 'application/json',
    });
    expect(asked).toEqual([]);
    expect(env?.headers(true, false)).toEqual({ 'user-agent': 'sluice', 'x-key': 'value' });
    expect(env?.headers(true, true)).toEqual({
      'user-agent': 'sluice',
      'x-key': 'value',
      accept: 'application/json',
    });
    expect(env?.headers(true, true)).toBe(env?.headers(true, true));
    expect(asked).toEqual(['made']);
    expect(newEnv({ headers: { 'User-Agent': 'mine' } })?.headers(true, false)).toEqual({
      'user-agent': 'mine',
    });
    expect(newEnv({})?.headers(true, false)).toEqual({ 'user-agent': 'sluice' });
  });

  it('a secret that the job does not name is told', () => {
    for (const name of ['OTHER', 'toString']) {
      const env = newEnv({ headers: (secret: (name: string) => string) => ({ a: secret(name) }) });
      expect(() => env?.headers(true, false)).toThrow(
        `http.headers asks for the secret '${name}': add it to the job's secrets.`,
      );
    }
  });
});

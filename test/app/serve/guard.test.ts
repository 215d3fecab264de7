import { describe, expect, it } from 'vitest';
import { type Asked, guard } from '../../../lib/app/serve/guard.ts';
import type { HttpError } from '../../../lib/app/serve/http-error.ts';

const options = { port: 4780, token: 'right-token' };
const bearer = { host: '127.0.0.1:4780', authorization: 'Bearer right-token' };

function ask(given: Partial<Asked>): ReturnType<typeof guard> | number {
  try {
    return guard({ method: 'GET', url: '/api/status', headers: bearer, ...given }, options);
  } catch (error) {
    return (error as HttpError).status;
  }
}

describe('the guard', () => {
  it('lets through who knows the token, under any name of the loopback', () => {
    for (const host of ['127.0.0.1:4780', 'localhost:4780', '[::1]:4780', 'LOCALHOST:4780']) {
      expect(ask({ headers: { ...bearer, host } })).toBeUndefined();
    }
    const cookie = 'other=1; sluice-4780=right-token; last=2';
    expect(ask({ headers: { host: bearer.host, cookie } })).toBeUndefined();
  });

  it.each([
    ['another name that was resolved to this machine', { host: 'evil.example' }],
    ['another port', { host: '127.0.0.1:4781' }],
    ['no name', { host: undefined }],
    ['a name with the right one in it', { host: '127.0.0.1:4780.evil.example' }],
    ['a page of another origin', { origin: 'https://evil.example' }],
    ['a page of another port of this machine', { origin: 'http://127.0.0.1:3000' }],
    ['a page without an origin', { origin: 'null' }],
  ])('refuses %s, token or not', (_name, headers) => {
    expect(ask({ headers: { ...bearer, ...headers } })).toBe(403);
  });

  it('refuses what a browser says comes from another site, where it changes something', () => {
    for (const site of ['cross-site', 'same-site']) {
      const headers = { ...bearer, 'sec-fetch-site': site };
      expect(ask({ method: 'POST', headers })).toBe(403);
      expect(ask({ headers })).toBeUndefined();
    }
    const headers = { ...bearer, 'sec-fetch-site': 'same-origin', origin: 'http://localhost:4780' };
    expect(ask({ method: 'POST', headers })).toBeUndefined();
  });

  it.each([
    ['no token', {}],
    ['another one', { authorization: 'Bearer wrong' }],
    ['a longer one', { authorization: 'Bearer right-token-and-more' }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['the cookie of another port', { cookie: 'sluice-4781=right-token' }],
    ['Basic', { authorization: 'Basic right-token' }],
  ])('wants the token: %s', (_name, headers) => {
    expect(ask({ headers: { host: bearer.host, ...headers } })).toBe(401);
  });

  it("moves a page's token into a cookie, and takes none in the URL of the API", () => {
    const headers = { host: bearer.host };
    expect(ask({ headers, url: '/?token=right-token' })).toEqual({ to: '/' });
    expect(ask({ headers, url: '/batches/a/report?x=1&token=right-token' })).toEqual({
      to: '/batches/a/report?x=1',
    });
    expect(ask({ headers, url: '//evil.example/?token=right-token' })).toEqual({
      to: '/evil.example/',
    });
    expect(ask({ headers, url: '/?token=wrong' })).toBe(401);
    expect(ask({ headers, url: '/api/status?token=right-token' })).toBe(401);
    expect(ask({ headers, url: '/?token=right-token', method: 'POST' })).toBe(401);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { ok } from '../../lib/core/outcome.ts';
import type { LookupAll } from '../../lib/io/http/guard.ts';
import { closeRemotes, type HttpJob, outcome, remote } from '../support/http-world.ts';

afterEach(closeRemotes);

const get =
  (url: string): HttpJob['process'] =>
  async (_, ctx) =>
    ok(await ctx.http.getText(url));

/** A name server whose answers are given one after the other, the last one for ever. */
function names(...answers: string[][]): LookupAll & { asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupAll = (name, _options, done) => {
    const list = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(name);
    setImmediate(() =>
      done(
        null,
        list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    );
  };
  return Object.assign(lookup, { asked });
}

const refused = (text: string) => ({
  status: 'failed',
  error: { kind: 'permanent', code: 'BLOCKED_ADDRESS', message: expect.stringContaining(text) },
});

describe('a guarded client', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    // What URLs make of these is 127.0.0.1.
    ['2130706433', 'loopback'],
    ['0x7f.1', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['[::1]', 'loopback'],
    ['[::ffff:127.0.0.1]', 'ipv4Mapped'],
    ['[::ffff:7f00:1]', 'ipv4Mapped'],
    ['[64:ff9b::7f00:1]', 'loopback'],
    ['[2002:7f00:1::]', '6to4'],
  ])('refuses the literal %s', async (host, kind) => {
    const server = await remote((_, response) => response.end('reached'));
    const url = `http://${host}:${server.port}/`;
    expect(await outcome({ http: { guard: true }, process: get(url) })).toMatchObject(
      refused(`leads to a ${kind} address`),
    );
    expect(server.connections).toBe(0);
  });

  it('refuses a name when any of its addresses is not public', async () => {
    const lookup = names(['93.184.215.14', '10.0.0.7']);
    const job = { http: { guard: true }, lookup, process: get('http://rebind.example/') };
    expect(await outcome(job)).toMatchObject(refused('leads to a private address'));
    expect(lookup.asked).toEqual(['rebind.example']);
  });

  it('refuses localhost by what it resolves to', async () => {
    const server = await remote((_, response) => response.end('reached'));
    const job = { http: { guard: true }, process: get(`http://localhost:${server.port}/`) };
    expect(await outcome(job)).toMatchObject(refused('leads to a loopback address'));
    expect(server.connections).toBe(0);
  });

  it('asks for a name once a connection, so that an answer that changes to the loopback is refused, not used', async () => {
    const server = await remote((_, response) => response.end('reached'));
    // First a public address at which nobody answers (TEST-NETs are refused; this one is not routed here), then ours.
    const lookup = names(['192.0.0.8'], ['127.0.0.1']);
    const publicFirst: LookupAll = (name, options, done) =>
      lookup(name, options, (error, all) =>
        done(error, lookup.asked.length === 1 ? [{ address: '1.1.1.1', family: 4 }] : all),
      );
    const job = {
      http: { guard: true, requestTimeout: '300ms', tries: 2 },
      lookup: publicFirst,
      process: get(`http://rebind.example:${server.port}/`),
    };
    const { error } = (await outcome(job)) as { error: { code: string } };
    // Where no route leads out the first try fails at once, else it times out; the second one meets the loopback.
    expect(error.code).toBe('BLOCKED_ADDRESS');
    expect(server.connections).toBe(0);
  });

  it('refuses a redirect to an address within, whoever sends it', async () => {
    const server = await remote(({ url }, response) => {
      const to =
        url === '/name' ? 'http://inside.example/' : 'http://169.254.169.254/latest/meta-data/';
      response.writeHead(302, { location: to }).end();
    });
    const allowHosts = [`127.0.0.1:${server.port}`];
    const of = (path: string) =>
      outcome({
        http: { guard: true, allowHosts },
        lookup: names(['169.254.169.254']),
        process: get(`${server.url}${path}`),
      });
    expect(await of('/literal')).toMatchObject(
      refused('http://169.254.169.254/latest/meta-data/ leads to a linkLocal'),
    );
    expect(await of('/name')).toMatchObject(refused('http://inside.example/ leads to a linkLocal'));
    // What is opened is opened with its port.
    const wrong = { http: { guard: true, allowHosts: ['127.0.0.1:1'] }, process: get(server.url) };
    expect(await outcome(wrong)).toMatchObject(refused('leads to a loopback address'));
  });

  it.each([
    'file:///etc/passwd',
    'ftp://example.org/',
    'javascript:alert(1)',
    'http://',
    'data:,x',
  ])('refuses %s', async (url) => {
    expect(await outcome({ http: { guard: true }, process: get(url) })).toMatchObject({
      error: { kind: 'permanent', code: 'BAD_URL' },
    });
  });

  it('does not repeat a password of a URL', async () => {
    const { error } = (await outcome({ process: get('http://me:hidden@example.org/') })) as {
      error: { code: string; message: string };
    };
    expect(error.code).toBe('BAD_URL');
    expect(error.message).not.toContain('hidden');
  });
});

describe('a redirect', () => {
  it('takes nothing that may be a credential to another origin', async () => {
    const other = await remote((_, response) => response.end('there'));
    const server = await remote((_, response) => {
      response.writeHead(307, { location: `${other.url}/x` }).end();
    });
    const http = { baseUrl: server.url, headers: { 'x-api-key': 'K', authorization: 'Bearer T' } };
    const process: HttpJob['process'] = async (_, ctx) =>
      ok(await ctx.http.getText('/', { headers: { cookie: 'a=b', accept: 'text/html' } }));
    expect(await outcome({ http, process })).toEqual({ status: 'ok', value: 'there' });
    expect(server.asked[0]?.headers).toMatchObject({ 'x-api-key': 'K', cookie: 'a=b' });
    const { headers } = other.asked[0] as (typeof other.asked)[0];
    expect(headers).toMatchObject({ accept: 'text/html', 'user-agent': 'sluice' });
    for (const name of ['x-api-key', 'authorization', 'cookie'])
      expect(headers[name]).toBeUndefined();
    // Nor does a whole URL of another origin get what was set for the base.
    const direct = { http, process: get(`${other.url}/y`) };
    expect(await outcome(direct)).toEqual({ status: 'ok', value: 'there' });
    expect(other.asked[1]?.headers['x-api-key']).toBeUndefined();
  });

  it('keeps method and body with 307, and makes a GET of a POST with 303', async () => {
    const server = await remote(({ url, method, body }, response) => {
      if (url === '/303') response.writeHead(303, { location: '/end' }).end();
      else if (url === '/307') response.writeHead(307, { location: '/end' }).end();
      else response.end(JSON.stringify({ method, body }));
    });
    const post =
      (path: string): HttpJob['process'] =>
      async (_, ctx) =>
        ok(await ctx.http.postJson(`${server.url}${path}`, { a: 1 }));
    expect(await outcome({ process: post('/307') })).toMatchObject({
      value: { method: 'POST', body: '{"a":1}' },
    });
    expect(await outcome({ process: post('/303') })).toMatchObject({
      value: { method: 'GET', body: '' },
    });
  });
});

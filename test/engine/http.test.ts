import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { ok } from '../../lib/core/outcome.ts';
import { closeRemotes, type HttpJob, outcome, outcomes, remote } from '../support/http-world.ts';

afterEach(closeRemotes);

const get =
  (url: string): HttpJob['process'] =>
  async (_, ctx) =>
    ok((await ctx.http.getJson(url)) ?? 'nothing there');

const json = (value: unknown): string => JSON.stringify(value);

describe('an answer', () => {
  it('is JSON below a baseUrl, with the headers of settings and call, and a query', async () => {
    const server = await remote((_, response) => response.end(json({ a: 1 })));
    const process: HttpJob['process'] = async (_, ctx) =>
      ok(
        await ctx.http.getJson('/x', {
          headers: { B: 'call' },
          query: { q: 'a b', no: undefined },
        }),
      );
    const http = { baseUrl: `${server.url}/v1/`, headers: { a: 'settings', b: 'settings' } };
    expect(await outcome({ http, process })).toEqual({ status: 'ok', value: { a: 1 } });
    expect(server.asked[0]).toMatchObject({
      url: '/v1/x?q=a+b',
      headers: { a: 'settings', b: 'call', accept: 'application/json' },
    });
  });

  it('is undefined for 404 alone, skips the item for 409, and fails it for any other 4xx', async () => {
    const server = await remote(({ url }, response) => {
      response.writeHead(Number(url.slice(1, 4))).end('no');
    });
    const of = (status: number) => outcome({ process: get(`${server.url}/${status}?key=hidden`) });
    expect(await of(404)).toEqual({ status: 'ok', value: 'nothing there' });
    expect(await of(409)).toEqual({ status: 'skipped', reason: 'duplicate' });
    expect(await of(403)).toEqual({
      status: 'failed',
      error: { kind: 'permanent', code: 'HTTP_403', message: `${server.url}/403 answered 403.` },
    });
    expect(server.asked).toHaveLength(3);
  });

  it('comes back from request whatever its status is', async () => {
    const server = await remote((_, response) => {
      response.writeHead(409, { 'x-a': 'b', 'content-type': 'text/plain; charset=latin1' });
      response.end(Buffer.from([0xe9]));
    });
    const process: HttpJob['process'] = async (_, ctx) => {
      const { status, headers, url, bytes, text } = await ctx.http.request(server.url);
      return ok({ status, a: headers['x-a'], url, bytes: bytes.length, text: text() });
    };
    expect(await outcome({ process })).toEqual({
      status: 'ok',
      value: { status: 409, a: 'b', url: `${server.url}/`, bytes: 1, text: 'é' },
    });
  });

  it('that is HTML is refused as JSON, with its beginning', async () => {
    const page = `<!doctype html><title>Wait</title>${'x'.repeat(500)}`;
    const server = await remote((_, response) => response.end(page));
    expect(await outcome({ process: get(`${server.url}/a?token=t`) })).toEqual({
      status: 'failed',
      error: {
        kind: 'permanent',
        code: 'BAD_RESPONSE',
        message: `${server.url}/a answered 200 with HTML instead of JSON: ${json(page.slice(0, 100))}.`,
      },
    });
  });

  it('is decompressed, whichever way it came', async () => {
    const text = json({ long: 'x'.repeat(10_000) });
    const forms: Record<string, Buffer> = {
      gzip: gzipSync(text),
      br: brotliCompressSync(text),
      deflate: deflateSync(text),
      'raw deflate': deflateRawSync(text),
      'gzip, br': brotliCompressSync(gzipSync(text)),
    };
    const server = await remote(({ url }, response) => {
      const form = decodeURIComponent(url.slice(1));
      response.writeHead(200, { 'content-encoding': form.replace('raw ', '') });
      response.end(forms[form]);
    });
    const process: HttpJob['process'] = async (form: string, ctx) =>
      ok(await ctx.http.getJson(`${server.url}/${encodeURIComponent(form)}`));
    const all = await outcomes({ rows: Object.keys(forms), process });
    expect(all).toEqual(Object.keys(forms).map(() => ({ status: 'ok', value: JSON.parse(text) })));
  });
});

it.each([
  ['x-a', 'hidden\r\nx-b: c', 'invalid x-a header'],
  ['transfer-encoding', 'chunked', 'invalid transfer-encoding header'],
  ['expect', '100-continue', 'expect header not supported'],
])(
  'a header %s that cannot be sent is refused for good, without its value',
  async (name, value, why) => {
    const server = await remote((_, response) => response.end('1'));
    const process: HttpJob['process'] = async (_, ctx) =>
      ok(await ctx.http.getJson(server.url, { headers: { [name]: value } }));
    expect(await outcome({ process })).toEqual({
      status: 'failed',
      error: {
        ...{ kind: 'permanent', code: 'BAD_REQUEST' },
        message: `ctx.http cannot send this request: ${why}.`,
      },
    });
    expect(server.asked).toHaveLength(0);
  },
);

describe('a bad remote', () => {
  it('that never answers is given up after the time of a try', async () => {
    const server = await remote(() => undefined);
    const http = { requestTimeout: '100ms', tries: 2 };
    expect(await outcome({ http, process: get(server.url) })).toEqual({
      status: 'failed',
      error: {
        kind: 'retryable',
        code: 'TIMEOUT',
        message: `${server.url}/ did not answer within 100 ms.`,
      },
    });
    // The client's tries are all: the item's own do not come on top.
    expect(server.asked).toHaveLength(2);
  });

  it('that sends a byte now and then is given up too', async () => {
    const server = await remote((_, response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    const http = { requestTimeout: '200ms', tries: 1 };
    expect(await outcome({ http, retry: { tries: 1 }, process: get(server.url) })).toMatchObject({
      error: { code: 'TIMEOUT' },
    });
    // Its connection is closed; the pool may have opened the next one already.
    await expect.poll(() => server.connections - server.open).toBe(1);
  });

  it('that resets the connection is asked again', async () => {
    const server = await remote(({ times, socket }, response) => {
      if (times === 1) socket.resetAndDestroy();
      else if (times === 2) {
        response.writeHead(200, { 'content-length': 100 }).write('half');
        setImmediate(() => socket.destroy());
      } else response.end(json(times));
    });
    expect(await outcome({ process: get(server.url) })).toEqual({ status: 'ok', value: 3 });
    const two = { http: { tries: 2 }, process: get(`${server.url}/two`) };
    expect(await outcome(two)).toMatchObject({ error: { kind: 'retryable', code: 'NETWORK' } });
  });

  it('that sends 10 GB is cut off at the limit', async () => {
    let sent = 0;
    const block = Buffer.alloc(65_536);
    const server = await remote((_, response) => {
      const more = (): void => {
        while (!response.destroyed && sent < 10e9) {
          sent += block.length;
          if (!response.write(block)) return;
        }
      };
      response.on('drain', more);
      more();
    });
    expect(await outcome({ http: { maxBytes: 100_000 }, process: get(server.url) })).toEqual({
      status: 'failed',
      error: {
        kind: 'permanent',
        code: 'RESPONSE_TOO_LARGE',
        message: `${server.url}/ answered with more than 100000 bytes: raise maxBytes if that is right.`,
      },
    });
    // What the sockets of both sides hold, no more.
    expect(sent).toBeLessThan(50e6);
    expect(server.asked).toHaveLength(1);
  });

  it('that sends a gzip bomb is cut off while it is decompressed', async () => {
    // 1 GB that is 1 MB on the wire: gzip allows members one behind the other.
    const member = gzipSync(Buffer.alloc(1024 * 1024));
    const bomb = Buffer.concat(Array.from({ length: 1024 }, () => member));
    const server = await remote((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(bomb);
    });
    const before = process.memoryUsage().arrayBuffers;
    expect(
      await outcome({ http: { maxBytes: 5_000_000 }, process: get(server.url) }),
    ).toMatchObject({
      error: { code: 'RESPONSE_TOO_LARGE' },
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100e6);
  });

  it('that says an encoding nobody knows, or breaks off within one, is told', async () => {
    const server = await remote(({ url }, response) => {
      response.writeHead(200, { 'content-encoding': url === '/a' ? 'zip' : 'gzip' });
      response.end(gzipSync(json({ long: 'x'.repeat(1000) })).subarray(0, 30));
    });
    expect(await outcome({ process: get(`${server.url}/a`) })).toMatchObject({
      error: { kind: 'permanent', code: 'BAD_ENCODING' },
    });
    expect(await outcome({ process: get(`${server.url}/b`) })).toMatchObject({
      error: {
        code: 'BAD_ENCODING',
        message: `${server.url}/b answered in a form that cannot be read: broken gzip.`,
      },
    });
  });

  it('that redirects in a circle is followed three times', async () => {
    const server = await remote((_, response) => {
      response.writeHead(302, { location: '/a' }).end();
    });
    expect(await outcome({ process: get(server.url) })).toMatchObject({
      error: { kind: 'permanent', code: 'REDIRECT' },
    });
    expect(server.asked).toHaveLength(4);
  });
});

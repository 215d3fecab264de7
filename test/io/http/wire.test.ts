import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Abortable } from '../../../lib/engine/aborting.ts';
import { openWire } from '../../../lib/io/http/wire.ts';
import type { HttpWire, WireRequest } from '../../../lib/ports/http.ts';
import { closeRemotes, type Remote, remote } from '../../support/http-world.ts';

const wires: HttpWire[] = [];

afterEach(async () => {
  await Promise.all(wires.splice(0).map((wire) => wire.close()));
  await closeRemotes();
});

/** Texts at the paths of a server, by a wire of its own. */
function client({ url: origin }: { url: string }, settings: Partial<WireRequest> = {}) {
  const wire = openWire();
  wires.push(wire);
  return {
    wire,
    async get(path: string, own: Partial<WireRequest> = {}): Promise<string> {
      const { bytes } = await wire.send({
        ...{ origin, path, method: 'GET', headers: {}, body: undefined },
        ...{ timeoutMs: 20_000, maxBytes: 1000, connections: undefined, guard: undefined },
        ...{ signal: undefined, ...settings, ...own },
      });
      return Buffer.from(bytes).toString();
    },
  };
}

/** Answers with the path, but these when they are let go. */
async function held(...paths: string[]) {
  const answers = new Map<string, () => void>();
  const server = await remote(({ url }, response) => {
    const answer = (): void => void response.end(url);
    if (paths.includes(url)) answers.set(url, answer);
    else answer();
  });
  return {
    server,
    async release(path: string): Promise<void> {
      await expect.poll(() => answers.has(path)).toBe(true);
      answers.get(path)?.();
    },
  };
}

const asked = ({ asked: all }: Remote): string[] => all.map(({ url }) => url);

describe('connections', () => {
  it('are used again, the one that was used last first', async () => {
    const { server, release } = await held('/slow');
    const { get } = client(server);
    const slow = get('/slow');
    for (const path of ['/1', '/2', '/3']) expect(await get(path)).toBe(path);
    expect(server.connections).toBe(2);
    await release('/slow');
    expect(await slow).toBe('/slow');
    expect(await Promise.all([get('/4'), get('/5')])).toEqual(['/4', '/5']);
    expect(server.connections).toBe(2);
  });

  it('are no more than allowed: what is sent beyond waits, and goes in the order of sending', async () => {
    const { server, release } = await held('/a', '/b');
    const { get } = client(server, { connections: 2 });
    const all = ['/a', '/b', '/c', '/d', '/e'].map((path) => get(path));
    await release('/b');
    expect(await Promise.all(all.slice(1))).toEqual(['/b', '/c', '/d', '/e']);
    await release('/a');
    expect(await all[0]).toBe('/a');
    expect(asked(server).slice(2)).toEqual(['/c', '/d', '/e']);
    expect(server.connections).toBe(2);
  });

  it('that the server closes while they rest are opened again', async () => {
    const server = await remote(({ url, socket }, response) => {
      response.end(url);
      response.on('finish', () => socket.end());
    });
    const { get } = client(server, { connections: 1 });
    for (const path of ['/1', '/2', '/3']) {
      expect(await get(path)).toBe(path);
      await expect.poll(() => server.open).toBe(0);
    }
    expect(server.connections).toBe(3);
  });

  it('that end with their answer serve what waits for them with new ones', async () => {
    const server = await remote(({ url }, response) => {
      response.setHeader('connection', 'close').end(url);
    });
    const { get } = client(server, { connections: 1 });
    const paths = ['/1', '/2', '/3', '/4'];
    expect(await Promise.all(paths.map((path) => get(path)))).toEqual(paths);
    expect(server.connections).toBe(4);
  });

  it('that were refused are tried anew by the next request', async () => {
    const server = createServer((_, response) => response.end('here'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const { get } = client({ url: `http://127.0.0.1:${port}` }, { connections: 1 });
    const refused = { fault: 'network', message: 'ECONNREFUSED' };
    const both = await Promise.allSettled([get('/1'), get('/2')]);
    expect(both).toMatchObject([{ reason: refused }, { reason: refused }]);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(await get('/3')).toBe('here');
    await wires[0]?.close();
    server.close();
  });
});

describe('a request that ends early', () => {
  it.each(['timeout', 'abort', 'AbortSignal'] as const)(
    'by %s while it waits is never sent',
    async (how) => {
      const { server, release } = await held('/first');
      const { get } = client(server, { connections: 1 });
      const first = get('/first');
      const own = new Abortable();
      const real = new AbortController();
      const signal = how === 'abort' ? own : real.signal;
      const second = get('/second', how === 'timeout' ? { timeoutMs: 20 } : { signal });
      const message = how === 'timeout' ? '20 ms' : 'enough';
      const ended = expect(second).rejects.toThrow(message);
      const third = get('/third');
      await expect.poll(() => asked(server)).toEqual(['/first']);
      const reason = new Error('enough');
      if (how === 'abort') own.abort(reason);
      if (how === 'AbortSignal') real.abort(reason);
      await ended;
      await release('/first');
      expect(await Promise.all([first, third])).toEqual(['/first', '/third']);
      expect(asked(server)).toEqual(['/first', '/third']);
    },
  );

  it('before it is sent opens no connection', async () => {
    const { server } = await held();
    const signal = new Abortable();
    signal.abort(new Error('enough'));
    await expect(client(server).get('/', { signal })).rejects.toThrow('enough');
    expect(server.connections).toBe(0);
  });

  it.each(['no head', 'no body'] as const)(
    'with %s yet takes its connection along, and the next request is answered',
    async (phase) => {
      const server = await remote(({ url }, response) => {
        if (url === '/next') response.end(url);
        else if (phase === 'no body') response.writeHead(200, { 'content-length': 9 }).write('x');
      });
      const { get } = client(server, { connections: 1 });
      const signal = new Abortable();
      const aborted = get('/abort', { signal });
      await expect.poll(() => asked(server)).toEqual(['/abort']);
      // What came of the answer is read meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const next = get('/next');
      signal.abort(new Error('enough'));
      await expect(aborted).rejects.toThrow('enough');
      expect(await next).toBe('/next');
      await expect(get('/late', { timeoutMs: 20 })).rejects.toMatchObject({ fault: 'timeout' });
      expect(await get('/next')).toBe('/next');
      await expect.poll(() => server.open).toBe(1);
    },
  );

  it('by too much, in the head or in the body, takes its connection along', async () => {
    const server = await remote(({ url }, response) => {
      if (url === '/head') response.setHeader('content-length', 2000);
      response.end(url === '/next' ? url : 'x'.repeat(2000));
    });
    const { get } = client(server, { connections: 1 });
    for (const path of ['/head', '/body']) {
      await expect(get(path)).rejects.toMatchObject({ fault: 'too large' });
      expect(await get('/next')).toBe('/next');
    }
  });

  it('by the end of the client is told so, be it sent or not', async () => {
    const { server } = await held('/sent', '/waits');
    const { get, wire } = client(server, { connections: 1 });
    const both = Promise.allSettled([get('/sent'), get('/waits')]);
    await expect.poll(() => asked(server)).toEqual(['/sent']);
    await wire.close();
    const reason = { fault: 'network', message: 'UND_ERR_DESTROYED' };
    expect(await both).toMatchObject([{ reason }, { reason }]);
  });
});

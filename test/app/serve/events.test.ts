import { createServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type EventHub, type EventStream, newEventHub } from '../../../lib/app/serve/events.ts';
import { toHttpError } from '../../../lib/app/serve/http-error.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server on the loopback that opens a stream for each request. */
async function serve(hub: EventHub): Promise<{ port: number; streams: EventStream[] }> {
  const streams: EventStream[] = [];
  const server = createServer((_request, response) => {
    try {
      streams.push(hub.open(response));
    } catch (error) {
      const { status, headers } = toHttpError(error);
      response.writeHead(status, headers).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ends.push(() => {
    hub.close();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, streams };
}

const open = (port: number): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, resolve).on('error', reject);
  });

const turn = (): Promise<void> => new Promise((go) => setTimeout(go, 5));

it('a client that never reads is dropped, and the others get everything', async () => {
  const hub = newEventHub({ maxBehindBytes: 64 * 1024 });
  const { port, streams } = await serve(hub);
  const reader = await open(port);
  let read = 0;
  reader.on('data', (piece: Buffer) => {
    read += piece.length;
  });
  const silent = connect(port, '127.0.0.1');
  ends.push(() => silent.destroy());
  silent.on('error', () => undefined);
  silent.pause();
  silent.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  while (hub.clients < 2) await turn();
  const [good, bad] = streams as [EventStream, EventStream];
  // The system's own buffers take some MB first.
  const text = 'x'.repeat(32 * 1024);
  let sent = 0;
  for (; bad.open && sent < 2_000; sent += 1) {
    good.send('status', text);
    bad.send('status', text);
    await turn();
  }
  expect(bad.open).toBe(false);
  expect(good.open).toBe(true);
  while (hub.clients > 1) await turn();
  good.end();
  await new Promise((done) => reader.on('end', done));
  expect(read).toBeGreaterThan(sent * text.length);
});

it('sends a heartbeat, events of one data line, and an end', async () => {
  const { port, streams } = await serve(newEventHub({ heartbeatMs: 10 }));
  const reader = await open(port);
  expect(reader.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  let text = '';
  reader.on('data', (piece: Buffer) => {
    text += piece;
  });
  while (!text.includes(': still here\n\n')) await turn();
  streams[0]?.send('batch', { why: 'two\nlines' });
  streams[0]?.end();
  await new Promise((done) => reader.on('end', done));
  expect(text).toContain('event: batch\ndata: {"why":"two\\nlines"}\n\n');
});

it('takes so many clients, and says when to come back', async () => {
  const hub = newEventHub({ maxClients: 1 });
  const { port } = await serve(hub);
  const first = await open(port);
  const second = await open(port);
  expect([second.statusCode, second.headers['retry-after']]).toEqual([503, '10']);
  first.destroy();
  while (hub.clients > 0) await turn();
  expect((await open(port)).statusCode).toBe(200);
});

import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Exchange {
  method: string;
  /** `x-amz-target` without its prefix, or the path. */
  action: string;
  body: Buffer;
  /** How many requests the proxy saw before this one. */
  seen: number;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/**
 * What becomes of an answer: given on, lost (the connection breaks), cut in the middle, stopped in the middle (the
 * connection stays), or never given.
 */
export type Fate = Answer | 'lose' | 'cut' | 'stop' | 'stall';

export interface Proxy {
  url: string;
  close(): Promise<void>;
}

export interface Faults {
  /** May change the request's body, or answer itself. */
  before?(exchange: Exchange): Buffer | Answer | undefined;
  after?(exchange: Exchange, answer: Answer): Fate;
}

/** A server on loopback in front of a port: forwards everything, then does to the answer what the faults say. */
export async function startProxy(port: number, faults: Faults): Promise<Proxy> {
  let seen = 0;
  const server = createServer((incoming, outgoing) => {
    const count = seen;
    seen += 1;
    exchange({ incoming, outgoing, port, faults, seen: count }).catch(() => outgoing.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

interface Pass {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  port: number;
  faults: Faults;
  seen: number;
}

async function exchange({ incoming, outgoing, port, faults, seen }: Pass): Promise<void> {
  const { method = '', url = '', headers } = incoming;
  const target = headers['x-amz-target'];
  const action = typeof target === 'string' ? target.replace(/^.*\./, '') : url;
  const one = { method, action, body: await buffer(incoming), seen };
  const changed = faults.before?.(one);
  if (changed !== undefined && !Buffer.isBuffer(changed)) return give(outgoing, changed);
  const body = changed ?? one.body;
  const answer = await forward(port, incoming, body);
  const fate = faults.after?.(one, answer) ?? answer;
  if (fate === 'stall') return;
  if (fate === 'lose') {
    incoming.socket.destroy();
  } else if (fate === 'cut' || fate === 'stop') {
    outgoing.writeHead(answer.status, answer.headers);
    outgoing.write(answer.body.subarray(0, answer.body.length / 2), () => {
      if (fate === 'cut') incoming.socket.destroy();
    });
  } else {
    give(outgoing, fate);
  }
}

function give(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  const { 'content-length': _, 'transfer-encoding': __, ...rest } = headers;
  outgoing.writeHead(status, { ...rest, 'content-length': body.length });
  outgoing.end(body);
}

const forward = (
  port: number,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
): Promise<Answer> =>
  new Promise((done, fail) => {
    const { 'transfer-encoding': _, ...rest } = headers;
    const own = { ...rest, 'content-length': body.length };
    const outer = request({ host: '127.0.0.1', port, method, path: url, headers: own }, (inner) => {
      buffer(inner).then(
        (answer) => done({ status: inner.statusCode ?? 500, headers: inner.headers, body: answer }),
        fail,
      );
    });
    outer.once('error', fail);
    outer.end(body);
  });

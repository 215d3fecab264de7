import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SluiceError } from '../../core/errors.ts';

export interface Listening {
  port: number;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 256;
/** A client that sends its request byte by byte has so long. */
const REQUEST_MS = 30_000;
/** A free port of 127.0.0.1 may be taken on ::1. */
const TRIES = 10;

/** Listens on the loopback of both families, on one port; a machine without ::1 has 127.0.0.1 alone. */
export async function listenOnLoopback(
  answer: RequestListener,
  wanted: number,
): Promise<Listening> {
  for (let tries = 1; ; tries += 1) {
    const first = newServer(answer);
    const port = await listen(first, '127.0.0.1', wanted);
    const second = newServer(answer);
    try {
      await listen(second, '::1', port);
      return { port, close: () => closeAll([first, second]) };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'STATE') return { port, close: () => closeAll([first]) };
      await closeAll([first]);
      if (wanted !== 0 || tries >= TRIES) throw error;
    }
  }
}

function newServer(answer: RequestListener): Server {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, answer);
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'this user may not listen on it' : 'it is taken';
    throw new SluiceError('STATE', `Port ${port} of ${host} cannot be used: ${why}.`, {
      hint: 'Choose another with --port; 0 takes any that is free.',
      cause: error,
    });
  }
  return (server.address() as AddressInfo).port;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((done) => {
          server.close(() => done());
          server.closeAllConnections();
        }),
    ),
  );
}

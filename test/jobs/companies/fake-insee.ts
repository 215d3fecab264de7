import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayOptions, type GatewayStats, newGateway } from './fake-gateway.ts';

export interface FakeInseeOptions extends Partial<Omit<GatewayOptions, 'now'>> {
  /** 0: any free port. */
  port?: number;
  /** Each answer waits so long. */
  latencyMs?: number;
  onRefused?: (stats: GatewayStats) => void;
  /** Hears of each call before it is answered: its path below the base, and its body. */
  onCall?: (path: string, body: string) => void;
}

export interface FakeInsee {
  /** Base of the API: http://127.0.0.1:<port>/api-sirene/3.11. */
  url: string;
  stats(): GatewayStats;
  close(): Promise<void>;
}

const BASE = '/api-sirene/3.11';
export const KEY = 'a-key-of-the-fake-server';

/**
 * The gateway on loopback: `GET /siret?q=`, `POST /siret`, `GET /siren/<siren>` below /api-sirene/3.11; and /stats,
 * which is its own. A call is counted when its headers are there.
 */
export async function startFakeInsee(options: FakeInseeOptions = {}): Promise<FakeInsee> {
  const { port = 0, latencyMs = 0, calls = 30, windowMs = 60_000, key = KEY, ...rest } = options;
  const now = (): number => performance.timeOrigin + performance.now();
  const gateway = newGateway({ calls, windowMs, key, now, ...rest });
  const server = createServer((request, response) => {
    const url = request.url ?? '/';
    if (url === '/stats') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(gateway.stats()));
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = url.startsWith(BASE) ? url.slice(BASE.length) : `/outside${url}`;
      const body = Buffer.concat(chunks).toString();
      const { headers, method = 'GET' } = request;
      options.onCall?.(path, body);
      const answered = gateway.answer({ method, path, headers, body });
      if (answered.status === 429) options.onRefused?.(gateway.stats());
      void sleep(latencyMs).then(() => {
        response.writeHead(answered.status, answered.headers);
        response.end(answered.body);
      });
    });
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', done);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`,
    stats: gateway.stats,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { newHttpHost } from '../../lib/app/http-host.ts';
import type { HttpSettings } from '../../lib/core/http.ts';
import {
  defineJob,
  type Job,
  type JobContext,
  type Limits,
  type Retry,
} from '../../lib/core/job.ts';
import type { Result } from '../../lib/core/outcome.ts';
import type { QuotaDefinition } from '../../lib/core/quota.ts';
import { hasEnded } from '../../lib/core/transitions.ts';
import { httpClient } from '../../lib/engine/http-client.ts';
import type { HttpHost } from '../../lib/engine/http-env.ts';
import { newQuotaLeases } from '../../lib/engine/quota-leases.ts';
import type { LookupAll } from '../../lib/io/http/guard.ts';
import { openWire } from '../../lib/io/http/wire.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import { memoryWorld } from './memory-engine.ts';

export interface Remote {
  url: string;
  port: number;
  /** What was asked, in the order in which it came. */
  asked: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  /** Connections that were opened so far, and that are open. */
  readonly connections: number;
  readonly open: number;
  close(): Promise<void>;
}

export type Answering = (
  request: { url: string; method: string; times: number; body: string; socket: Socket },
  response: ServerResponse,
) => void;

const remotes: Remote[] = [];

/** A server on the loopback; `times` counts what was asked at the same address. Closed by `closeRemotes`. */
export async function remote(answer: Answering): Promise<Remote> {
  const asked: Remote['asked'] = [];
  const times = new Map<string, number>();
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      const { url = '', method = '', headers, socket } = request;
      asked.push({ method, url, headers, body });
      times.set(url, (times.get(url) ?? 0) + 1);
      answer({ url, method, body, socket, times: times.get(url) as number }, response);
    });
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const one: Remote = {
    url: `http://127.0.0.1:${port}`,
    port,
    asked,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  remotes.push(one);
  return one;
}

const hosts: HttpHost[] = [];

export async function closeRemotes(): Promise<void> {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  await Promise.all(remotes.splice(0).map((one) => one.close()));
}

/** The client of a process of its own. */
export function httpHost(lookup?: LookupAll): HttpHost {
  const options = lookup === undefined ? {} : { lookup };
  const host = newHttpHost(async () => ({ openWire: () => openWire(options), httpClient }));
  hosts.push(host);
  return host;
}

export interface HttpJob {
  rows?: readonly unknown[];
  http?: HttpSettings;
  limits?: Limits;
  retry?: Retry;
  quotas?: Record<string, QuotaDefinition> | (() => Record<string, QuotaDefinition>);
  lookup?: LookupAll;
  process?: ((row: never, ctx: JobContext) => Promise<Result<unknown>>) | undefined;
  /** In place of it. */
  steps?: readonly unknown[];
}

/** A batch of rows that call remotes, in the real engine on memory stores. */
export function httpWorld({
  rows = [0],
  http = {},
  limits,
  retry,
  quotas,
  lookup,
  process,
  steps,
}: HttpJob) {
  const job = defineJob({
    name: 'calls',
    input: ndjson() as never,
    http,
    limits: { itemTimeout: '5s', workers: 1, ...limits },
    retry: { base: '1ms', ...retry },
    ...(quotas === undefined ? {} : { quotas }),
    ...((steps === undefined ? { process } : { steps }) as { process: never }),
  }) as Job;
  const clock = systemClock();
  const lines = { store: memoryCheckpointStore(), clock, log: memoryLogger(), random: () => 0.5 };
  return memoryWorld(job, { rows, env: { http: httpHost(lookup), quotas: newQuotaLeases(lines) } });
}

/** Runs it to its end or its pause; what is deferred is waited for. */
export async function runThrough(world: ReturnType<typeof httpWorld>): Promise<void> {
  for (;;) {
    await world.run();
    const { status, stop } = await world.batch();
    if (hasEnded(status) || stop !== 'none') return;
    await world.engine.clock.sleep(20);
  }
}

/** The outcomes of such a batch, once it is done. */
export async function outcomes(job: HttpJob): Promise<Record<string, unknown>[]> {
  const world = httpWorld(job);
  await world.start();
  await runThrough(world);
  const lines = (await world.outcomes()).split('\n');
  return lines.map((line) => {
    const { index: _index, key: _key, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return rest;
  });
}

/** What a single item of a job ends with. */
export const outcome = async (job: HttpJob): Promise<Record<string, unknown>> =>
  (await outcomes(job))[0] as Record<string, unknown>;

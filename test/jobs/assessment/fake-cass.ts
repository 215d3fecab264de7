import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An assertion as CaSS keeps one that is written for everybody. */
export interface CassAssertion {
  '@id': string;
  subject: unknown;
  competency: string;
  [field: string]: unknown;
}

export interface FakeCassOptions {
  assertions: readonly CassAssertion[];
  /** Ids of persons beside those with assertions. */
  persons?: readonly string[];
  /** 0: any free port. */
  port?: number;
  /** Each answer waits so long. */
  latencyMs?: number;
  /** The first so many calls are held until all of them are open (or 10 s have passed). */
  gather?: number;
  /** What a call gets instead of the real answer; `call` counts those for the same address, from 1. */
  fault?: (address: URL, call: number, headers: IncomingMessage['headers']) => Answer | undefined;
  onPeak?: (peak: number) => void;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** The answer stops there, with its connection. */
  cut?: boolean;
  /** No answer at all. */
  silent?: boolean;
}

interface CassStats {
  calls: number;
  /** Calls that are open now, and the most there were at once. */
  open: number;
  peak: number;
}

export interface FakeCass {
  /** Base of the API: http://127.0.0.1:<port>/api. */
  url: string;
  stats(): CassStats;
  reset(gather?: number): void;
  close(): Promise<void>;
}

const PERSON_PATH = '/api/data/schema.org.Person/';
const GATHER_LIMIT_MS = 10_000;

/**
 * A server with the part of CaSS's API that the job uses: GET /api/data/ with q, start, size and index_hint
 * (https://github.com/cassproject/CASS, src/main/server/skyRepo/data.js), /api/data/schema.org.Person/<uid>,
 * /api/ping; and /stats, which is its own: how many calls were made, are open, and were open at most.
 */
export async function startFakeCass(options: FakeCassOptions): Promise<FakeCass> {
  const bySubject = new Map<unknown, CassAssertion[]>();
  for (const assertion of options.assertions) {
    const { subject } = assertion;
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), assertion]);
  }
  const uids = new Set([...(options.persons ?? []), ...bySubject.keys()].map(uidOf));
  const timesAsked = new Map<string, number>();
  let stats: CassStats = { calls: 0, open: 0, peak: 0 };
  let held = newGate(options.gather ?? 0);

  const answerTo = (url: URL): Answer => {
    const { pathname, searchParams } = url;
    if (pathname === '/api/ping') return { status: 200, body: '{"ping":"pong"}' };
    if (pathname.startsWith(PERSON_PATH)) {
      const uid = decodeURIComponent(pathname.slice(PERSON_PATH.length));
      if (!uids.has(uid)) return { status: 404, body: 'Object not found.' };
      return { status: 200, body: JSON.stringify({ '@type': 'Person', '@id': uid }) };
    }
    if (pathname !== '/api/data/') return { status: 404, body: 'No such service.' };
    const found = bySubject.get(subjectOf(searchParams.get('q') ?? '')) ?? [];
    const start = Number(searchParams.get('start') ?? 0);
    const size = Math.min(10_000, Number(searchParams.get('size') ?? 50));
    return { status: 200, body: JSON.stringify(found.slice(start, start + size)) };
  };

  const serve = async (url: URL, request: IncomingMessage, response: ServerResponse) => {
    const counted = stats;
    counted.calls += 1;
    counted.open += 1;
    if (counted.open > counted.peak) {
      counted.peak = counted.open;
      options.onPeak?.(counted.peak);
    }
    let open = true;
    const leave = (): void => {
      if (open) counted.open -= 1;
      open = false;
    };
    response.once('close', leave); // the caller went away
    const times = (timesAsked.get(url.href) ?? 0) + 1;
    timesAsked.set(url.href, times);
    await held.pass();
    if (options.latencyMs !== undefined) await sleep(options.latencyMs);
    const answer = options.fault?.(url, times, request.headers) ?? answerTo(url);
    if (answer.silent) return;
    // Before it is sent: its caller may have made the next call when the last byte has left.
    leave();
    send(response, answer);
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/stats') send(response, { status: 200, body: JSON.stringify(stats) });
    else void serve(url, request, response);
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(options.port ?? 0, '127.0.0.1', done);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    stats: () => ({ ...stats }),
    reset(gather = 0) {
      stats = { calls: 0, open: 0, peak: 0 };
      timesAsked.clear();
      held = newGate(gather);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const uidOf = (id: unknown): string => String(id).replace(/\/+$/, '').split('/').at(-1) as string;

/** The phrase that follows `subject:`, as Elasticsearch reads it. */
function subjectOf(query: string): string | undefined {
  const match = /(?:^| )subject:"((?:[^"\\]|\\.)*)"/.exec(query);
  return match?.[1]?.replace(/\\(.)/g, '$1');
}

/** Opens when `count` calls wait at it, so that a cap is reached whatever the speed of the machine. */
function newGate(count: number): { pass(): Promise<void> } {
  let waiting = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((done) => {
    open = done;
  });
  const limit = count === 0 ? undefined : setTimeout(open, GATHER_LIMIT_MS).unref();
  return {
    async pass() {
      if (count === 0) return;
      waiting += 1;
      if (waiting === count) {
        clearTimeout(limit);
        open();
      }
      await opened;
    },
  };
}

function send(response: ServerResponse, { status, headers, body = '', cut }: Answer): void {
  const json = { 'content-type': 'application/json; charset=utf-8', ...headers };
  if (cut) {
    response.writeHead(status, { ...json, 'content-length': String(body.length + 1) });
    response.write(body, () => response.destroy());
    return;
  }
  response.writeHead(status, json);
  response.end(body);
}

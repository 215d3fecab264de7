import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Shares of pages, from 0 to 1, that meet a fate; a page's fate is a function of its address. */
export interface Fates {
  /** The work crashes the first time, and goes well the second. */
  crash?: number;
  /** ... every time. */
  doomed?: number;
  /** Its progress stops half-way, for ever. */
  stall?: number;
  /** The service has it already: 409. */
  known?: number;
  /** There is no recipe: it fails, and another try would not help. */
  empty?: number;
}

export interface FakeServiceOptions {
  /** 0: any free port. */
  port?: number;
  /** How long work takes, in virtual minutes. */
  minutes?: readonly [least: number, most: number];
  /** Virtual seconds in a real one. */
  speed?: number;
  /** Work that is open at once; beyond it submissions get 429. */
  slots?: number;
  fates?: Fates;
  /** Virtual milliseconds since the start; default: the clock, `speed` times as fast. */
  now?: () => number;
  /** Token that every call must have. */
  token?: string;
}

export interface ServiceStats {
  /** Calls by kind. */
  submits: number;
  checks: number;
  /** Submissions that were new work, a repeat by its key, known, and refused for want of a slot. */
  accepted: number;
  repeats: number;
  duplicates: number;
  refused: number;
  /** Work that is open now, and the most there was at once. */
  open: number;
  peak: number;
  /** Pages that were accepted more than once while their work was still open: must stay 0. */
  doubled: number;
}

export interface FakeService {
  /** Base of the API: http://127.0.0.1:<port>/v1. */
  url: string;
  stats(): ServiceStats;
  /** What a crash of the service does: connections end, open work is failed, or forgotten. */
  crash(forget?: boolean): void;
  close(): Promise<void>;
}

type Fate = keyof Fates | 'fine';

interface Work {
  id: string;
  url: string;
  fate: Fate;
  from: number;
  tookMs: number;
  crashed: boolean;
}

/** A number from 0 to 1 that only depends on the text. */
const share = (text: string): number =>
  createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;

export function fateOf(url: string, fates: Fates): Fate {
  let at = share(`fate ${url}`);
  for (const [fate, of] of Object.entries(fates) as [keyof Fates, number][]) {
    if (at < of) return fate;
    at -= of;
  }
  return 'fine';
}

/** The recipe that the service finds for a page: a function of its address. */
export const recipeFor = (url: string) => ({
  '@context': 'https://schema.org',
  '@type': 'Recipe',
  name: `Recipe ${createHash('sha256').update(url).digest('hex').slice(0, 8)}`,
  url,
  recipeIngredient: [`${1 + Math.floor(share(url) * 9)} eggs`, 'salt'],
  recipeInstructions: [
    { '@type': 'HowToStep', text: 'Whisk.' },
    { '@type': 'HowToStep', text: 'Fry.' },
  ],
  totalTime: `PT${5 + Math.floor(share(url) * 60)}M`,
});

const MAX_BODY = 12 * 1024 * 1024;

/** The service that docs/jobs/recipes.md describes: POST /v1/jobs, GET /v1/jobs/<id>; and /stats, which is its own. */
export async function startFakeService(options: FakeServiceOptions = {}): Promise<FakeService> {
  const { minutes = [3, 8], speed = 1, slots = 20, fates = {}, token } = options;
  const startedAt = performance.now();
  const now = options.now ?? (() => (performance.now() - startedAt) * speed);
  const works = new Map<string, Work>();
  const byKey = new Map<string, string>();
  const tries = new Map<string, number>();
  const sums = {
    submits: 0,
    checks: 0,
    accepted: 0,
    repeats: 0,
    duplicates: 0,
    refused: 0,
    peak: 0,
    doubled: 0,
  };

  const isOpen = (work: Work): boolean => ['queued', 'running'].includes(stateOf(work).state);
  const openWorks = (): Work[] => [...works.values()].filter(isOpen);

  function stateOf(work: Work): {
    state: string;
    progress?: unknown;
    recipe?: unknown;
    error?: unknown;
  } {
    if (work.crashed)
      return {
        state: 'failed',
        error: { code: 'CRASHED', message: 'the worker crashed', retryable: true },
      };
    const part = (now() - work.from) / work.tookMs;
    const again = tries.get(work.url) ?? 1;
    const percent = Math.floor(Math.min(part, 1) * 100);
    if (work.fate === 'stall' && part > 0.5) return { state: 'running', progress: { percent: 50 } };
    const crashes = work.fate === 'doomed' || (work.fate === 'crash' && again === 1);
    if (crashes && part > 0.5)
      return {
        state: 'failed',
        error: { code: 'CRASHED', message: 'the worker crashed', retryable: true },
      };
    if (part < 0.1) return { state: 'queued', progress: { percent } };
    if (part < 1) return { state: 'running', progress: { percent } };
    if (work.fate === 'empty')
      return {
        state: 'failed',
        error: { code: 'NO_RECIPE', message: 'the page has no recipe', retryable: false },
      };
    return { state: 'done', progress: { percent: 100 }, recipe: recipeFor(work.url) };
  }

  function submit(url: string, key: string | undefined): Answer {
    sums.submits += 1;
    const known = key === undefined ? undefined : works.get(byKey.get(key) ?? '');
    if (known !== undefined) {
      sums.repeats += 1;
      return { status: 200, body: { id: known.id, ...stateOf(known) } };
    }
    const fate = fateOf(url, fates);
    if (fate === 'known') {
      sums.duplicates += 1;
      return { status: 409, body: { error: 'the page is known' } };
    }
    const open = openWorks();
    if (open.length >= slots) {
      sums.refused += 1;
      const first = Math.min(...open.map(({ from, tookMs }) => from + tookMs)) - now();
      // In real seconds, and never so long that nobody comes back.
      const seconds = Math.min(30, Math.max(1, Math.ceil(first / 1000 / speed)));
      return {
        status: 429,
        headers: { 'retry-after': String(seconds) },
        body: { error: 'all slots are taken' },
      };
    }
    if (open.some((work) => work.url === url)) sums.doubled += 1;
    const again = (tries.get(url) ?? 0) + 1;
    tries.set(url, again);
    const id = createHash('sha256')
      .update(`${url} ${again} ${works.size}`)
      .digest('hex')
      .slice(0, 16);
    const [least, most] = minutes;
    const tookMs = (least + share(`time ${url}`) * (most - least)) * 60_000;
    works.set(id, { id, url, fate, from: now(), tookMs, crashed: false });
    if (key !== undefined) byKey.set(key, id);
    sums.accepted += 1;
    sums.peak = Math.max(sums.peak, open.length + 1);
    return { status: 202, body: { id, state: 'queued' } };
  }

  async function answerTo(request: IncomingMessage): Promise<Answer> {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (pathname === '/stats') return { status: 200, body: stats() };
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return { status: 401, body: { error: 'a token is needed' } };
    }
    if (request.method === 'POST' && pathname === '/v1/jobs') {
      const body = await bodyOf(request);
      const url =
        typeof body === 'object' && body !== null ? (body as { url?: unknown }).url : undefined;
      if (typeof url !== 'string' || !URL.canParse(url))
        return { status: 422, body: { error: 'url is missing' } };
      const key = request.headers['idempotency-key'];
      return submit(url, typeof key === 'string' ? key : undefined);
    }
    const id = /^\/v1\/jobs\/([^/]+)$/.exec(pathname)?.[1];
    if (id === undefined || request.method !== 'GET')
      return { status: 404, body: { error: 'no such call' } };
    sums.checks += 1;
    const work = works.get(decodeURIComponent(id));
    if (work === undefined) return { status: 404, body: { error: 'no such job' } };
    return { status: 200, body: { id: work.id, ...stateOf(work) } };
  }

  const stats = (): ServiceStats => ({ ...sums, open: openWorks().length });
  const server = createServer((request, response) => {
    answerTo(request).then(
      (answer) => send(response, answer),
      () => send(response, { status: 400, body: { error: 'the body is no JSON' } }),
    );
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(options.port ?? 0, '127.0.0.1', done);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stats,
    crash(forget = false) {
      for (const work of openWorks()) {
        if (forget) works.delete(work.id);
        else work.crashed = true;
      }
      server.closeAllConnections();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY) throw new Error('too large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

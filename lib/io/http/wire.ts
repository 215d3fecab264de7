import { buildConnector, type Dispatcher, Pool } from 'undici';
import { newTimeOuts, type Timed } from '../../pool/time-outs.ts';
import type { Aborting, HttpWire, WireAnswer, WireRequest } from '../../ports/http.ts';
import { decoded, ENCODINGS } from './decode.ts';
import { faultOf, wireFault } from './fault.ts';
import {
  checkConnected,
  checkLiteral,
  guardedLookup,
  isAllowed,
  type LookupAll,
  lookupAll,
} from './guard.ts';

export interface WireOptions {
  /** Looks names up for guarded requests; default: the system's. */
  lookup?: LookupAll;
}

/** Origins whose connections are kept; beyond, those that were used longest ago are closed. */
const MAX_ORIGINS = 256;
/** A socket that does not connect for so long is given up; the request itself has its own, shorter time. */
const CONNECT_MS = 60_000;

/** Keep-alive pools, one an origin: HTTP/1.1, one request a connection at a time, no proxy. */
export function openWire({ lookup = lookupAll }: WireOptions = {}): HttpWire {
  const pools = new Map<string, Pool>();
  const poolOf = ({ origin, connections }: WireRequest, guarded: boolean): Pool => {
    const key = guarded ? `guarded ${origin}` : origin;
    const known = pools.get(key);
    const limits = { connections: connections ?? null };
    const pool = known ?? newPool(origin, limits, guarded ? lookup : undefined);
    // The order of a map is that of use: the first is the one that was used longest ago.
    if (pools.size > 1 || known === undefined) {
      pools.delete(key);
      pools.set(key, pool);
    }
    if (pools.size > MAX_ORIGINS) closeIdle(pools);
    return pool;
  };
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        const { url, guard } = request;
        const guarded = guard !== undefined && !isAllowed(url, guard.allowHosts);
        if (guarded) checkLiteral(url);
        exchange(poolOf(request, guarded), request, { resolve, reject });
      }),
    async close() {
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map((pool) => pool.destroy()));
    },
  };
}

function closeIdle(pools: Map<string, Pool>): void {
  for (const [key, pool] of pools) {
    if (pool.stats.running + pool.stats.queued + pool.stats.pending > 0) continue;
    pools.delete(key);
    pool.close().catch(() => undefined);
    return;
  }
}

function newPool(
  origin: string,
  { connections }: { connections: number | null },
  lookup: LookupAll | undefined,
): Pool {
  // Our own timer bounds each request from end to end; these would only look at parts of it.
  const limits = { connections, headersTimeout: 0, bodyTimeout: 0, pipelining: 1 };
  const connect = { timeout: CONNECT_MS };
  if (lookup === undefined) return new Pool(origin, { ...limits, connect });
  const connector = buildConnector({ ...connect, lookup: guardedLookup(lookup) });
  const guarded: buildConnector.connector = (options, done) =>
    connector(options, (error, socket) => {
      // Without a socket there is undefined, whatever the types say.
      if (!socket) return done(error as Error, null);
      const refused = checkConnected(socket.remoteAddress);
      if (refused === undefined) return done(null, socket);
      socket.destroy();
      return done(refused, null);
    });
  return new Pool(origin, { ...limits, connect: guarded });
}

interface Settle {
  resolve(answer: WireAnswer | Promise<WireAnswer>): void;
  reject(error: Error): void;
}

/** One request and its answer. */
function exchange(pool: Pool, request: WireRequest, settle: Settle): void {
  const { url, origin, method, headers, body } = request;
  const handler = new Exchange(request, settle);
  if (handler.ended) return;
  // In pairs: undici goes through an object's keys for nothing else.
  const sent = headers['accept-encoding'] === undefined ? ['accept-encoding', ENCODINGS] : [];
  for (const name in headers) sent.push(name, headers[name] as string);
  const path = url.search === '' ? url.pathname : url.pathname + url.search;
  const options = { origin, path, method: method as 'GET', headers: sent, body: body ?? null };
  pool.dispatch(options, handler);
}

/**
 * A request under way, as undici tells of it. A class: as closures its twelve functions were made for each call, and
 * lived as long as it (1 KB of the 30 that a call took, measured).
 */
class Exchange implements Dispatcher.DispatchHandler, Timed {
  ended = false;
  due = 0;
  slot = -1;
  readonly #request: WireRequest;
  readonly #settle: Settle;
  #timer: NodeJS.Timeout | undefined;
  #onAbort: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #chunks: Buffer[] | undefined;
  #first: Buffer | undefined;
  #length = 0;
  #status = 0;
  #headers: Record<string, string> = NO_HEADERS;

  constructor(request: WireRequest, settle: Settle) {
    const { timeoutMs, signal } = request;
    this.#request = request;
    this.#settle = settle;
    if (signal?.aborted) {
      this.ended = true;
      settle.reject(reasonOf(signal));
      return;
    }
    if (timeoutMs >= COARSE_MS) {
      this.due = performance.now() + timeoutMs;
      TIME_OUTS.add(this);
    } else this.#timer = setTimeout(() => this.late(), timeoutMs);
    if (signal === undefined) return;
    this.#onAbort = () => this.fail(reasonOf(signal));
    signal.addEventListener('abort', this.#onAbort, ONCE);
  }

  late(): void {
    this.fail(wireFault('timeout', `${this.#request.timeoutMs} ms`));
  }

  /** The connection goes with it: what is still to come of the body is not waited for. */
  fail(error: Error): void {
    if (this.ended) return;
    this.#end();
    this.#settle.reject(error);
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Its time was over before there was a connection.
    if (this.ended) controller.abort(wireFault('timeout', 'before it was sent'));
  }

  onResponseStart(_: unknown, status: number, headers: RawHeaders): void {
    const { maxBytes, method } = this.#request;
    this.#status = status;
    this.#headers = joined(headers);
    const length = this.#headers['content-length'];
    if (Number(length) > maxBytes && method !== 'HEAD') this.fail(tooLarge());
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > this.#request.maxBytes) this.fail(tooLarge());
    else if (this.#first === undefined) this.#first = chunk;
    else {
      this.#chunks ??= [this.#first];
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.ended) return;
    this.#end();
    const bytes =
      this.#chunks === undefined
        ? (this.#first ?? NO_BYTES)
        : Buffer.concat(this.#chunks, this.#length);
    const answer = { status: this.#status, headers: this.#headers, bytes };
    const coded = this.#headers['content-encoding'] !== undefined;
    this.#settle.resolve(coded ? undone(answer, this.#request.maxBytes) : answer);
  }

  onResponseError(_: unknown, error: Error): void {
    this.fail(faultOf(error));
  }

  #end(): void {
    this.ended = true;
    if (this.#timer === undefined) TIME_OUTS.drop(this);
    else clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) {
      this.#request.signal?.removeEventListener('abort', this.#onAbort);
    }
  }
}

/** From here on a time-out may come 100 ms late: a twentieth of it at most. */
const COARSE_MS = 2_000;
const TICK_MS = 100;
/** Open requests keep the process alive by their sockets. */
const after = (ms: number, call: () => void): void => void setTimeout(call, ms).unref();
const TIME_OUTS = newTimeOuts({ now: () => performance.now(), after }, TICK_MS);

const ONCE = { once: true } as const;
const NO_HEADERS: Record<string, string> = {};
const NO_BYTES = Buffer.alloc(0);

async function undone(answer: WireAnswer, maxBytes: number): Promise<WireAnswer> {
  const bytes = await decoded(answer.bytes, answer.headers['content-encoding'], maxBytes);
  return { ...answer, bytes };
}

const tooLarge = (): Error => wireFault('too large', 'sent');

const reasonOf = (signal: Aborting | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('The request was aborted.');

type RawHeaders = Record<string, string | string[] | undefined>;

/** A header that came several times is one text; the object is the answer's own, and most have none such. */
function joined(raw: RawHeaders): Record<string, string> {
  for (const name in raw) {
    const value = raw[name];
    if (Array.isArray(value)) raw[name] = value.join(', ');
  }
  return raw as Record<string, string>;
}

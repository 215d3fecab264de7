import { buildConnector, Client, type Dispatcher } from 'undici';
import { newTimeOuts, type Timed } from '../../pool/time-outs.ts';
import type { Aborting, HttpWire, WireAnswer, WireRequest } from '../../ports/http.ts';
import { type Connections, newConnections, type Sending } from './connections.ts';
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

/** Connections that are kept alive, by origin: HTTP/1.1, one request a connection at a time, no proxy. */
export function openWire({ lookup = lookupAll }: WireOptions = {}): HttpWire {
  const origins = new Map<string, Connections>();
  const connectionsTo = (
    { origin, connections = Infinity }: WireRequest,
    guarded: boolean,
  ): Connections => {
    const key = guarded ? `guarded ${origin}` : origin;
    const known = origins.get(key);
    const own = known ?? newConnections(opener(origin, guarded ? lookup : undefined), connections);
    // The order of a map is that of use: the first is the one that was used longest ago.
    if (origins.size > 1 || known === undefined) {
      origins.delete(key);
      origins.set(key, own);
    }
    if (origins.size > MAX_ORIGINS) closeIdle(origins);
    return own;
  };
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        const guarded = request.guard !== undefined && isGuarded(request.origin, request.guard);
        const one = new Exchange(request, resolve, reject);
        if (!one.ended) one.send(connectionsTo(request, guarded));
      }),
    async close() {
      const all = [...origins.values()];
      origins.clear();
      await Promise.all(all.map((one) => one.destroy()));
    },
  };
}

/** Throws for an address that may not be reached. */
function isGuarded(origin: string, { allowHosts }: { allowHosts: readonly string[] }): boolean {
  const url = new URL(origin);
  if (isAllowed(url, allowHosts)) return false;
  checkLiteral(url);
  return true;
}

function closeIdle(origins: Map<string, Connections>): void {
  for (const [key, one] of origins) {
    if (!one.idle) continue;
    origins.delete(key);
    one.destroy().catch(() => undefined);
    return;
  }
}

function opener(origin: string, lookup: LookupAll | undefined): () => Client {
  // Our own timer bounds each request from end to end; these would only look at parts of it.
  const limits = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 };
  const connect =
    lookup === undefined ? buildConnector({ timeout: CONNECT_MS }) : guardedConnector(lookup);
  return () => new Client(origin, { ...limits, connect });
}

function guardedConnector(lookup: LookupAll): buildConnector.connector {
  const connector = buildConnector({ timeout: CONNECT_MS, lookup: guardedLookup(lookup) });
  return (options, done) =>
    connector(options, (error, socket) => {
      // Without a socket there is undefined, whatever the types say.
      if (!socket) return done(error as Error, null);
      const refused = checkConnected(socket.remoteAddress);
      if (refused === undefined) return done(null, socket);
      socket.destroy();
      return done(refused, null);
    });
}

/**
 * A request under way, as undici tells of it. A class: as closures its twelve functions were made for each call, and
 * lived as long as it (1 KB of the 30 that a call took, measured).
 */
class Exchange implements Sending, Timed {
  ended = false;
  due = 0;
  slot = -1;
  client: Client | undefined;
  readonly #request: WireRequest;
  readonly #resolve: (answer: WireAnswer | Promise<WireAnswer>) => void;
  readonly #reject: (error: Error) => void;
  #connections: Connections | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onAbort: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #chunks: Buffer[] | undefined;
  #first: Buffer | undefined;
  #length = 0;
  #status = 0;
  #headers: Record<string, string> = NO_HEADERS;

  constructor(
    request: WireRequest,
    resolve: (answer: WireAnswer | Promise<WireAnswer>) => void,
    reject: (error: Error) => void,
  ) {
    const { timeoutMs, signal } = request;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    if (signal?.aborted) {
      this.ended = true;
      reject(reasonOf(signal));
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

  send(connections: Connections): void {
    this.#connections = connections;
    connections.send(this);
  }

  options(): Dispatcher.DispatchOptions {
    const { path, method, headers, body } = this.#request;
    // In pairs: undici goes through an object's keys for nothing else.
    const sent = headers['accept-encoding'] === undefined ? ['accept-encoding', ENCODINGS] : [];
    for (const name in headers) sent.push(name, headers[name] as string);
    return { path, method: method as 'GET', headers: sent, body: body ?? null };
  }

  late(): void {
    this.fail(wireFault('timeout', `${this.#request.timeoutMs} ms`));
  }

  /** The connection goes with it: what is still to come of the body is not waited for. */
  fail(error: Error): void {
    if (this.ended) return;
    this.#end();
    this.#reject(error);
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
    this.#connections?.ended(this, false);
    if (this.ended) return;
    this.#end();
    const bytes =
      this.#chunks === undefined
        ? (this.#first ?? NO_BYTES)
        : Buffer.concat(this.#chunks, this.#length);
    const answer = { status: this.#status, headers: this.#headers, bytes };
    const coded = this.#headers['content-encoding'] !== undefined;
    this.#resolve(coded ? undone(answer, this.#request.maxBytes) : answer);
  }

  onResponseError(_: unknown, error: Error): void {
    this.#connections?.ended(this, true);
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

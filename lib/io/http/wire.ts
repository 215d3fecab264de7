import { buildConnector, Pool } from 'undici';
import type { Aborting, HttpWire, WireAnswer, WireRequest } from '../../ports/http.ts';
import { decoded, ENCODINGS } from './decode.ts';
import { isWireFault, wireFault } from './fault.ts';
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
  const poolOf = ({ url, connections }: WireRequest, guarded: boolean): Pool => {
    const key = `${guarded ? 'guarded ' : ''}${url.origin}`;
    const known = pools.get(key);
    const limits = { connections: connections ?? null };
    const pool = known ?? newPool(url.origin, limits, guarded ? lookup : undefined);
    // The order of a map is that of use: the first is the one that was used longest ago.
    if (pools.size > 1 || known === undefined) {
      pools.delete(key);
      pools.set(key, pool);
    }
    if (pools.size > MAX_ORIGINS) closeIdle(pools);
    return pool;
  };
  return {
    async send(request) {
      const { url, guard } = request;
      const guarded = guard !== undefined && !isAllowed(url, guard.allowHosts);
      if (guarded) checkLiteral(url);
      const { status, headers, bytes } = await exchange(poolOf(request, guarded), request);
      const body = await decoded(bytes, headers['content-encoding'], request.maxBytes);
      return { status, headers, bytes: body };
    },
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

/** One request and its answer's bytes as they were sent. */
function exchange(pool: Pool, request: WireRequest): Promise<WireAnswer> {
  const { url, method, headers, body, timeoutMs, maxBytes, signal } = request;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let [length, status] = [0, 0];
    let answered: Record<string, string> = {};
    let ended = false;
    let stop: ((reason: Error) => void) | undefined;
    const end = (): void => {
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: Error): void => {
      if (ended) return;
      end();
      reject(error);
      // The connection goes with it: what is still to come of the body is not waited for.
      stop?.(error);
    };
    const onAbort = (): void => fail(reasonOf(signal));
    const timer = setTimeout(() => fail(wireFault('timeout', `${timeoutMs} ms`)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) return onAbort();
    const options = {
      path: `${url.pathname}${url.search}`,
      method: method as 'GET',
      headers: { 'accept-encoding': ENCODINGS, ...headers },
      body: body ?? null,
    };
    pool.dispatch(options, {
      onRequestStart(controller) {
        stop = (reason) => controller.abort(reason);
        // Its time was over before there was a connection.
        if (ended) controller.abort(wireFault('timeout', 'before it was sent'));
      },
      onResponseStart(_, code, raw) {
        status = code;
        answered = joined(raw);
        if (Number(answered['content-length']) > maxBytes && method !== 'HEAD') fail(tooLarge());
      },
      onResponseData(_, chunk) {
        length += chunk.length;
        if (length > maxBytes) fail(tooLarge());
        else chunks.push(chunk);
      },
      onResponseEnd() {
        if (ended) return;
        end();
        const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
        resolve({ status, headers: answered, bytes });
      },
      onResponseError(_, error) {
        fail(isWireFault(error) ? error : wireFault('network', codeOf(error), error));
      },
    });
  });
}

const tooLarge = (): Error => wireFault('too large', 'sent');

const reasonOf = (signal: Aborting | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('The request was aborted.');

function joined(raw: Record<string, string | string[] | undefined>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of Object.keys(raw)) {
    const value = raw[name];
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return headers;
}

/** Such as ECONNREFUSED. Of several addresses that were tried, the first one's. */
function codeOf(error: Error): string {
  const { code, errors, message } = error as Error & { code?: unknown; errors?: Error[] };
  if (typeof code === 'string') return code;
  const [first] = errors ?? [];
  return first === undefined ? message : codeOf(first);
}

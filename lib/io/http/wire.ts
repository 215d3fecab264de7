import buildConnector from 'undici/lib/core/connect.js';
import Client from 'undici/lib/dispatcher/client.js';
import type { HttpWire, WireRequest } from '../../ports/http.ts';
import { type Connections, newConnections } from './connections.ts';
import { Exchange } from './exchange.ts';
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

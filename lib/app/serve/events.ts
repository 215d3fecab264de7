import type { ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

/** Clients that may listen at once. */
const MAX_CLIENTS = 32;
/** An event is some KB. Who is so far behind does not read. */
const MAX_BEHIND_BYTES = 256 * 1024;
/** Proxies and browsers give a silent connection up after 30 s and more. */
const HEARTBEAT_MS = 15_000;

export interface EventStream {
  /** Drops the client when it has fallen too far behind; nothing is kept for it. */
  send(event: string, data: unknown): void;
  /** Ends the stream after what was sent. */
  end(): void;
  readonly open: boolean;
}

export interface EventHub {
  /** Opens a stream of server-sent events. Throws 503 when all places are taken. */
  open(response: ServerResponse): EventStream;
  readonly clients: number;
  close(): void;
}

export function newEventHub({
  maxClients = MAX_CLIENTS,
  maxBehindBytes = MAX_BEHIND_BYTES,
  heartbeatMs = HEARTBEAT_MS,
} = {}): EventHub {
  const streams = new Set<ServerResponse>();
  const write = (response: ServerResponse, text: string): void => {
    if (response.writableLength > maxBehindBytes) response.destroy();
    else if (!response.writableEnded) response.write(text);
  };
  const beat = setInterval(() => {
    for (const response of streams) write(response, ': still here\n\n');
  }, heartbeatMs);
  beat.unref();
  return {
    open(response) {
      if (streams.size >= maxClients) {
        throw new HttpError(
          503,
          { code: 'STATE', message: `${maxClients} clients listen already; that is all.` },
          { 'retry-after': '10' },
        );
      }
      streams.add(response);
      const forget = (): void => {
        streams.delete(response);
      };
      response.once('close', forget);
      response.on('error', forget);
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.write('retry: 2000\n\n');
      return {
        // JSON has no line ends of its own, so one data line holds it.
        send: (event, data) =>
          write(response, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
        end: () => response.end(),
        get open() {
          return !response.destroyed && !response.writableEnded;
        },
      };
    },
    get clients() {
      return streams.size;
    },
    close() {
      clearInterval(beat);
      for (const response of streams) response.end();
      streams.clear();
    },
  };
}

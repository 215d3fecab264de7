import type { Client, Dispatcher } from 'undici';
import errors from 'undici/lib/core/errors.js';
import { faultOf } from './fault.ts';

/** A request that is told of as undici does it, and which connection it is on. */
export interface Sending extends Dispatcher.DispatchHandler {
  /** It has ended, be it before it was sent. */
  readonly ended: boolean;
  client: Client | undefined;
  fail(error: Error): void;
  options(): Dispatcher.DispatchOptions;
}

/** The connections to one origin: HTTP/1.1, one request a connection at a time. */
export interface Connections {
  send(one: Sending): void;
  /** Told once undici has told of a request's end. */
  ended(one: Sending, failed: boolean): void;
  /** Nothing is under way. */
  readonly idle: boolean;
  /** Ends what is under way. */
  destroy(): Promise<void>;
}

/**
 * The connection that was used last is the next one. undici's own pool looks through all of its connections twice a
 * request, and takes one that rested: it was unreferenced meanwhile, and had got a timer that closes it.
 *
 * @param open a client, whose connection undici opens with its first request and again where it was closed
 * @param most how many there may be; what is sent beyond waits for one
 */
export function newConnections(open: () => Client, most: number): Connections {
  const all = new Set<Client>();
  const free: Client[] = [];
  const waiting: Sending[] = [];
  const opened = (): Client | undefined => {
    if (all.size >= most) return undefined;
    const client = open();
    all.add(client);
    return client;
  };
  const dispatch = (one: Sending, client: Client): void => {
    one.client = client;
    client.dispatch(one.options(), one);
  };
  const release = (client: Client, failed: boolean): void => {
    let next = waiting.shift();
    while (next?.ended) next = waiting.shift();
    if (next !== undefined) dispatch(next, client);
    // It may have to be opened again: others go first.
    else if (failed) free.unshift(client);
    else free.push(client);
  };
  return {
    send(one) {
      const client = free.pop() ?? opened();
      if (client === undefined) waiting.push(one);
      else dispatch(one, client);
    },
    ended(one, failed) {
      const { client } = one;
      if (client === undefined) return;
      one.client = undefined;
      if (!failed && waiting.length === 0) free.push(client);
      // Not before undici is through with this one: where it could not connect, it has its queue checked yet.
      else queueMicrotask(() => release(client, failed));
    },
    get idle() {
      return free.length === all.size;
    },
    async destroy() {
      for (const one of waiting.splice(0)) one.fail(faultOf(new errors.ClientDestroyedError()));
      await Promise.all([...all].map((client) => client.destroy()));
    },
  };
}

import { newRefusals } from '../core/http-refusals.ts';
import type { HttpClient, HttpHost } from '../engine/http-env.ts';
import type { HttpWire } from '../ports/http.ts';

/** What the client's file gives. */
export interface HttpModule extends Pick<HttpClient, 'httpClient'> {
  openWire(): HttpWire;
}

/** What a process has for `ctx.http`; `load` is called when the first item calls a remote, and again where it failed. */
export function newHttpHost(load: () => Promise<HttpModule>): HttpHost {
  let client: Promise<HttpClient> | undefined;
  let ready: HttpClient | undefined;
  return {
    ready: () => ready,
    client() {
      client ??= load().then(
        ({ openWire, httpClient }) => {
          ready = { wire: openWire(), httpClient };
          return ready;
        },
        (error: unknown) => {
          client = undefined;
          throw error;
        },
      );
      return client;
    },
    breakers: new Map(),
    refusals: newRefusals(),
    permits: new Map(),
    async close() {
      const open = client;
      client = undefined;
      const last = await open?.catch(() => undefined);
      if (ready === last) ready = undefined;
      await last?.wire.close();
    },
  };
}

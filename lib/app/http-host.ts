import type { HttpHost, HttpWire } from '../ports/http.ts';

/** What a process has for `ctx.http`; `load` is called when the first item calls a remote. */
export function newHttpHost(load: () => Promise<{ openWire(): HttpWire }>): HttpHost {
  let wire: Promise<HttpWire> | undefined;
  return {
    wire() {
      wire ??= load().then(({ openWire }) => openWire());
      return wire;
    },
    breakers: new Map(),
    permits: new Map(),
    async close() {
      const open = wire;
      wire = undefined;
      await (await open?.catch(() => undefined))?.close();
    },
  };
}

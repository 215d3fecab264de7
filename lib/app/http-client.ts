/** What a process loads for `ctx.http`, in a file of its own: pools, decompression, guard, tries and breaker. */
export { httpClient } from '../engine/http-client.ts';
export { openWire } from '../io/http/wire.ts';

import type { Http } from '../core/http.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';

/** The client of one item: what it is made of is loaded with the first call. */
export function itemHttp(env: HttpEnv | undefined, item: HttpItem): Http {
  if (env === undefined) {
    throw new Error('The job declares no http: add http: {} to its definition, then use ctx.http.');
  }
  const ready = env.host.ready();
  if (ready !== undefined) return ready.httpClient(env, item);
  let client: Http | undefined;
  const loaded = async (): Promise<Http> => {
    client ??= (await env.host.client()).httpClient(env, item);
    return client;
  };
  return {
    getJson: async (url, options) => (await loaded()).getJson(url, options),
    getText: async (url, options) => (await loaded()).getText(url, options),
    postJson: async (url, body, options) => (await loaded()).postJson(url, body, options),
    request: async (url, options) => (await loaded()).request(url, options),
  };
}

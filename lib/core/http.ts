/** How a job calls remotes: the settings of `ctx.http`. */
export interface HttpSettings {
  /** What paths are put behind, such as 'https://api.example.org/v1'; `headers` then go to this origin alone. */
  baseUrl?: string;
  /** Sent with every request; a function where they hold a secret: `(secret) => ({ 'x-key': secret('KEY') })`. */
  headers?: HeaderValues | ((secret: (name: string) => string) => HeaderValues);
  /** The quota of which every try takes a slot; default: every quota of the job. False: none. */
  quota?: string | false;
  /** Bounds one try, from the connection to the last byte: '10s' by default, at most '870s'. */
  requestTimeout?: string;
  /** Bounds a call with all its tries, waits and redirects; default: what is left of the item's time-out. */
  totalTimeout?: string;
  /** Largest body, compressed and decompressed; default 10 MiB, at most 1 GiB. */
  maxBytes?: number;
  /** Tries of a request, 1 to 20; default: the job's `retry.tries`. With 1 the item's own tries are all there is. */
  tries?: number;
  /** Redirects that are followed, 0 to 3; default 3. */
  redirects?: number;
  /** For URLs that come from the input: refuses every address that is not public. */
  guard?: boolean;
  /** Hosts that `guard` lets through all the same: 'intranet.example.org', 'localhost:8080'. */
  allowHosts?: readonly string[];
  /** Connections to one origin, per process (a thread counts as one); default: as many as items in flight need. */
  connections?: number;
  /** False: none. */
  breaker?: BreakerSettings | false;
  /**
   * What becomes of an item whose host is down, or asks for more time than the item has. 'wait': it is put back and
   * runs again later, and the batch pauses when the host stays down. 'fail': it fails. Default 'wait', and 'fail' with `guard`.
   */
  whenDown?: 'wait' | 'fail';
}

export type HeaderValues = Readonly<Record<string, string>>;

/** When a host counts as down: per host and process. Bad answers are statuses from 500 on, time-outs and failed connections. */
export interface BreakerSettings {
  /** Bad answers among the last `of` that open it: 10 of 20 by default; at most 30. */
  failures?: number;
  of?: number;
  /** How long it stays open at first ('1s'), and at most ('60s'): twice as long each time. Then one call probes. */
  open?: string;
  maxOpen?: string;
  /** Openings without a good answer, after which the host is given up: 10 by default, some five minutes. */
  openings?: number;
}

export interface RequestOptions {
  headers?: HeaderValues;
  /** Added to the address; undefined is left out. */
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  requestTimeout?: string;
  totalTimeout?: string;
  maxBytes?: number;
  tries?: number;
  redirects?: number;
  /** As in the settings. */
  quota?: string | false;
  /** The quota's key; default: the item's own. */
  key?: string;
  /** Sent as `Idempotency-Key`: the remote knows a repeat, so that POST and PATCH are tried again too. */
  idempotencyKey?: string;
  /** Whether more than one try is made; default: not of POST and PATCH without `idempotencyKey`. */
  retry?: boolean;
}

export interface RequestOptionsWithBody extends RequestOptions {
  /** GET by default, POST with a body. */
  method?: string;
  body?: string | Uint8Array;
}

/** What a remote answered; its body is whole and decompressed. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; several of one name are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where it came from, after redirects. */
  readonly url: string;
  readonly bytes: Uint8Array;
  /** Decoded as the answer's charset says, else as UTF-8. */
  text(): string;
  /** Throws a PermanentError `BAD_RESPONSE` for what is no JSON. */
  json<T = unknown>(): T;
}

/**
 * The client of one item. Connections are pooled and kept alive over items; each try takes a slot of the job's
 * quotas; failed connections, 5xx, 408 and 429 are tried again.
 */
export interface Http {
  /**
   * The JSON at an address; undefined for 404, and only for that. 409 ends the item as skipped, reason 'duplicate'.
   * @throws PermanentError `HTTP_<status>`, `BAD_RESPONSE`, `RESPONSE_TOO_LARGE`, `REDIRECT`, `BAD_URL`,
   * `BLOCKED_ADDRESS`; RetryableError `NETWORK`, `TIMEOUT`, `TOO_MANY_REQUESTS`, `SERVER_ERROR`, `CIRCUIT_OPEN`
   */
  getJson<T = unknown>(url: string | URL, options?: RequestOptions): Promise<T | undefined>;
  /** As `getJson`, but gives the text. */
  getText(url: string | URL, options?: RequestOptions): Promise<string | undefined>;
  /** Sends JSON, gives JSON; null for an answer without a body. Not tried again without `idempotencyKey` or `retry`. */
  postJson<T = unknown>(
    url: string | URL,
    body: unknown,
    options?: RequestOptions,
  ): Promise<T | undefined>;
  /** Any status comes back, once its tries are done; throws where there is no answer at all. */
  request(url: string | URL, options?: RequestOptionsWithBody): Promise<HttpAnswer>;
}

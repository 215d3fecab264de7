/** One request on the wire: no second try, no redirect. */
export interface WireRequest {
  /** Of an http or https URL, as URLs have it. */
  origin: string;
  /** What is behind it, with the query. */
  path: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array | undefined;
  /** From now to the last byte. */
  timeoutMs: number;
  /** Largest body, compressed and decompressed. */
  maxBytes: number;
  /** Connections to the origin, as the first request to it says; undefined for as many as there are requests. */
  connections: number | undefined;
  /** Only public addresses may be reached, and these hosts (`name` or `name:port`). */
  guard: { allowHosts: readonly string[] } | undefined;
  signal: Aborting | undefined;
}

/** An AbortSignal, or as much of one as a request needs. */
export interface Aborting {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: AbortListener, options?: { once: true }): void;
  removeEventListener(type: 'abort', listener: AbortListener): void;
}

/** A listener as EventTarget takes them, but for functions. */
export interface AbortListener {
  handleEvent(): void;
}

export interface WireAnswer {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  bytes: Uint8Array;
}

/** Pools of connections. What `send` rejects with has a `fault`, or is the signal's reason. */
export interface HttpWire {
  send(request: WireRequest): Promise<WireAnswer>;
  close(): Promise<void>;
}

/** Why there is no answer; recognised by `fault`, since the client may come from a bundle of its own. */
export interface WireFault {
  fault:
    | 'network' // no connection, or it broke
    | 'timeout'
    | 'too large' // more than maxBytes
    | 'encoding' // compressed in a way that nobody knows, or wrongly
    | 'address'; // the guard refused it
  /** What happened: a code such as ECONNREFUSED, or words. */
  message: string;
}

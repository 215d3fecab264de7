/** Objects by key. No conditional put: names carry the epoch, and reports are pure functions of state. */
export interface ObjectStore {
  /** Stores the whole object or nothing; replaces an earlier one. Durable when it resolves. */
  put(
    key: string,
    body: Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Bytes of an object, undefined when there is none. A range beyond the end is cut. */
  get(key: string, range?: ObjectRange): Promise<Uint8Array | undefined>;
  /** Size in bytes, undefined when there is none. */
  size(key: string): Promise<number | undefined>;
  /** Keys that begin with `prefix`, sorted by UTF-8 bytes. */
  list(prefix: string): AsyncIterable<string>;
  /** Removing what is not there is no error. */
  delete(key: string): Promise<void>;
}

/** Bytes [start, end), or the last `last` bytes. */
export type ObjectRange = { start: number; end: number } | { last: number };

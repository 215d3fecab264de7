/** Time, as the engine sees it. */
export interface Clock {
  /** Milliseconds since 1970, with fractions where the host has them; may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonic(): number;
  /** Resolves after `ms`, or at once (never rejects) when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `call` once after `ms`; the result cancels it. */
  after(ms: number, call: () => void): () => void;
  /** Lets everything that is due (timers, I/O) run before going on. */
  yield(): Promise<void>;
}

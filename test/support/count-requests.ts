/** A client of the AWS SDK, as far as counting needs it. */
interface Counted {
  middlewareStack: { add(middleware: never, options: never): void; remove(name: string): boolean };
}

export interface RequestCount {
  /** By command (`UpdateItem`): HTTP requests, each try of the SDK counted, in the order first seen. */
  byCommand(): Record<string, number>;
  total(): number;
  reset(): void;
  /** Counts no longer. */
  stop(): void;
}

type Next = (args: object) => Promise<unknown>;

/** Counts what clients of the AWS SDK send. Place it before the first call: a client may cache its middleware. */
export function countRequests(...clients: readonly Counted[]): RequestCount {
  const counts = new Map<string, number>();
  const name = 'countRequests';
  const count =
    (next: Next, context: { commandName?: string }): Next =>
    (args) => {
      const command = (context.commandName ?? 'unknown').replace(/Command$/, '');
      counts.set(command, (counts.get(command) ?? 0) + 1);
      return next(args);
    };
  for (const { middlewareStack } of clients) {
    // After the retries (finalizeRequest, high) and before the signature: once for every request that leaves.
    middlewareStack.add(
      count as never,
      { name, step: 'finalizeRequest', priority: 'low' } as never,
    );
  }
  return {
    byCommand: () => Object.fromEntries(counts),
    total: () => [...counts.values()].reduce((sum, n) => sum + n, 0),
    reset: () => counts.clear(),
    stop() {
      for (const { middlewareStack } of clients) middlewareStack.remove(name);
    },
  };
}

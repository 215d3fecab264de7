/**
 * Joins calls of a level-triggered action: while one runs, all later calls share one next run, which
 * begins after it. Each caller's promise covers a run that began after its call, so a state that was
 * written before the call is seen.
 */
export function coalesce<R>(action: (key: string) => Promise<R>): (key: string) => Promise<R> {
  const running = new Map<string, Promise<R>>();
  const queued = new Map<string, Promise<R>>();
  const start = (key: string): Promise<R> => {
    const run = action(key).finally(() => {
      if (running.get(key) === run) running.delete(key);
    });
    running.set(key, run);
    return run;
  };
  return (key) => {
    const current = running.get(key);
    if (current === undefined) return start(key);
    const waiting = queued.get(key);
    if (waiting !== undefined) return waiting;
    const next = current
      .catch(() => undefined)
      .then(() => {
        queued.delete(key);
        return start(key);
      });
    queued.set(key, next);
    return next;
  };
}

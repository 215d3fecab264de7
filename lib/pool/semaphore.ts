/** At most `permits` holders at once; waiters are served in order. */
export interface Semaphore {
  /** Resolves with the function that gives the permit back; calling it twice is harmless. */
  acquire(): Promise<() => void>;
  readonly free: number;
}

export function newSemaphore(permits: number): Semaphore {
  let free = permits;
  const waiting: (() => void)[] = [];
  const giveBack = (): (() => void) => {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    };
  };
  return {
    get free() {
      return free;
    },
    acquire() {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(giveBack());
      }
      return new Promise((resolve) => waiting.push(() => resolve(giveBack())));
    },
  };
}

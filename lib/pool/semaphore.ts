/** At most `permits` holders at once; waiters are served by their rank, the highest first, and in order where it is the same. */
export interface Semaphore {
  /** Resolves with the function that gives the permit back; calling it twice is harmless. */
  acquire(rank?: number): Promise<() => void>;
  readonly free: number;
}

export function newSemaphore(permits: number): Semaphore {
  let free = permits;
  const waiting: { rank: number; take(): void }[] = [];
  const giveBack = (): (() => void) => {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = waiting.shift();
      if (next) next.take();
      else free += 1;
    };
  };
  return {
    get free() {
      return free;
    },
    acquire(rank = 0) {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(giveBack());
      }
      return new Promise((resolve) => {
        const behind = waiting.findLastIndex((other) => other.rank >= rank);
        waiting.splice(behind + 1, 0, { rank, take: () => resolve(giveBack()) });
      });
    },
  };
}

import type { Environment } from './environment.ts';

/** The environments of one function: those at work, and those that wait for the next event. */
export interface WarmEnvironments {
  /** The one used last; one that died while idle is never given. */
  take(): Environment | undefined;
  /** A new one, at work. */
  add(environment: Environment): void;
  /** After a call: kept for the next one, or dropped where it has ended. */
  put(environment: Environment): void;
  readonly size: number;
  /** Kills all; resolves when their processes have ended. */
  close(): Promise<void>;
}

/** An idle environment is kept for 5 minutes; AWS names no number. */
const IDLE_MS = 300_000;

export function newWarmEnvironments(): WarmEnvironments {
  const all = new Set<Environment>();
  let idle: { environment: Environment; since: number }[] = [];
  const retire = setInterval(() => {
    const old = Date.now() - IDLE_MS;
    for (const { environment, since } of idle) {
      if (since >= old) continue;
      environment.kill('Idle', 'idle for long');
      all.delete(environment);
    }
    idle = idle.filter(({ since }) => since >= old);
  }, IDLE_MS / 10);
  retire.unref();
  return {
    take() {
      for (;;) {
        const kept = idle.pop()?.environment;
        if (kept === undefined || !kept.gone) return kept;
        all.delete(kept);
      }
    },
    add: (environment) => void all.add(environment),
    put(environment) {
      if (environment.gone) all.delete(environment);
      else idle.push({ environment, since: Date.now() });
    },
    get size() {
      return all.size;
    },
    async close() {
      clearInterval(retire);
      idle = [];
      const ends = [...all].map((environment) => {
        environment.kill('Shutdown', 'the emulator ends');
        return environment.ended;
      });
      await Promise.all(ends);
    },
  };
}

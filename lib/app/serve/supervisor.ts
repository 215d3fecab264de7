import { hasEnded } from '../../core/transitions.ts';
import { listBatches, readBatch } from '../../engine/batch.ts';
import type { Home } from '../home.ts';
import { enqueue, pump, type Turns, tell, unqueue } from './turns.ts';
import type { Fault, RunHow } from './wire.ts';

export interface SupervisorOptions {
  home: Home;
  /** Batches that run at once, and that wait beyond them. */
  running: number;
  waiting: number;
  /** A line for the person at the terminal. */
  say(line: string): void;
}

/** Runs batches, each in a process of its own: so many at once, the others wait in the order they came. */
export interface Supervisor {
  readonly running: readonly string[];
  readonly waiting: readonly string[];
  /** Holds a place for a batch that is being made; undefined when all are taken. */
  reserve(): (() => void) | undefined;
  /**
   * Runs the batch when its turn comes; durable when it resolves. False when it waits or runs already.
   * `atOnce`: beyond the bound, for a batch that was cancelled; none of its items runs.
   */
  enqueue(id: string, how: RunHow, options?: { atOnce?: boolean }): Promise<boolean>;
  /** Takes a batch out that waits; false when it does not. */
  withdraw(id: string): Promise<boolean>;
  /** A batch that is coming to rest goes on afterwards. */
  again(id: string, how: RunHow): void;
  /** Why the batch was left alone last, if it was. */
  faultOf(id: string): Fault | undefined;
  /** Told after each change of who runs and who waits. */
  onChange(listener: () => void): void;
  /** Asks all that run to save and to end, and waits for them. Answers how many are left for the next start. */
  close(): Promise<number>;
  /** Ends all at once. */
  kill(): void;
}

/** Takes up what an earlier server left: what waited, and what it was stopped or killed in. */
export async function openSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { home, say, running, waiting } = options;
  const state: Turns = {
    ...{ home, say, limits: { running, waiting }, waiting: [], running: new Map() },
    ...{
      reserved: 0,
      order: 0,
      faults: new Map(),
      listeners: [],
      closing: false,
      interrupted: 0,
      ends: new Set(),
    },
  };
  const left = (await listBatches(home.store, { all: true }))
    .filter(({ serve }) => serve !== undefined)
    .sort((a, b) => (a.serve ?? 0) - (b.serve ?? 0));
  for (const { id, serve = 0, how = '{}' } of left) {
    state.order = Math.max(state.order, serve);
    const batch = await readBatch(home.store, id);
    if (batch === undefined || hasEnded(batch.status) || batch.stop === 'pause') {
      await unqueue(home, id);
    } else state.waiting.push({ id, how: JSON.parse(how) as RunHow });
  }
  if (state.waiting.length > 0) say(`From before: ${state.waiting.length} to go on with.`);
  pump(state);
  return handleOf(state);
}

function handleOf(state: Turns): Supervisor {
  const { home, waiting, running, limits } = state;
  return {
    get running() {
      return [...running.keys()];
    },
    get waiting() {
      return waiting.map(({ id }) => id);
    },
    reserve() {
      const used = running.size + waiting.length + state.reserved;
      if (state.closing || used >= limits.running + limits.waiting) return undefined;
      state.reserved += 1;
      let held = true;
      return () => {
        if (held) state.reserved -= 1;
        held = false;
      };
    },
    enqueue: (id, how, more) => enqueue(state, { id, how }, more),
    async withdraw(id) {
      const at = waiting.findIndex((one) => one.id === id);
      if (at < 0) return false;
      waiting.splice(at, 1);
      await unqueue(home, id);
      tell(state);
      return true;
    },
    again(id, how) {
      const there = running.get(id);
      if (there !== undefined) there.again = how;
    },
    faultOf: (id) => state.faults.get(id),
    onChange: (listener) => state.listeners.push(listener),
    async close() {
      state.closing = true;
      for (const { child } of running.values()) child.stop();
      while (state.ends.size > 0) await Promise.all(state.ends);
      return waiting.length + state.interrupted;
    },
    kill() {
      for (const { child } of running.values()) child.kill();
    },
  };
}

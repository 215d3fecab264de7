import type { Host } from '../../ports/host.ts';

export interface MemoryHost extends Host {
  /** Owners that count as proved dead; add to it and delete from it. */
  readonly dead: Set<string>;
  /** What `usage()` answers; may be set. */
  used: { cpuMs: number; rssBytes: number };
}

export interface MemoryHostOptions {
  id?: string;
  /** Of `random()`: the same seed gives the same numbers. */
  seed?: number;
}

/** A host whose deaths and random numbers are the test's. */
export function memoryHost({ id = 'memory', seed = 1 }: MemoryHostOptions = {}): MemoryHost {
  let owners = 0;
  let state = seed;
  const dead = new Set<string>();
  const host: MemoryHost = {
    id,
    dead,
    used: { cpuMs: 0, rssBytes: 0 },
    newOwner() {
      owners += 1;
      return `${id}/${owners}`;
    },
    isDead: (owner) => dead.has(owner),
    usage: () => ({ ...host.used }),
    // splitmix32: one 32-bit word of state, full period.
    random() {
      state = (state + 0x9e3779b9) | 0;
      let word = state ^ (state >>> 16);
      word = Math.imul(word, 0x21f0aaad);
      word ^= word >>> 15;
      word = Math.imul(word, 0x735a2d97);
      return ((word ^ (word >>> 15)) >>> 0) / 2 ** 32;
    },
  };
  return host;
}

/** What a worker opens once and uses for all its work: pools of connections, files. */
export interface Shared {
  /** Opens it on first use. What `open` throws is thrown, and the next call opens again. */
  get<T>(name: string, open: () => T, close?: (opened: T) => unknown): T;
  /** Closes everything, the last opened first; one that cannot be closed does not keep the others open. */
  close(): Promise<void>;
}

export function newShared(): Shared {
  const held = new Map<string, { value: unknown; close: () => unknown }>();
  return {
    get<T>(name: string, open: () => T, close: (opened: T) => unknown = () => undefined): T {
      const known = held.get(name);
      if (known !== undefined) return known.value as T;
      const value = open();
      held.set(name, { value, close: () => close(value) });
      return value;
    },
    async close() {
      const all = [...held.values()].reverse();
      held.clear();
      for (const one of all) {
        try {
          await one.close();
        } catch {
          // It is gone anyway: the worker ends.
        }
      }
    },
  };
}

import type { ObjectStore } from '../ports/object-store.ts';

/** What an attempt in a thread makes until the answer takes it to the main thread: a part, and what goes before it. */
export interface Puts {
  put: ObjectStore['put'];
  /** What was put since the last call, which lasts until the next put. Throws when nothing of that key was. */
  take(key: string): { body: Uint8Array; before: { key: string; body: Uint8Array }[] };
  /** The main thread has stored all of it: the next attempt may write over it. */
  close(): void;
}

/**
 * Memory that both threads see and no attempt holds. A part is handed over in place: as memory of its own that changed
 * threads, each counted as objects do in V8's eyes, and every 20 parts the main thread collected its whole heap.
 */
const spare: SharedArrayBuffer[] = [];
/** One at work, one that waits, and those whose parts are being stored. */
const MOST_SPARE = 6;
const MOST_BYTES = 1024 * 1024;
/** Parts of one batch differ a little in size: all fit into the same memory. */
const STEP_BYTES = 256 * 1024;

function memoryFor(bytes: number): SharedArrayBuffer {
  const at = spare.findIndex(({ byteLength }) => byteLength >= bytes);
  const [found] = at < 0 ? [] : spare.splice(at, 1);
  return found ?? new SharedArrayBuffer(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
}

/** Of one attempt. A slot is free again while its attempt's part is stored, so memory belongs to attempts, not to lanes. */
export function newPuts(): Puts {
  const bodies = new Map<string, Uint8Array>();
  let memory: SharedArrayBuffer | undefined;
  let used = 0;
  const room = (bytes: number): Uint8Array => {
    if (memory === undefined || used + bytes > memory.byteLength) {
      // What lies in the old one stays there: its own view holds it.
      memory = memoryFor(bytes);
      used = 0;
    }
    used += bytes;
    return new Uint8Array(memory, used - bytes, bytes);
  };
  return {
    async put(key, body) {
      if (bodies.size === 0) used = 0;
      const pieces = body as readonly Uint8Array[];
      const own = room(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        own.set(piece, at);
        at += piece.length;
      }
      bodies.set(key, own);
    },
    take(key) {
      const body = bodies.get(key);
      bodies.delete(key);
      if (body === undefined) throw new Error(`Part ${key} was not made.`);
      const before = [...bodies].map(([name, bytes]) => ({ key: name, body: bytes }));
      bodies.clear();
      return { body, before };
    },
    close() {
      if (memory !== undefined && memory.byteLength <= MOST_BYTES && spare.length < MOST_SPARE) {
        spare.push(memory);
      }
      memory = undefined;
    },
  };
}

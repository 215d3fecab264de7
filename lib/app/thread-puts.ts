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
/** A part and a shuffle object each: of one attempt at work, one that waits, and two whose parts are being stored. */
const MOST_SPARE = 8;
/** Of 4,000 music files a part and a shuffle object have 1 MB each. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Parts of one batch differ a little in size: all fit into the same memory. */
const STEP_BYTES = 256 * 1024;

/** The smallest that fits. Much larger memory is left to what needs it, and goes when nothing does. */
function memoryFor(bytes: number): SharedArrayBuffer {
  let best = -1;
  const most = 4 * Math.max(bytes, STEP_BYTES);
  for (const [at, { byteLength }] of spare.entries()) {
    const fits = byteLength >= bytes && byteLength <= most;
    if (fits && (best < 0 || byteLength < (spare[best] as SharedArrayBuffer).byteLength)) best = at;
  }
  const [found] = best < 0 ? [] : spare.splice(best, 1);
  return found ?? new SharedArrayBuffer(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
}

/** Of one attempt. A slot is free again while its attempt's part is stored, so memory belongs to attempts, not to lanes. */
export function newPuts(): Puts {
  const bodies = new Map<string, Uint8Array>();
  // All of it goes back: the main thread's views keep what is dropped, until its own whole collection.
  let held: SharedArrayBuffer[] = [];
  const giveBack = (): void => {
    for (const memory of held) {
      if (memory.byteLength > MOST_BYTES) continue;
      // Parts of the next stage may be larger than those of the last one, or smaller: the oldest goes.
      if (spare.length >= MOST_SPARE) spare.shift();
      spare.push(memory);
    }
    held = [];
  };
  return {
    async put(key, body) {
      if (bodies.size === 0) giveBack();
      const pieces = body as readonly Uint8Array[];
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const memory = memoryFor(bytes);
      held.push(memory);
      const own = new Uint8Array(memory, 0, bytes);
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
    close: giveBack,
  };
}

import type { ObjectStore } from '../ports/object-store.ts';
import { LANES } from './thread-wire.ts';

/** What an attempt in a thread makes until the answer takes it to the main thread: a part, and what goes before it. */
export interface Puts {
  put: ObjectStore['put'];
  /** What was put since the last call. Throws when nothing of that key was. */
  take(key: string): { body: Uint8Array; before: { key: string; body: Uint8Array }[] };
}

/** Memory that both threads see, used again by each attempt of a lane. */
interface LaneMemory {
  /** So many bytes behind what is used. */
  room(bytes: number): Uint8Array;
  clear(): void;
}

/** Parts of one batch differ a little in size: all fit into the same memory. */
const STEP_BYTES = 256 * 1024;
/** Memory beyond this is let go when its part is taken. */
const MOST_BYTES = 4 * 1024 * 1024;

const lanes = new Map<number, LaneMemory>();

/**
 * A part is handed over in place. As memory of its own that changed threads, each counted as objects do in V8's eyes, in both:
 * every 20 parts the main thread collected its whole heap, for 8 MB that were all in use (500,000 odds rows).
 */
export function laneMemory(lane: number): LaneMemory {
  if (lane < 0 || lane >= LANES) throw new RangeError(`There is no lane ${lane} of ${LANES}.`);
  const known = lanes.get(lane) ?? newLaneMemory();
  lanes.set(lane, known);
  return known;
}

function newLaneMemory(): LaneMemory {
  let memory = new SharedArrayBuffer(0);
  let used = 0;
  return {
    room(bytes) {
      if (used + bytes > memory.byteLength) {
        // What lies in the old one stays there: its own view holds it.
        memory = new SharedArrayBuffer(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
        used = 0;
      }
      used += bytes;
      return new Uint8Array(memory, used - bytes, bytes);
    },
    clear() {
      if (memory.byteLength > MOST_BYTES) memory = new SharedArrayBuffer(0);
      used = 0;
    },
  };
}

export function newPuts(memory: LaneMemory): Puts {
  const bodies = new Map<string, Uint8Array>();
  return {
    async put(key, body) {
      if (bodies.size === 0) memory.clear();
      const pieces = body as readonly Uint8Array[];
      const own = memory.room(pieces.reduce((sum, piece) => sum + piece.length, 0));
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
  };
}

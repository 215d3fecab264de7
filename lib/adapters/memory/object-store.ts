import { compareUtf8 } from '../../core/compare-utf8.ts';
import type { ObjectRange, ObjectStore } from '../../ports/object-store.ts';
import { checkKey } from '../local/object-key.ts';
import { rangeOf } from '../local/object-range.ts';

/** Objects in a map; bytes are copied in and out. */
export function memoryObjectStore(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  return {
    async put(key, body) {
      checkKey(key);
      const bytes = await collect(body);
      objects.set(key, bytes);
    },
    async get(key, range) {
      checkKey(key);
      const bytes = objects.get(key);
      return bytes && cut(bytes, range);
    },
    async size(key) {
      checkKey(key);
      return objects.get(key)?.length;
    },
    async *list(prefix) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix));
      yield* keys.sort(compareUtf8);
    },
    async delete(key) {
      checkKey(key);
      objects.delete(key);
    },
  };
}

function cut(bytes: Uint8Array, range: ObjectRange | undefined): Uint8Array {
  const { start, end } = rangeOf(range, bytes.length);
  return bytes.slice(start, end);
}

async function collect(
  body: Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return Uint8Array.from(body);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(Uint8Array.from(piece));
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

import { webcrypto } from 'node:crypto';
import { basename } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import { spoolIndexKey, spoolKey } from '../core/keys.ts';
import type { LineMaker, ReadBytes } from '../core/reader.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { gunzip } from './gunzip.ts';
import { LF } from './scan.ts';
import type { BoundSource } from './source.ts';

/** Also the block of the input digest, so that a spooled stream's digest needs no second reading. */
export const PIECE_BYTES = 8 * 1024 * 1024;

/** Where the pieces of one spooled source are. */
export interface SpoolPlace {
  objects: ObjectStore;
  batch: string;
  /** Number of the source in the input's list. */
  source: number;
}

/** Written last: once it is there, all pieces are. */
export interface SpoolIndex {
  /** Bytes that count: after a fault those up to the last line end. */
  bytes: number;
  pieces: number;
  /** Why the source ended early. */
  fault?: string;
  /** Hexadecimal, of each piece. */
  sha256: string[];
}

export async function readIndex(place: SpoolPlace): Promise<SpoolIndex | undefined> {
  const bytes = await place.objects.get(spoolIndexKey(place.batch, place.source));
  return bytes === undefined
    ? undefined
    : (JSON.parse(Buffer.from(bytes).toString()) as SpoolIndex);
}

/**
 * Streams a source into the object store, decompressed or as the lines that its reader makes of it; answers
 * at once when that was done before.
 */
export async function spool(
  place: SpoolPlace,
  source: BoundSource,
  lines?: LineMaker,
): Promise<SpoolIndex> {
  const before = await readIndex(place);
  if (before !== undefined) return before;
  const content =
    lines?.read({ bytes: source.pin.bytes, read: source.read }) ?? decompressed(source);
  const pieces = pieceWriter(place, await storedPieces(place, source));
  let step = await content.next();
  for (; !step.done; step = await content.next()) await pieces.add(step.value);
  const why = step.value;
  const fault = why === undefined ? undefined : `source ${basename(source.pin.name)} ${why}`;
  const index = await pieces.finish(fault);
  const body = Buffer.from(JSON.stringify(index));
  await place.objects.put(spoolIndexKey(place.batch, place.source), body);
  return index;
}

/** The source's content; returns why it ended early (`is cut: ...`). gzip is known by its first two bytes alone. */
async function* decompressed(source: BoundSource): AsyncGenerator<Uint8Array, string | undefined> {
  const rest = source.stream()[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const step = await rest.next();
    if (step.done) break;
    head = Buffer.concat([head, step.value]);
  }
  const chunks = prepend(head, rest);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const why = yield* gunzip(chunks, source.seekable ? () => source.stream() : undefined);
    return why === undefined ? undefined : `is cut: ${why}`;
  }
  yield* chunks;
  return undefined;
}

async function* prepend(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    for (let step = await rest.next(); !step.done; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * Pieces that an earlier call stored before it was ended. A source that can be read again gives the same
 * ones: they are only hashed, so that a large one gets further each time.
 */
async function storedPieces(place: SpoolPlace, source: BoundSource): Promise<Set<string>> {
  const keys = new Set<string>();
  if (!source.seekable) return keys;
  const first = spoolKey(place.batch, place.source, 0);
  for await (const key of place.objects.list(first.slice(0, first.lastIndexOf('/') + 1))) {
    keys.add(key);
  }
  return keys;
}

function pieceWriter(place: SpoolPlace, stored: ReadonlySet<string>) {
  const sha256: string[] = [];
  let waiting: Uint8Array[] = [];
  let size = 0;
  let bytes = 0;
  let lastLine = 0;
  const flush = async (): Promise<void> => {
    const piece = Buffer.concat(waiting);
    waiting = [];
    size = 0;
    const key = spoolKey(place.batch, place.source, sha256.length);
    const put = stored.has(key) ? undefined : place.objects.put(key, piece);
    const [digest] = await Promise.all([hash(piece), put]);
    sha256.push(Buffer.from(digest).toString('hex'));
  };
  return {
    async add(chunk: Uint8Array): Promise<void> {
      const lf = chunk.lastIndexOf(LF);
      if (lf >= 0) lastLine = bytes + lf + 1;
      bytes += chunk.length;
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + PIECE_BYTES - size);
        waiting.push(part);
        size += part.length;
        at += part.length;
        if (size === PIECE_BYTES) await flush();
      }
    },
    async finish(fault: string | undefined): Promise<SpoolIndex> {
      if (size > 0) await flush();
      const index: SpoolIndex = { bytes, pieces: sha256.length, sha256 };
      return fault === undefined ? index : { ...index, bytes: lastLine, fault };
    },
  };
}

/** Runs off the main thread. */
async function hash(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes));
}

/** All bytes that were spooled, also those behind the last line end of a source that is cut. */
export async function spooledBytes(place: SpoolPlace, { pieces }: SpoolIndex): Promise<number> {
  if (pieces === 0) return 0;
  const key = spoolKey(place.batch, place.source, pieces - 1);
  const last = await place.objects.get(key);
  if (last === undefined) throw damaged(key, PIECE_BYTES, undefined);
  return (pieces - 1) * PIECE_BYTES + last.length;
}

/** Reads spooled bytes at any offset. */
export function spoolReader(place: SpoolPlace): ReadBytes {
  return async (start, end) => {
    const parts: Uint8Array[] = [];
    for (let at = start; at < end; ) {
      const piece = Math.floor(at / PIECE_BYTES);
      const from = piece * PIECE_BYTES;
      const to = Math.min(end, from + PIECE_BYTES);
      const key = spoolKey(place.batch, place.source, piece);
      const part = await place.objects.get(key, { start: at - from, end: to - from });
      if (part?.length !== to - at) throw damaged(key, to - at, part?.length);
      parts.push(part);
      at = to;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  };
}

function damaged(key: string, wanted: number, got: number | undefined): SluiceError {
  return new SluiceError(
    'DAMAGED',
    `Object ${key} ${got === undefined ? 'is missing' : `gave ${got} of ${wanted} bytes`}: the stored copy of the input is damaged.`,
    { hint: 'Start the batch again with --again.' },
  );
}

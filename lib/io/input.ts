import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import type { ReadBytes, Reader, ReaderOptions } from '../core/reader.ts';
import type { ChunkRange, RecordBlock } from '../core/records.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import { borrowMemory, returnMemory } from '../pool/spare-memory.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { missingColumn } from './first-record.ts';
import { inputCuts } from './input-cuts.ts';
import type { BoundSource } from './source.ts';
import { namesOf } from './source-names.ts';
import { PIECE_BYTES, readIndex } from './spool.ts';
import { openViews, placeOf, SMALL_BYTES, type Views } from './views.ts';

export interface InputOptions {
  reader: Reader;
  /** What the batch says; it wins over the reader's own options. */
  readerOptions: ReaderOptions;
  sources: readonly BoundSource[];
  limits: { items: number; bytes: number; maxRecordBytes: number };
  /** Keeps the decompressed bytes of gzip and stdin. */
  objects: ObjectStore;
  batch: string;
}

/** Small sources that are looked at or hashed side by side: 10,000 objects are minutes one after the other. */
const AT_ONCE = 16;

/** The input of a batch: sources in order, cut and read as one. */
export function openInput(options: InputOptions): Input {
  const { sources, limits } = options;
  const views = openViews(options);
  // What the planner kept of remote sources is not for workers: each proves anew that they are the pinned ones.
  const ownViews = sources.some(({ remote }) => remote) ? openViews(options) : views;
  const names = sources.length > 1 ? namesOf(sources) : undefined;
  let fault: string | undefined;
  return {
    async prepare() {
      for (const group of groupsOf(sources)) {
        const found = await Promise.all(group.map((number) => look(options, views, number)));
        for (const [at, { problem, fault: own }] of found.entries()) {
          fault ??= own;
          const number = group[at] as number;
          const name = names?.[number] ?? basename(sources[number]?.pin.name ?? '');
          if (problem !== undefined) return `${name}: ${problem}`;
        }
      }
      return undefined;
    },
    cuts: (cursor) =>
      inputCuts(options, views, {
        cursor,
        tell: (why) => {
          fault ??= why;
        },
      }),
    fault: () => fault,
    digest: () => digest(options, views),
    async *records(range) {
      let count = 0;
      for (const piece of piecesOf(range)) {
        ownViews.ahead(piece.source, range.last ?? 0);
        const { read, layout, end } = await ownViews.open(piece.source);
        const own = {
          start: piece.start ?? layout.dataStart,
          end: piece.end ?? end,
          first: range.first + count,
          line: piece.start === undefined ? layout.linesBefore : range.line,
          name: names?.[piece.source],
        };
        for await (const block of layout.records(read, own, limits)) {
          count += block.rows.length;
          yield block satisfies RecordBlock;
        }
      }
      if (count !== range.count) throw miscounted(count, range.count, range.start);
    },
  };
}

/** Small sources side by side; each other one alone: spooling holds a piece of 8 MiB. */
function* groupsOf(sources: readonly BoundSource[]): Generator<number[]> {
  let group: number[] = [];
  for (const [number, { pin, seekable }] of sources.entries()) {
    const small = seekable && pin.bytes <= SMALL_BYTES;
    if (group.length > 0 && (!small || group.length >= AT_ONCE)) {
      yield group;
      group = [];
    }
    if (small) group.push(number);
    else yield [number];
  }
  if (group.length > 0) yield group;
}

/** Makes one source readable and says what is wrong with it as a whole. */
async function look(
  { reader, limits }: InputOptions,
  views: Views,
  number: number,
): Promise<{ problem: string | undefined; fault: string | undefined }> {
  await views.prepare(number);
  const view = await views.open(number);
  const { fault } = view;
  const problem =
    (view.end === 0 ? fault : undefined) ??
    view.layout.problem ??
    (await missingColumn(view, reader.schema, limits.maxRecordBytes));
  return { problem, fault };
}

/** The sources of a chunk: the first from its start, those behind it as a whole. */
function* piecesOf({
  source,
  last = source,
  start,
  end,
}: ChunkRange): Generator<{ source: number; start?: number; end?: number }> {
  for (let at = source; at <= last; at++) {
    yield {
      source: at,
      ...(at === source ? { start } : {}),
      ...(at === last ? { end } : {}),
    };
  }
}

/** Over the bytes as stored; of a stream, over what was spooled. */
async function digest(options: InputOptions, views: Views): Promise<string> {
  const whole = createHash('sha256');
  const blocks = mapOrdered(options.sources.entries(), AT_ONCE, async ([number, source]) => {
    if (!source.seekable) {
      const index = await readIndex(placeOf(options, number));
      return { hashes: (index?.sha256 ?? []).map((hex) => Buffer.from(hex, 'hex')) };
    }
    if (source.pin.bytes > PIECE_BYTES) return { large: source };
    // What is already in memory needs no second request.
    const plain = source.remote && !source.compressed && options.reader.lines === undefined;
    const { read } = (plain ? await views.known(number) : undefined) ?? source;
    return { hashes: source.pin.bytes === 0 ? [] : [await blockDigest(read, 0, source.pin.bytes)] };
  });
  for await (const { hashes = [], large } of blocks) {
    for (const hash of hashes) whole.update(hash);
    const bytes = large?.pin.bytes ?? 0;
    for (let at = 0; large !== undefined && at < bytes; at += PIECE_BYTES) {
      whole.update(await blockDigest(large.read, at, Math.min(at + PIECE_BYTES, bytes)));
    }
  }
  return whole.digest('hex');
}

/** In small reads, those of a block into the same memory: new memory for each held 25 MB until it was collected, whole blocks 40 MB. */
const DIGEST_READ_BYTES = 1024 * 1024;

async function blockDigest(read: ReadBytes, start: number, end: number): Promise<Buffer> {
  const block = createHash('sha256');
  const memory = borrowMemory(Math.min(DIGEST_READ_BYTES, end - start));
  try {
    for (let at = start; at < end; at += DIGEST_READ_BYTES) {
      block.update(await read(at, Math.min(at + DIGEST_READ_BYTES, end), memory));
    }
  } finally {
    returnMemory(memory);
  }
  return block.digest();
}

function miscounted(count: number, planned: number, at: number): SluiceError {
  return new SluiceError(
    'INPUT_CHANGED',
    `The chunk at byte ${at} holds ${count} records; ${planned} were planned.`,
    { hint: 'Start a new batch over the present input.' },
  );
}

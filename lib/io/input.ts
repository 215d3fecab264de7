import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import type { Reader, ReaderOptions } from '../core/reader.ts';
import type { Cut } from '../core/records.ts';
import type { Input } from '../ports/input.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { HEAD_BYTES } from './csv-header.ts';
import { readAll } from './cut.ts';
import { openSource } from './failures.ts';
import { missingColumn } from './first-record.ts';
import type { BoundSource, SourceView } from './source.ts';
import type { SpoolPlace } from './spool.ts';
import { PIECE_BYTES, readIndex, spool, spooledBytes, spoolReader } from './spool.ts';

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

/** Headers of 10,000 small files need not stay in memory at once. */
const VIEWS_KEPT = 1024;

/** The input of a batch: sources in order, cut and read as one. */
export function openInput(options: InputOptions): Input {
  const { sources, limits } = options;
  const view = viewCache(options);
  let fault: string | undefined;
  return {
    async prepare() {
      for (const [number, source] of sources.entries()) {
        if (isSpooled(source)) await spool(place(options, number), source);
        const found = await view(number);
        fault ??= found.fault;
        const problem =
          (found.end === 0 ? found.fault : undefined) ??
          found.layout.problem ??
          (await missingColumn(found, options.reader.schema, limits.maxRecordBytes));
        if (problem !== undefined) return `${basename(source.pin.name)}: ${problem}`;
      }
      return undefined;
    },
    cuts: (cursor) =>
      cuts(options, view, {
        cursor,
        tell: (why) => {
          fault ??= why;
        },
      }),
    fault: () => fault,
    digest: () => digest(options),
    async *records(range) {
      const { read, layout } = await view(range.source);
      let count = 0;
      for await (const block of layout.records(read, range, limits)) {
        count += block.rows.length;
        yield block;
      }
      if (count !== range.count) throw miscounted(count, range.count, range.start);
    },
  };
}

type Views = (source: number) => Promise<SourceView>;

function viewCache(options: InputOptions): Views {
  const views = new Map<number, Promise<SourceView>>();
  return (source) => {
    const known = views.get(source);
    if (known !== undefined) return known;
    const opened = openView(options, source);
    views.set(source, opened);
    opened.catch(() => views.delete(source));
    if (views.size > VIEWS_KEPT) views.delete(views.keys().next().value as number);
    return opened;
  };
}

const isSpooled = (source: BoundSource): boolean => !source.seekable || source.compressed;

function place({ objects, batch }: InputOptions, source: number): SpoolPlace {
  return { objects, batch, source };
}

async function openView(options: InputOptions, number: number): Promise<SourceView> {
  const source = options.sources[number];
  if (source === undefined) {
    throw new SluiceError(
      'STATE',
      `The input has ${options.sources.length} sources; number ${number} was asked for.`,
    );
  }
  const { read, end, fault } = await content(options, number, source);
  const head = await readAll(read, 0, Math.min(end, HEAD_BYTES));
  return { read, end, fault, layout: openSource(options.reader, head, options.readerOptions) };
}

async function content(
  options: InputOptions,
  number: number,
  source: BoundSource,
): Promise<Omit<SourceView, 'layout'>> {
  if (!isSpooled(source)) return { read: source.read, end: source.pin.bytes, fault: undefined };
  const at = place(options, number);
  const index = await readIndex(at);
  if (index === undefined) {
    throw new SluiceError('STATE', `Source ${source.pin.name} was not prepared for reading.`, {
      hint: 'Resume the batch, or start it again.',
    });
  }
  // Lines are kept whole; of a cut array the scan itself finds the whole records, and it may be one line.
  const whole = index.fault !== undefined && options.reader.format === 'json';
  const end = whole ? await spooledBytes(at, index) : index.bytes;
  return { read: spoolReader(at), end, fault: index.fault };
}

const CURSOR = /^(\d+):(\d+):(\d+)(?::(.+))?$/s;

/**
 * A cursor is `<source>:<byte>:<index>`: where the next chunk begins, and the index of its first item. Behind
 * a source that was found to be faulty at its end the fault follows, since a planner that goes on there
 * does not scan that source again.
 */
async function* cuts(
  options: InputOptions,
  view: Views,
  { cursor, tell }: { cursor: string; tell: (why: string) => void },
): AsyncGenerator<Cut> {
  const found = CURSOR.exec(cursor);
  if (cursor !== '' && found === null) {
    throw new SluiceError('STATE', `${JSON.stringify(cursor)} is no cursor of this input.`);
  }
  let source = Number(found?.[1] ?? 0);
  let start = found === null ? undefined : Number(found[2]);
  let first = Number(found?.[3] ?? 0);
  let fault = found?.[4];
  if (fault !== undefined) tell(fault);
  for (; source < options.sources.length; source++) {
    const { read, layout, end } = await view(source);
    const name = basename(options.sources[source]?.pin.name ?? '');
    if (layout.problem !== undefined) {
      throw new SluiceError('BAD_INPUT', `${name}: ${layout.problem}.`);
    }
    const range = { start: start ?? layout.dataStart, end };
    start = undefined;
    const { items, bytes } = options.limits;
    const told = (why: string): void => {
      fault ??= `source ${name}: ${why}`;
      tell(fault);
    };
    for await (const cut of layout.cuts(read, range, { items, bytes, fault: told })) {
      const next = first + cut.count;
      const after = `${source}:${cut.end}:${next}`;
      yield {
        range: { source, ...cut, first },
        cursor: fault === undefined ? after : `${after}:${fault}`,
      };
      first = next;
    }
  }
}

/** Over the bytes as stored; of a stream, over what was spooled. */
async function digest(options: InputOptions): Promise<string> {
  const whole = createHash('sha256');
  for (const [number, source] of options.sources.entries()) {
    if (!source.seekable) {
      const index = await readIndex(place(options, number));
      for (const hex of index?.sha256 ?? []) whole.update(Buffer.from(hex, 'hex'));
      continue;
    }
    for (let at = 0; at < source.pin.bytes; at += PIECE_BYTES) {
      whole.update(await blockDigest(source, at, Math.min(at + PIECE_BYTES, source.pin.bytes)));
    }
  }
  return whole.digest('hex');
}

/** In small reads: whole blocks, hashed off the main thread while the next is read, held 40 MB. */
const DIGEST_READ_BYTES = 1024 * 1024;

async function blockDigest(source: BoundSource, start: number, end: number): Promise<Buffer> {
  const block = createHash('sha256');
  for (let at = start; at < end; at += DIGEST_READ_BYTES) {
    block.update(await source.read(at, Math.min(at + DIGEST_READ_BYTES, end)));
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

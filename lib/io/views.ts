import { basename } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import type { Reader, ReaderOptions } from '../core/reader.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { HEAD_BYTES } from './csv-header.ts';
import { readAll } from './cut.ts';
import { isFailures, openSource } from './failures.ts';
import { buffer, problemLayout } from './layout.ts';
import type { BoundSource, SourceView } from './source.ts';
import type { SpoolPlace } from './spool.ts';
import { readIndex, spool, spooledBytes, spoolReader } from './spool.ts';

export interface ViewOptions {
  reader: Reader;
  /** What the batch says; it wins over the reader's own options. */
  readerOptions: ReaderOptions;
  sources: readonly BoundSource[];
  /** Keeps what cannot be read where it lies. */
  objects: ObjectStore;
  batch: string;
}

/** The sources of an input as they are planned and worked. */
export interface Views {
  /** Streams a source into the object store where it has to be; answers at once when that was done before. */
  prepare(source: number): Promise<void>;
  open(source: number): Promise<SourceView>;
  /** The view of a source that is open already. */
  known(source: number): Promise<SourceView> | undefined;
  /** Opens the small ones among the next sources, `last` at most: none waits for the one before. */
  ahead(source: number, last: number): void;
}

/** What is kept of opened sources in all: thousands of headers, or contents of small objects. */
const KEPT_BYTES = 32 * 1024 * 1024;
/** A view's own weight: its layout and closures. */
const VIEW_BYTES = 2048;
/** An object of so many bytes is read once, as a whole: a request costs more than its bytes. */
export const SMALL_BYTES = 64 * 1024;
/** Small sources that are opened before their turn. */
const AHEAD = 32;

export function openViews(options: ViewOptions): Views {
  const { sources } = options;
  const kept = new Map<number, { view: Promise<SourceView>; bytes: number }>();
  let bytes = 0;
  const forget = (source: number): void => {
    bytes -= kept.get(source)?.bytes ?? 0;
    kept.delete(source);
  };
  const open = (source: number): Promise<SourceView> => {
    const known = kept.get(source);
    if (known !== undefined) return known.view;
    const view = openView(options, source);
    const own = VIEW_BYTES + (isSmall(sources[source]) ? (sources[source]?.pin.bytes ?? 0) : 0);
    kept.set(source, { view, bytes: own });
    bytes += own;
    view.catch(() => forget(source));
    while (bytes > KEPT_BYTES && kept.size > AHEAD) forget(kept.keys().next().value as number);
    return view;
  };
  return {
    async prepare(source) {
      const bound = sources[source];
      const kind = bound === undefined ? 'plain' : await kindOf(options.reader, bound);
      if (bound === undefined || kind === 'plain') return;
      const lines = kind === 'lines' ? options.reader.lines : undefined;
      await spool(placeOf(options, source), bound, lines);
    },
    open,
    known: (source) => kept.get(source)?.view,
    ahead(source, last) {
      for (let next = source + 1; next <= Math.min(source + AHEAD, last); next++) {
        const bound = sources[next];
        if (isSmall(bound) && bound?.compressed === false) open(next).catch(() => undefined);
      }
    },
  };
}

const isSmall = (source: BoundSource | undefined): boolean =>
  source?.remote === true && source.pin.bytes <= SMALL_BYTES;

export function placeOf(
  { objects, batch }: Pick<ViewOptions, 'objects' | 'batch'>,
  source: number,
): SpoolPlace {
  return { objects, batch, source };
}

/** A failures file begins within so many bytes. */
const LOOK_BYTES = 200;

/** How a source is read: where it lies, spooled as its bytes, or spooled as the lines that its reader makes. */
async function kindOf(reader: Reader, source: BoundSource): Promise<'plain' | 'bytes' | 'lines'> {
  if (!source.seekable || source.compressed) return 'bytes';
  if (reader.lines === undefined) return 'plain';
  const head = await source.read(0, Math.min(source.pin.bytes, LOOK_BYTES));
  return isFailures(head) ? 'plain' : 'lines';
}

/** What the line maker of a reader says of sources that no batch has yet; undefined when all is well. */
export async function linesProblem(
  reader: Reader,
  sources: readonly BoundSource[],
): Promise<string | undefined> {
  for (const source of sources) {
    if (reader.lines === undefined || (await kindOf(reader, source)) !== 'lines') continue;
    const { pin, read } = source;
    const problem = await reader.lines.problem({ bytes: pin.bytes, read });
    if (problem !== undefined) return `${basename(pin.name)} ${problem}`;
  }
  return undefined;
}

async function openView(options: ViewOptions, number: number): Promise<SourceView> {
  const source = options.sources[number];
  if (source === undefined) {
    throw new SluiceError(
      'STATE',
      `The input has ${options.sources.length} sources; number ${number} was asked for.`,
    );
  }
  const { reader } = options;
  const kind = await kindOf(reader, source);
  const { read, end, fault } = await content(options, { number, source, kind });
  const head = await readAll(read, { start: 0, end: Math.min(end, HEAD_BYTES) });
  // Lines that nobody made: the bytes of a Parquet file that came by gzip or through a pipe.
  const unread = reader.lines !== undefined && kind === 'bytes' && !isFailures(head);
  const layout = unread
    ? problemLayout(NEEDS_FILE)
    : openSource(reader, head, options.readerOptions);
  const whole = isSmall(source) && head.byteLength === end ? buffer(head) : undefined;
  const inMemory = async (from: number, to: number) => whole?.subarray(from, to) as Uint8Array;
  return { read: whole === undefined ? read : inMemory, end, fault, layout };
}

const NEEDS_FILE =
  'a Parquet file is read from its end, so it cannot come through a pipe or in gzip: give the file itself, unpacked (its columns are compressed on their own)';

async function content(
  options: ViewOptions,
  { number, source, kind }: { number: number; source: BoundSource; kind: string },
): Promise<Omit<SourceView, 'layout'>> {
  if (kind === 'plain') return { read: source.read, end: source.pin.bytes, fault: undefined };
  const at = placeOf(options, number);
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

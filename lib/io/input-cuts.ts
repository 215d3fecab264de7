import { basename } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import type { CutRange } from '../core/reader.ts';
import type { ChunkRange, Cut } from '../core/records.ts';
import type { InputOptions } from './input.ts';
import type { Views } from './views.ts';

/** Small sources that one chunk holds at most: each is a request of its own to a worker. */
const MAX_SOURCES = 256;

const CURSOR = /^(\d+):(\d+)(?:\/(\d+))?:(\d+)(?::(.+))?$/s;

/** A planner's place: see `inputCuts`. */
interface Place {
  source: number;
  start: number | undefined;
  first: number;
  line: number | undefined;
  fault: string | undefined;
}

function placeOf(cursor: string): Place {
  if (cursor === '') {
    return { source: 0, start: undefined, first: 0, line: undefined, fault: undefined };
  }
  const found = CURSOR.exec(cursor);
  if (found === null) {
    throw new SluiceError('STATE', `${JSON.stringify(cursor)} is no cursor of this input.`);
  }
  const [, source, start, line, first, fault] = found;
  return {
    source: Number(source),
    start: Number(start),
    first: Number(first),
    line: line === undefined ? undefined : Number(line),
    fault,
  };
}

/**
 * A cursor is `<source>:<byte>/<lines>:<index>`: where the next chunk begins, the line ends before it in its
 * source (absent in one of a version that did not count them), and the index of its first item. Behind a
 * source that was found to be faulty at its end the fault follows, since a planner that goes on there does
 * not scan that source again.
 *
 * Sources that are each smaller than a chunk share one: 10,000 files of a line each are 40 chunks, not 10,000.
 */
export async function* inputCuts(
  options: InputOptions,
  views: Views,
  { cursor, tell }: { cursor: string; tell: (why: string) => void },
): AsyncGenerator<Cut> {
  const { limits, sources } = options;
  let { source, start, first, line, fault } = placeOf(cursor);
  if (fault !== undefined) tell(fault);
  const chunk = openChunk(limits);
  for (; source < sources.length; source++) {
    views.ahead(source, sources.length - 1);
    const { read, layout, end } = await views.open(source);
    const name = basename(sources[source]?.pin.name ?? '');
    if (layout.problem !== undefined) {
      throw new SluiceError('BAD_INPUT', `${name}: ${layout.problem}.`);
    }
    const range = { start: start ?? layout.dataStart, end };
    let lines = start === undefined ? layout.linesBefore : line;
    start = undefined;
    const told = (why: string): void => {
      fault ??= `source ${name}: ${why}`;
      tell(fault);
    };
    const { items, bytes } = limits;
    for await (const cut of layout.cuts(read, range, { items, bytes, fault: told })) {
      const whole = cut.start === layout.dataStart && cut.end === end;
      const before = { ...cut, source, first, line: lines };
      if (lines !== undefined) lines += cut.lines;
      first += cut.count;
      const place = `${source}:${cut.end}${lines === undefined ? '' : `/${lines}`}:${first}`;
      const to = fault === undefined ? place : `${place}:${fault}`;
      const full = chunk.add({ cut: before, whole, to });
      if (full !== undefined) yield full;
    }
  }
  const last = chunk.take();
  if (last !== undefined) yield last;
}

interface Added {
  cut: CutRange & { source: number; first: number; line: number | undefined };
  /** It is all of its source. */
  whole: boolean;
  /** The cursor behind it. */
  to: string;
}

/** The chunk that is being filled. */
function openChunk({ items, bytes }: { items: number; bytes: number }) {
  let open: Cut | undefined;
  let size = 0;
  const take = (): Cut | undefined => {
    const taken = open;
    open = undefined;
    return taken;
  };
  return {
    /** Returns the chunk before, when the new piece does not go into it. */
    add({ cut, whole, to }: Added): Cut | undefined {
      const { source, start, end, first, count, line } = cut;
      const own = end - start;
      if (open !== undefined && whole && fits(open.range, { source, count })) {
        if (size + own <= bytes) {
          open.range = { ...open.range, end, count: open.range.count + count, last: source };
          open.cursor = to;
          size += own;
          return undefined;
        }
      }
      const before = take();
      const range: ChunkRange = { source, start, end, first, count };
      open = { range: line === undefined ? range : { ...range, line }, cursor: to };
      size = own;
      return before;
    },
    take,
  };

  function fits(range: ChunkRange, next: { source: number; count: number }): boolean {
    return range.count + next.count <= items && next.source - range.source < MAX_SOURCES;
  }
}

import type { Cut } from './records.ts';

/** Parts that a chunk may go over: each is a few requests to whoever works it. */
export const MAX_PARTS = 256;

/** A committed part of the stage before: its chunk, its epoch, and how many items it gives. */
export interface GivingPart {
  chunk: number;
  epoch: number;
  items: number;
}

/** Plan cursor of a later `each` stage, `<part>:<row>:<items so far>`: the next item is row `row` of part `part`. */
export interface PartCursor {
  part: number;
  row: number;
  items: number;
}

export function parsePartCursor(cursor: string): PartCursor {
  const { end, items: listed } = parseListCursor(cursor) ?? {};
  if (end !== undefined) return { part: 0, row: 0, items: listed as number };
  const [part = 0, row = 0, items = 0] = cursor === '' ? [] : cursor.split(':').map(Number);
  return { part, row, items };
}

export const partCursor = ({ part, row, items }: PartCursor): string => `${part}:${row}:${items}`;

const LIST = 'list:';

/** Plan cursor in the list of a later round, `list:<byte>:<items so far>`; undefined behind it, and in no list. */
export function parseListCursor(cursor: string): { end: number; items: number } | undefined {
  if (!cursor.startsWith(LIST)) return undefined;
  const [end = 0, items = 0] = cursor.slice(LIST.length).split(':').map(Number);
  return { end, items };
}

export const listCursor = ({ end, items }: { end: number; items: number }): string =>
  `${LIST}${end}:${items}`;

/** A chunk that is being cut. */
interface Open {
  source: number;
  start: number;
  count: number;
  epochs: number[];
}

/**
 * Cuts parts, which come in index order from the cursor's on, into chunks of `limit` items: a piece of a part, or
 * several parts. A chunk also ends behind its 256th part. What the parts leave open is returned, to be cut as the tail
 * once no part will follow: a tail that were cut before would have other borders in another schedule.
 */
export async function* cutParts(
  parts: AsyncIterable<GivingPart>,
  { part, row, items }: PartCursor,
  limit: number,
): AsyncGenerator<Cut, Cut | undefined> {
  let [at, done] = [row, items];
  let open: Open | undefined;
  const cutAt = (last: number, end: number): Cut | undefined => {
    if (open === undefined) return undefined;
    const { source, start, count, epochs } = open;
    const range = { source, start, end, first: done, count, last, epochs: epochs.join(',') };
    done += count;
    open = undefined;
    return { range, cursor: partCursor({ part: last, row: end, items: done }) };
  };
  let behind: GivingPart | undefined;
  for await (const giving of parts) {
    behind = giving;
    const { chunk, epoch, items: most } = giving;
    if (chunk !== part) at = 0;
    open?.epochs.push(epoch);
    while (at < most) {
      open ??= { source: chunk, start: at, count: 0, epochs: [epoch] };
      const take = Math.min(most - at, limit - open.count);
      open.count += take;
      at += take;
      if (open.count === limit) yield cutAt(chunk, at) as Cut;
    }
    if (open !== undefined && chunk - open.source + 1 >= MAX_PARTS) yield cutAt(chunk, at) as Cut;
  }
  return behind === undefined ? undefined : cutAt(behind.chunk, behind.items);
}

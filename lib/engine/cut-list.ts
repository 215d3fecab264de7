import type { ChunkRange } from '../core/records.ts';
import type { RetryLine } from '../core/retry.ts';
import { listLines, type RoundList } from './round-list.ts';

/** A chunk of the list, the byte after it, and how many items of the list lie before that. */
export interface ListCut {
  range: ChunkRange;
  end: number;
  items: number;
}

export interface ListLimits {
  /** Of a chunk: items, and what the chunks that its lines name weigh together. */
  items: number;
  weight: number;
  weightOf(line: RetryLine): number;
}

/** Whole lines, as many as fit: few chunks that failed whole, or many that lost an item each. */
export async function* cutList(
  list: RoundList,
  { end: from, items: done }: Pick<ListCut, 'end' | 'items'>,
  limits: ListLimits,
): AsyncGenerator<ListCut> {
  let open = { start: from, end: from, items: 0, stalled: 0, weight: 0 };
  let first = done;
  const cut = (): ListCut => {
    const { start, end, items: count, stalled } = open;
    const range = { source: 0, start, end, first, count };
    first += count;
    open = { start: end, end, items: 0, stalled: 0, weight: 0 };
    return { range: stalled === 0 ? range : { ...range, wasStalled: stalled }, end, items: first };
  };
  for await (const { line, end } of listLines(list, from)) {
    const items = line.items.length;
    const weight = limits.weightOf(line);
    const full = open.items + items > limits.items || open.weight + weight > limits.weight;
    if (open.items > 0 && full) yield cut();
    const stalled = open.stalled + (line.stalled?.length ?? 0);
    open = { ...open, end, items: open.items + items, stalled, weight: open.weight + weight };
  }
  if (open.items > 0) yield cut();
}

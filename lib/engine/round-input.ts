import type { RoundChoice } from '../core/retry.ts';
import type { Input } from '../ports/input.ts';
import { cutList } from './cut-list.ts';
import { damagedList, listedInput, type RoundList } from './round-list.ts';

export interface RoundInputOptions {
  /** The pinned input of round 0, from which the records are read again. */
  base: Input;
  /** What the first stage has of the round's list. */
  list: RoundList;
  choice: Pick<RoundChoice, 'sha256' | 'bytes'>;
  /** Of a chunk: items, and bytes of the input that it reads. */
  limits: { items: number; bytes: number };
}

/**
 * The input of a later round: the items that its list names, in input order. A chunk is a range of lines of the list;
 * its records are read from the chunks of round 0 that those lines name, so a record of any size comes back whole.
 */
export function roundInput({ base, list, choice, limits }: RoundInputOptions): Input {
  const { objects, key } = list;
  return {
    async prepare() {
      const size = await objects.size(key);
      if (size !== choice.bytes)
        throw damagedList(key, `it has ${size ?? 'no'} bytes of ${choice.bytes}`);
      return undefined;
    },
    async *cuts(cursor) {
      const [, end = '0', done = '0'] = cursor.split(':');
      const cuts = cutList(
        list,
        { end: Number(end), items: Number(done) },
        {
          ...{ items: limits.items, weight: limits.bytes },
          // Of a chunk that holds several small sources only this is known.
          weightOf: (line) => (line.last === undefined ? line.end - line.start : limits.bytes),
        },
      );
      for await (const { range, end, items } of cuts) yield { range, cursor: `0:${end}:${items}` };
    },
    fault: () => undefined,
    digest: async () => choice.sha256,
    ...listedInput(list, () => base),
  };
}

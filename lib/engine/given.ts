import { gunzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Given, itemsOfLines } from './given-lines.ts';
import { FOOT_BYTES, type Trailer } from './part.ts';
import { getSection, type Sections, sectionsOf, unzipSection } from './read-part.ts';

/** Where the items lie that a committed part gives to the next stage. */
export interface Giver {
  key: string;
  items: number;
  /** Gzip members of the outcomes: bytes in the part, and which of its items they give. */
  members: { start: number; end: number; first: number; items: number }[];
}

/** Holds foot and trailer of a part of 1,000 items many times over: one request instead of three. */
const TAIL_BYTES = 16 * 1024;

export async function giverOf(objects: ObjectStore, key: string): Promise<Giver> {
  const tail = await objects.get(key, { last: TAIL_BYTES });
  const size =
    tail === undefined || tail.length < TAIL_BYTES ? tail?.length : await objects.size(key);
  if (tail === undefined || size === undefined) {
    throw new SluiceError('DAMAGED', `Part ${key} is missing.`);
  }
  const sections = sectionsOf(key, tail.subarray(Math.max(0, tail.length - FOOT_BYTES)), size);
  const { gives } = await trailerIn(objects, key, { tail, size, sections });
  if (gives === undefined) {
    throw new SluiceError('DAMAGED', `Part ${key} does not say what it gives to the next stage.`);
  }
  let [start, first] = [sections.outcomes.start, 0];
  const members = gives.map(([bytes, items]) => {
    const member = { start, end: start + bytes, first, items };
    start += bytes;
    first += items;
    return member;
  });
  return { key, items: first, members };
}

async function trailerIn(
  objects: ObjectStore,
  key: string,
  { tail, size, sections }: { tail: Uint8Array; size: number; sections: Sections },
): Promise<Pick<Trailer, 'gives'>> {
  const { start, end } = sections.trailer;
  const skipped = size - tail.length;
  const bytes =
    start >= skipped
      ? tail.subarray(start - skipped, end - skipped)
      : await getSection(objects, key, 'trailer');
  try {
    return JSON.parse(gunzipSync(bytes).toString()) as Trailer;
  } catch (cause) {
    const why = `Part ${key} is damaged: its trailer cannot be read.`;
    throw new SluiceError('DAMAGED', why, { cause });
  }
}

/** Members that follow one another are asked for together, up to so many bytes. */
const READ_BYTES = 1024 * 1024;

/** Items [from, to) of a part, a gzip member in memory at a time. */
export async function* givenItems(
  objects: ObjectStore,
  { key, members }: Giver,
  { from, to }: { from: number; to: number },
): AsyncGenerator<Given> {
  const wanted = members.filter(({ first, items }) => first < to && first + items > from);
  for (const group of groupsOf(wanted)) {
    const [{ start }, { end }] = [group[0], group.at(-1)] as [
      Giver['members'][0],
      Giver['members'][0],
    ];
    const bytes = await objects.get(key, { start, end });
    if (bytes?.length !== end - start) {
      throw new SluiceError('DAMAGED', `Part ${key} is missing, or shorter than its foot says.`);
    }
    for (const member of group) {
      const zipped = bytes.subarray(member.start - start, member.end - start);
      const lines = await unzipSection(key, zipped);
      yield itemsOfLines(lines, { from: from - member.first, to: to - member.first });
    }
  }
}

function* groupsOf(members: Giver['members']): Generator<Giver['members']> {
  let group: Giver['members'] = [];
  for (const member of members) {
    if (group[0] !== undefined && member.end - group[0].start > READ_BYTES) {
      yield group;
      group = [];
    }
    group.push(member);
  }
  if (group.length > 0) yield group;
}

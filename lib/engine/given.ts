import { gunzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
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

/** Items of a stage, side by side: the value, its JSON text, and the head of the line that gave it. */
export interface Given {
  values: unknown[];
  raws: string[];
  givers: string[];
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
      const text = (await unzipSection(key, zipped)).toString();
      yield itemsOfText(text, { from: from - member.first, to: to - member.first });
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

/** The items [from, to) of those that outcome lines give. */
export function itemsOfText(text: string, { from, to }: { from: number; to: number }): Given {
  const given: Given = { values: [], raws: [], givers: [] };
  let at = 0;
  for (let start = 0; start < text.length && at < to; ) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end);
    start = end + 1;
    const status = line.indexOf(STATUS);
    const values = valuesText(line, status);
    if (values === undefined) continue;
    const head = line.slice(0, status);
    if ('one' in values) {
      if (at >= from) push(given, head, { value: JSON.parse(values.one), raw: values.one });
      at += 1;
      continue;
    }
    for (const value of JSON.parse(values.many) as unknown[]) {
      if (at >= from && at < to) push(given, head, { value, raw: JSON.stringify(value) });
      at += 1;
    }
  }
  return given;
}

const NUMBERED = '{"index":';
/** The item's number, of the head of its line; NaN of a group, which has none. */
export const numberIn = (head: string): number =>
  head.startsWith(NUMBERED) ? Number.parseInt(head.slice(NUMBERED.length), 10) : Number.NaN;

function push(given: Given, head: string, { value, raw }: { value: unknown; raw: string }): void {
  given.values.push(value);
  given.raws.push(raw);
  given.givers.push(head);
}

const STATUS = ',"status":"';
const OK = `${STATUS}ok"`;

/**
 * What an outcome line gives, as its JSON text; undefined when it gives nothing. The line is cut, not parsed: inside
 * the key no quote stands unescaped, so the first `,"status":"` is the line's own.
 */
function valuesText(line: string, status: number): { one: string } | { many: string } | undefined {
  if (!line.startsWith(OK, status)) return undefined;
  const rest = line.slice(status + OK.length, -1);
  if (rest === '') return { one: 'null' };
  return rest.startsWith(',"values":')
    ? { many: rest.slice(',"values":'.length) }
    : { one: rest.slice(',"value":'.length) };
}

/** A value that an outcome line gives: its JSON is [from, to) of `bytes`. */
export interface GivenBytes {
  bytes: Buffer;
  from: number;
  to: number;
  /** Number of the item that gave it; NaN of a group, which has none. */
  item: number;
}

/** What outcome lines give, found in their bytes: as texts the lines of a part were made, cut and written to bytes again. */
export function givenBytes(lines: Buffer): GivenBytes[] {
  const given: GivenBytes[] = [];
  for (let start = 0, end = 0; start < lines.length; start = end + 1) {
    end = lines.indexOf(LF, start);
    const status = lines.indexOf(OK_BYTES, start);
    if (status < 0) break;
    // Of a line further on.
    if (status > end) continue;
    const item = itemAt(lines, start);
    const from = status + OK_BYTES.length;
    const to = end - 1;
    if (from === to) given.push({ bytes: NULL_BYTES, from: 0, to: NULL_BYTES.length, item });
    else if (lines[from + ONE.length - 2] === QUOTE) {
      given.push({ bytes: lines, from: from + ONE.length, to, item });
    } else given.push(...manyBytes(lines.toString('utf8', from + MANY.length, to), item));
  }
  return given;
}

const ONE = ',"value":';
const MANY = ',"values":';
const OK_BYTES = Buffer.from(OK);
const NULL_BYTES = Buffer.from('null');
const [LF, QUOTE, COMMA, SMALL_I] = [10, 0x22, 0x2c, 0x69];

/** A line begins with its item's number, or with the key of a group. */
function itemAt(lines: Buffer, start: number): number {
  if (lines[start + 2] !== SMALL_I) return Number.NaN;
  let item = 0;
  for (let at = start + NUMBERED.length; lines[at] !== COMMA; at += 1) {
    item = 10 * item + (lines[at] as number) - 0x30;
  }
  return item;
}

function manyBytes(text: string, item: number): GivenBytes[] {
  const texts = (JSON.parse(text) as unknown[]).map((value) => JSON.stringify(value));
  const bytes = Buffer.from(texts.join(''));
  let to = 0;
  return texts.map((one) => {
    const from = to;
    to += Buffer.byteLength(one);
    return { bytes, from, to, item };
  });
}

import { isAscii } from 'node:buffer';
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

interface Span {
  from: number;
  to: number;
}

/** The value of a line that gives one, of its JSON text and the line's head. */
type ReadOne = (raw: string, head: string) => unknown;

/** The items [from, to) of those that outcome lines give. */
export function itemsOfText(text: string, span: Span, read: ReadOne = parsed): Given {
  const taking = newTaking(span, read);
  for (let start = 0; start < text.length && taking.at < span.to; ) {
    const end = text.indexOf('\n', start);
    takeLine(taking, text.slice(start, end));
    start = end + 1;
  }
  return taking.given;
}

/**
 * The same of their bytes. Line by line where they are not all ASCII: one character outside Latin-1 makes a whole text of 128 KB one
 * of two bytes a character, which costs twice as much to decode and to parse.
 */
export function itemsOfLines(lines: Buffer, span: Span, read: ReadOne = parsed): Given {
  if (isAscii(lines)) return itemsOfText(lines.toString('latin1'), span, read);
  const taking = newTaking(span, read);
  for (let start = 0; start < lines.length && taking.at < span.to; ) {
    const end = lines.indexOf(LF, start);
    takeLine(taking, lines.toString('utf8', start, end));
    start = end + 1;
  }
  return taking.given;
}

interface Taking extends Span {
  given: Given;
  /** The place of the next item. */
  at: number;
  read: ReadOne;
}

const newTaking = (span: Span, read: ReadOne): Taking => ({
  given: { values: [], raws: [], givers: [] },
  at: 0,
  ...span,
  read,
});

function takeLine(taking: Taking, line: string): void {
  const { given, from, to, read } = taking;
  const status = line.indexOf(STATUS);
  const values = valuesText(line, status);
  if (values === undefined) return;
  const head = line.slice(0, status);
  if ('one' in values) {
    if (taking.at >= from) push(given, head, { value: read(values.one, head), raw: values.one });
    taking.at += 1;
    return;
  }
  for (const value of valuesIn(values.many)) {
    if (taking.at >= from && taking.at < to) push(given, head, value);
    taking.at += 1;
  }
}

const LF = 10;

interface Value {
  value: unknown;
  raw: string;
}

/**
 * The values of a list, each with its text. Objects are cut at `},{`: what parses before it is a whole one, since no text of an object
 * begins with that of another. Where such a piece is none (they hold lists of objects) all are parsed at once, and each text made anew.
 */
function valuesIn(list: string): Value[] {
  if (!list.startsWith('[{')) return parsedOnce(list);
  const values: Value[] = [];
  try {
    for (let from = 1; from < list.length - 1; ) {
      const end = list.indexOf('},{', from);
      const raw = list.slice(from, end === -1 ? -1 : end + 1);
      values.push({ value: JSON.parse(raw), raw });
      from += raw.length + 1;
    }
    return values;
  } catch {
    return parsedOnce(list);
  }
}

const parsedOnce = (list: string): Value[] =>
  (JSON.parse(list) as unknown[]).map((value) => ({ value, raw: JSON.stringify(value) }));

const parsed = (raw: string): unknown => JSON.parse(raw);

const NUMBERED = '{"index":';
/** The item's number, of the head of its line; NaN of a group, which has none. */
export const numberIn = (head: string): number =>
  head.startsWith(NUMBERED) ? Number.parseInt(head.slice(NUMBERED.length), 10) : Number.NaN;

function push(given: Given, head: string, { value, raw }: Value): void {
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

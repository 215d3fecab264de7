import { isAscii } from 'node:buffer';

/** Items of a stage, side by side: the value, its JSON text, and the head of the line that gave it. */
export interface Given {
  values: unknown[];
  raws: string[];
  givers: string[];
}

interface Span {
  from: number;
  to: number;
}

/** The items [from, to) of those that outcome lines give. */
export function itemsOfText(text: string, span: Span): Given {
  const taking = newTaking(span);
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
export function itemsOfLines(lines: Buffer, span: Span): Given {
  if (isAscii(lines)) return itemsOfText(lines.toString('latin1'), span);
  const taking = newTaking(span);
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
}

const newTaking = (span: Span): Taking => ({
  given: { values: [], raws: [], givers: [] },
  at: 0,
  ...span,
});

function takeLine(taking: Taking, line: string): void {
  const { given, from, to } = taking;
  const status = line.indexOf(STATUS);
  const values = valuesText(line, status);
  if (values === undefined) return;
  const head = line.slice(0, status);
  if ('one' in values) {
    if (taking.at >= from) push(given, head, { value: JSON.parse(values.one), raw: values.one });
    taking.at += 1;
    return;
  }
  for (const value of valuesIn(values.many)) {
    if (taking.at >= from && taking.at < to) push(given, head, value);
    taking.at += 1;
  }
}

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
  const texts = valuesIn(text).map(({ raw }) => raw);
  const bytes = Buffer.from(texts.join(''));
  let to = 0;
  return texts.map((one) => {
    const from = to;
    to += Buffer.byteLength(one);
    return { bytes, from, to, item };
  });
}

import type { ByteRange } from '../core/reader.ts';
import type { ArrayEnd, ElementSink, ElementState } from './json-scan-state.ts';

export const COMMA = 0x2c;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const LF = 0x0a;

/** Byte -> 1 where the scan must look: in an own bracket of a record commas are nothing. */
const OUTER = table(QUOTE, OPEN_BRACE, OPEN_BRACKET, CLOSE_BRACKET, COMMA);
const INNER = table(QUOTE, OPEN_BRACE, OPEN_BRACKET, CLOSE_BRACKET, CLOSE_BRACE);
export const BLANK: Uint8Array = table(0x20, 0x09, LF, 0x0d);

function table(...marked: number[]): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const byte of marked) bytes[byte] = 1;
  return bytes;
}

/** Beyond this many bytes of a string two native searches (about 50 ns a call) beat a loop (about 1 ns a byte). */
const NEAR = 64;
const FAR = Number.MAX_SAFE_INTEGER;

/** Finds the records of a JSON array from windows of any size; keeps numbers, never bytes. */
export interface ElementScanner {
  /** Where the next window must begin; the range's end once all is known. */
  readonly position: number;
  feed(window: Uint8Array, sink: ElementSink): void;
  /** What was seen so far of the array's end. */
  readonly end: ArrayEnd;
}

/**
 * A record ends at a comma, or at the `]` of the array, that is in no string and in no bracket of the
 * record's own. Brackets are counted, not paired: a record with a wrong one mostly still ends at its own
 * comma. What follows a comma is scanned alike, wherever the scan began.
 *
 * @param fresh the range begins behind the array's own `[`, not behind a comma
 */
export function createElementScanner(range: ByteRange, fresh: boolean): ElementScanner {
  const state: ElementState = {
    range,
    sink: () => {},
    mode: 'start',
    bytes: Buffer.alloc(0),
    base: range.start,
    i: 0,
    depth: 1,
    escaped: false,
    untouched: fresh,
    solid: -1,
    nextQuote: -1,
    nextBackslash: -1,
    closedAt: -1,
    restAt: -1,
    openAt: -1,
  };
  return {
    get position() {
      return state.mode === 'over' ? range.end : state.base + state.i;
    },
    feed(window, sink) {
      state.base += state.i;
      state.i = 0;
      state.bytes = Buffer.from(window.buffer, window.byteOffset, window.byteLength);
      state.sink = sink;
      state.nextQuote = -1;
      state.nextBackslash = -1;
      run(state);
    },
    end: state,
  };
}

function run(s: ElementState): void {
  const { length } = s.bytes;
  while (s.i < length && s.mode !== 'over') {
    if (s.mode === 'value') value(s);
    else if (s.mode === 'string') string(s);
    else if (s.mode === 'start') start(s);
    else closed(s);
  }
  if (s.mode === 'over' || s.openAt < 0) return;
  s.solid = solidEnd(s);
  if (s.base + length >= s.range.end) {
    s.sink(s.openAt, s.solid, s.range.end);
    s.mode = 'over';
  }
}

/** In a record, outside its strings; short ones are passed over here. */
function value(s: ElementState): void {
  const { bytes } = s;
  const { length } = bytes;
  let { i, depth } = s;
  let looked = depth === 1 ? OUTER : INNER;
  for (; i < length; i++) {
    const byte = bytes[i] as number;
    if (looked[byte] === 0) continue;
    if (byte === QUOTE) {
      const near = Math.min(length, i + NEAR);
      let k = i + 1;
      for (; k < near && bytes[k] !== QUOTE; k++) if (bytes[k] === BACKSLASH) k++;
      if (k < near) {
        i = k;
        continue;
      }
      s.mode = 'string';
      s.escaped = k > length;
      s.i = Math.min(k, length);
      s.depth = depth;
      return;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      looked = INNER;
    } else if (depth > 1) {
      depth--;
      if (depth === 1) looked = OUTER;
    } else {
      s.i = i;
      s.depth = 1;
      ended(s);
      return;
    }
  }
  s.i = i;
  s.depth = depth;
}

/** In a string, after its first bytes: on to the quote that closes it. */
function string(s: ElementState): void {
  const { bytes } = s;
  const { length } = bytes;
  let { i } = s;
  if (s.escaped) i++;
  s.escaped = false;
  while (i < length) {
    const near = Math.min(length, i + NEAR);
    while (i < near && bytes[i] !== QUOTE && bytes[i] !== BACKSLASH) i++;
    if (i === near && i < length) i = jump(s, i);
    if (i < length && bytes[i] === QUOTE) {
      s.mode = 'value';
      i++;
      break;
    }
    if (i < length && bytes[i] === BACKSLASH) {
      s.escaped = i + 1 >= length;
      i += 2;
    }
  }
  s.i = Math.min(i, length);
}

function jump(s: ElementState, from: number): number {
  if (s.nextQuote < from) s.nextQuote = next(s.bytes, QUOTE, from);
  if (s.nextBackslash < from) s.nextBackslash = next(s.bytes, BACKSLASH, from);
  return Math.min(s.nextQuote, s.nextBackslash, s.bytes.length);
}

/** Far beyond the window when there is none: such an answer stays right for the whole window. */
function next(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? FAR : at;
}

/** Where a record may begin. */
function start(s: ElementState): void {
  skipBlank(s);
  if (s.i >= s.bytes.length) return;
  const byte = s.bytes[s.i];
  const at = s.base + s.i;
  if (byte === CLOSE_BRACKET && s.untouched) {
    close(s);
  } else if (byte === COMMA || byte === CLOSE_BRACKET) {
    s.openAt = at;
    ended(s);
  } else {
    s.openAt = at;
    s.mode = 'value';
  }
  s.untouched = false;
}

/** At the comma or bracket behind a record. */
function ended(s: ElementState): void {
  const { openAt } = s;
  const end = solidEnd(s);
  const after = s.base + s.i + 1;
  s.openAt = -1;
  s.solid = -1;
  if (s.bytes[s.i] === CLOSE_BRACKET) {
    close(s);
  } else {
    s.mode = 'start';
    s.i++;
  }
  s.sink(openAt, end, after);
}

function close(s: ElementState): void {
  s.closedAt = s.base + s.i;
  s.mode = 'closed';
  s.i++;
}

/** Behind the array: only blank space may follow. */
function closed(s: ElementState): void {
  skipBlank(s);
  if (s.i >= s.bytes.length) return;
  s.restAt = s.base + s.i;
  s.mode = 'over';
}

function skipBlank(s: ElementState): void {
  const { bytes } = s;
  const { length } = bytes;
  let { i } = s;
  while (i < length && BLANK[bytes[i] as number] === 1) i++;
  s.i = i;
}

/** The byte after the last one before `i` that is not blank: blank space belongs to no record. */
function solidEnd(s: ElementState): number {
  const low = Math.max(0, s.openAt - s.base);
  let { i } = s;
  while (i > low && BLANK[s.bytes[i - 1] as number] === 1) i--;
  return i > low || s.solid < 0 ? s.base + i : s.solid;
}

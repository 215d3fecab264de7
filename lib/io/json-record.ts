import { isAscii, isUtf8 } from 'node:buffer';
import type { RecordBlock } from '../core/records.ts';
import type { BlockBytes } from './block.ts';
import { badBytes, emptyBlock, Refusal, refuse } from './block.ts';
import { jsonFault } from './json-fault.ts';
import { CLOSE_BRACKET, COMMA, createElementScanner } from './json-scan.ts';
import type { Places } from './place.ts';

export interface ElementRules {
  latin1: boolean;
  maxRecordBytes: number;
  /** The piece begins behind the array's own bracket. */
  fresh: boolean;
}

/** Rows are parsed this many bytes at a time, so that they die young. */
const GROUP_BYTES = 64 * 1024;

type PlacedBytes = BlockBytes & { places: Places };

/** Parses all records of a piece, in blocks. What one record holds never changes another's row or error. */
export function* parseElements(piece: PlacedBytes, rules: ElementRules): Generator<RecordBlock> {
  const { bytes } = piece;
  const spans: number[] = [];
  const range = { start: 0, end: bytes.length };
  createElementScanner(range, rules.fresh).feed(bytes, (start, end, next) => {
    spans.push(start, end, next);
  });
  let { first } = piece;
  for (let from = 0; from < spans.length; ) {
    const stop = (spans[from] as number) + GROUP_BYTES;
    let to = from + 3;
    while (to < spans.length && (spans[to] as number) < stop) to += 3;
    const block = parseGroup({ ...piece, first }, spans.slice(from, to), rules);
    first += block.rows.length;
    from = to;
    yield block;
  }
}

/** @param spans start, end and next of each record in turn */
function parseGroup(piece: PlacedBytes, spans: number[], rules: ElementRules): RecordBlock {
  const { latin1, maxRecordBytes } = rules;
  const low = spans[0] as number;
  const group = piece.bytes.subarray(low, spans.at(-1));
  const oneByte = latin1 || isAscii(group);
  const clean = !group.includes(0) && (oneByte || isUtf8(group));
  // A character is a byte there: one text for all records, of which each is a slice.
  const whole = clean && oneByte ? group.toString('latin1') : undefined;
  const block = emptyBlock(piece.first);
  const { places } = piece;
  block.where = (position) => places.of(piece.at + (spans[position * 3] as number));
  for (let k = 0; k < spans.length; k += 3) {
    const start = spans[k] as number;
    const end = spans[k + 1] as number;
    const at = piece.at + start;
    if (end - start > maxRecordBytes) {
      const refusal = longElement(end - start, maxRecordBytes);
      refuse(block, { raw: '', refusal, place: places.inWords(at) });
      continue;
    }
    const bytes = piece.bytes.subarray(start, end);
    const raw = whole?.slice(start - low, end - low) ?? bytes.toString(latin1 ? 'latin1' : 'utf8');
    const bad = clean ? undefined : badBytes(bytes, at, latin1);
    const row = bad ?? parseElement(raw, { at, latin1, ending: endingOf(piece.bytes, spans, k) });
    if (row instanceof Refusal) {
      refuse(block, { raw, refusal: row, place: places.inWords(at) });
    } else {
      block.rows.push(row);
      block.raws.push(raw);
    }
  }
  return block;
}

type Ending = 'comma' | 'bracket' | 'none';

function endingOf(bytes: Buffer, spans: number[], k: number): Ending {
  const end = spans[k + 1] as number;
  const next = spans[k + 2] as number;
  if (next === end) return 'none';
  if (bytes[next - 1] === COMMA) return 'comma';
  return bytes[next - 1] === CLOSE_BRACKET ? 'bracket' : 'none';
}

function parseElement(
  text: string,
  place: { at: number; latin1: boolean; ending: Ending },
): unknown {
  if (text === '') return noValue(place.ending);
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch {
    return new Refusal('BAD_JSON', `is not JSON: ${faultText(text, place)}.`);
  }
  if (place.ending !== 'none' || typeof row !== 'number') return row;
  return new Refusal(
    'BAD_JSON',
    `is the number ${text} at which the source ends: digits may be missing.`,
  );
}

/**
 * A trailing comma is one failed record, as any other value that is missing, and no fault of the source:
 * it has a place that a worker sees in its own bytes, it counts towards the threshold, and thousands of
 * good outcomes are not called failed for it.
 */
function noValue(ending: Ending): Refusal {
  return new Refusal(
    'BAD_JSON',
    ending === 'bracket'
      ? 'is empty: a comma stands before the ] that closes the array. Remove it, or add the record that is missing.'
      : 'is empty: no value stands before its comma. Remove the comma, or add the record that is missing.',
  );
}

function faultText(text: string, { at, latin1 }: { at: number; latin1: boolean }): string {
  const fault = jsonFault(text);
  const before = text.slice(0, fault);
  const byte = at + Buffer.byteLength(before, latin1 ? 'latin1' : 'utf8');
  if (fault >= text.length) return `it ends too early, at byte ${byte}`;
  const line = before.split('\n').length;
  const column = fault - before.lastIndexOf('\n');
  const found = JSON.stringify(String.fromCodePoint(text.codePointAt(fault) as number));
  return `unexpected ${found} at byte ${byte} (line ${line}, column ${column} of the record)`;
}

export function longElement(length: number, maxRecordBytes: number): Refusal {
  return new Refusal(
    'RECORD_TOO_LONG',
    `is ${length} bytes long; maxRecordBytes allows ${maxRecordBytes}. Raise limits.maxRecordBytes in the job, or look for a missing quote or bracket.`,
  );
}

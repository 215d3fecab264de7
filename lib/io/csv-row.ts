import { Refusal } from './block.ts';

export type Row = Record<string, string>;
/** A row of a line's cells, or why they do not fit the columns. */
export type RowBuilder = (cells: readonly string[]) => Row | Refusal;

/** Sources of one input mostly share one header; a compiled row maker is kept for each of the last ones. */
const BUILDERS_KEPT = 64;
const builders = new Map<string, RowBuilder>();

/**
 * @param header cells of the header line, trimmed: '' for a column without a name, whose cells must be
 * blank and are left out
 */
export function rowBuilder(header: readonly string[]): RowBuilder {
  const key = JSON.stringify(header);
  const known = builders.get(key);
  if (known !== undefined) return known;
  if (builders.size >= BUILDERS_KEPT) builders.clear();
  const made = makeBuilder(header);
  builders.set(key, made);
  return made;
}

function makeBuilder(header: readonly string[]): RowBuilder {
  const width = header.findLastIndex((name) => name !== '') + 1;
  const gaps = [...header.keys()].filter((i) => i < width && header[i] === '');
  const build = compile(header);
  const needs = `the header names ${width} column${width === 1 ? '' : 's'}`;
  return (cells) => {
    const count = cells.length;
    if (count === width && gaps.length === 0) return build(cells);
    if (count < width) {
      return new Refusal('RAGGED_ROW', `has ${cellCount(count)}; ${needs}.`);
    }
    const extra = firstFilled(cells, gaps, width);
    if (extra < 0) return build(cells);
    return new Refusal(
      'RAGGED_ROW',
      `has ${cellCount(count)}; ${needs}, and cell ${extra + 1} is filled but its column has no name.`,
    );
  };
}

const cellCount = (count: number): string => `${count} cell${count === 1 ? '' : 's'}`;

function firstFilled(cells: readonly string[], gaps: readonly number[], width: number): number {
  for (const gap of gaps) if (cells[gap]?.trim() !== '') return gap;
  for (let i = width; i < cells.length; i++) if (cells[i]?.trim() !== '') return i;
  return -1;
}

/**
 * An object literal made by the compiler has one hidden class from its first key on; assigning 65 keys
 * in a loop is 4 times slower. Names go in as JSON strings, so that no header can be code, and
 * `__proto__` as a computed key, which makes it an own property.
 */
function compile(header: readonly string[]): (cells: readonly string[]) => Row {
  const members = header.flatMap((name, i) => {
    if (name === '') return [];
    const key = JSON.stringify(name);
    return [`${name === '__proto__' ? `[${key}]` : key}: cells[${i}]`];
  });
  return new Function('cells', `'use strict'; return { ${members.join(', ')} };`) as (
    cells: readonly string[],
  ) => Row;
}

/** Cells of a record that is known not to be broken, and may hold quotes. */
export function splitCells(text: string, delimiter: string): string[] {
  if (!text.includes('"')) return text.split(delimiter);
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text.charCodeAt(at) === 0x22) {
      const end = closingQuote(text, at);
      const cell = text.slice(at + 1, end);
      cells.push(cell.includes('"') ? cell.replaceAll('""', '"') : cell);
      at = end + 1;
      if (at >= text.length) return cells;
    } else {
      const end = text.indexOf(delimiter, at);
      if (end < 0) {
        cells.push(text.slice(at));
        return cells;
      }
      cells.push(text.slice(at, end));
      at = end;
    }
    at++; // the delimiter
  }
}

function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1);
  while (text.charCodeAt(at + 1) === 0x22) at = text.indexOf('"', at + 2);
  return at;
}

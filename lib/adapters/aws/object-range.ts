import type { ObjectRange } from '../../ports/object-store.ts';

/**
 * The Range header (RFC 9110 14.2, both ends included) of bytes [start, end) or the last ones; undefined for the whole
 * object, null for no bytes at all, which HTTP cannot ask for. Throws a RangeError.
 */
export function rangeHeader(range: ObjectRange | undefined): string | undefined | null {
  if (range === undefined) return undefined;
  if ('last' in range) {
    checkOffset('last', range.last);
    return range.last === 0 ? null : `bytes=-${range.last}`;
  }
  checkOffset('start', range.start);
  checkOffset('end', range.end);
  return range.start >= range.end ? null : `bytes=${range.start}-${range.end - 1}`;
}

function checkOffset(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(`${name} of a range must be a whole number from 0 on, got ${value}`);
}

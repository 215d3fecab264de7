import type { ObjectRange } from '../../ports/object-store.ts';

/** Bytes [start, end) of an object of `size` bytes; what lies beyond its end is cut. Throws a RangeError. */
export function rangeOf(
  range: ObjectRange | undefined,
  size: number,
): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: size };
  if ('last' in range) {
    checkOffset('last', range.last);
    return { start: Math.max(0, size - range.last), end: size };
  }
  checkOffset('start', range.start);
  checkOffset('end', range.end);
  const start = Math.min(range.start, size);
  return { start, end: Math.max(start, Math.min(range.end, size)) };
}

function checkOffset(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(`${name} of a range must be a whole number from 0 on, got ${value}`);
}

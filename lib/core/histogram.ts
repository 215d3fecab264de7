import type { HistogramBar } from './report.ts';

/**
 * Sixteen buckets per power of two, borders near 2^(k/16), in 256ths of the power: as integers and
 * without a logarithm, so that the same duration lands in the same bucket on every engine. The widest
 * ratio, 292 / 279, puts a bucket's harmonic middle at most 2.3 % from any duration in it.
 */
const STEPS = 16;
const BORDERS = [
  256, 267, 279, 292, 304, 318, 332, 347, 362, 378, 395, 412, 431, 450, 470, 490,
] as const;
/** Step by the first 8 bits of a double's mantissa: one load instead of a search. */
const STEP_OF = Uint8Array.from({ length: 256 }, (_, m) =>
  BORDERS.findLastIndex((b) => b - 256 <= m),
);
const MIN_EXPONENT = -10;
const MAX_EXPONENT = 32;
/** Bucket 0 is everything under 2^-10 ms (about 1 µs); the others reach up to 2^32 ms. */
const BUCKETS = (MAX_EXPONENT - MIN_EXPONENT) * STEPS + 1;

/** Durations in milliseconds, counted in 673 buckets: about 5 KB whatever the number of items. */
export interface Histogram {
  count: number;
  /** Exact smallest and largest duration; Infinity and 0 when nothing was recorded. */
  min: number;
  max: number;
  /** Items by bucket, doubles: exact up to 2^53. */
  items: Float64Array;
}

/** A histogram for JSON: only the buckets in use, as [bucket, items, bucket, items, ...] in ascending order. */
export interface SparseHistogram {
  min: number;
  max: number;
  buckets: number[];
}

const scratch = new DataView(new ArrayBuffer(8));

export function newHistogram(): Histogram {
  return { count: 0, min: Number.POSITIVE_INFINITY, max: 0, items: new Float64Array(BUCKETS) };
}

/**
 * Counts one duration in milliseconds. Negative ones and NaN (a clock that was set back) count as 0;
 * anything above 2^32 ms (49 days) falls into the last bucket, while `max` stays exact.
 */
export function record(h: Histogram, ms: number): void {
  const value = ms > 0 ? Math.min(ms, Number.MAX_VALUE) : 0;
  scratch.setFloat64(0, value);
  const bits = scratch.getUint32(0) >>> 12; // sign, 11 bits of exponent, 8 of mantissa
  const power = (bits >>> 8) - 1023 - MIN_EXPONENT;
  const bucket = power * STEPS + (STEP_OF[bits & 255] ?? 0) + 1;
  const index = bucket < 1 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket;
  h.items[index] = (h.items[index] ?? 0) + 1;
  h.count++;
  if (value < h.min) h.min = value;
  if (value > h.max) h.max = value;
}

/** A new histogram of both. Only counts are added, so any order and grouping give the same result. */
export function merge(a: Histogram, b: Histogram): Histogram {
  return {
    count: a.count + b.count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    items: a.items.map((items, i) => items + (b.items[i] ?? 0)),
  };
}

/**
 * The duration, in milliseconds, that a share `q` (0 to 1) of the items did not exceed (nearest rank),
 * within 5 %; below 1 µs within 1 µs. 0 when nothing was recorded; 1 gives the exact maximum.
 */
export function quantile(h: Histogram, q: number): number {
  if (h.count === 0) return 0;
  // 0.07 * 100 is 7.000000000000001: without the correction its rank would be 8.
  const rank = Math.min(h.count, Math.max(1, Math.ceil(q * h.count * (1 - 1e-12))));
  if (rank === h.count) return h.max;
  if (rank === 1) return h.min;
  let seen = 0;
  let bucket = 0;
  for (; bucket < BUCKETS; bucket++) {
    seen += h.items[bucket] ?? 0;
    if (seen >= rank) break;
  }
  return Math.min(h.max, Math.max(h.min, middle(bucket)));
}

/**
 * At most `maxBars` adjoining bars from the shortest to the longest duration, empty ones included. All
 * span the same ratio within 1 % (a first bar from 0 apart) and borders are a fixed grid: they depend on
 * the range of the durations, never on their order or number.
 */
export function toBars(h: Histogram, maxBars: number): HistogramBar[] {
  if (h.count === 0) return [];
  const first = h.items.findIndex((items) => items > 0);
  const last = h.items.findLastIndex((items) => items > 0);
  let size = 1;
  while (size < BUCKETS && groupOf(last, size) - groupOf(first, size) >= Math.max(1, maxBars))
    size *= 2;
  const start = groupOf(first, size);
  const bars = Array.from({ length: groupOf(last, size) - start + 1 }, (_, i) => ({
    fromMs: groupBorder(start + i, size),
    toMs: groupBorder(start + i + 1, size),
    items: 0,
  }));
  for (let bucket = first; bucket <= last; bucket++) {
    const bar = bars[groupOf(bucket, size) - start];
    if (bar !== undefined) bar.items += h.items[bucket] ?? 0;
  }
  return bars;
}

/** The histogram as small plain data: two numbers per bucket in use, so about 300 bytes for most chunks. */
export function toSparse(h: Histogram): SparseHistogram {
  const buckets: number[] = [];
  for (let bucket = 0; bucket < h.items.length; bucket += 1) {
    const items = h.items[bucket] ?? 0;
    if (items > 0) buckets.push(bucket, items);
  }
  return { min: h.count === 0 ? 0 : h.min, max: h.max, buckets };
}

/** The histogram that `toSparse` wrote. Throws a RangeError on a bucket or count that it never writes. */
export function fromSparse(sparse: SparseHistogram): Histogram {
  const h = newHistogram();
  for (let i = 0; i < sparse.buckets.length; i += 2) {
    const bucket = sparse.buckets[i] ?? -1;
    const items = sparse.buckets[i + 1] ?? -1;
    if (
      !(
        Number.isInteger(bucket) &&
        bucket >= 0 &&
        bucket < BUCKETS &&
        Number.isInteger(items) &&
        items > 0
      )
    ) {
      throw new RangeError(
        `histogram: bucket ${bucket} with ${items} items; buckets are 0 to ${BUCKETS - 1}, counts are 1 or more`,
      );
    }
    h.items[bucket] = (h.items[bucket] ?? 0) + items;
    h.count += items;
  }
  if (h.count > 0) {
    h.min = sparse.min;
    h.max = sparse.max;
  }
  return h;
}

/** Lower border of a bucket, in milliseconds. */
function border(bucket: number): number {
  if (bucket <= 0) return 0;
  const step = bucket - 1;
  const share = (BORDERS[step % STEPS] ?? 256) / 256;
  return 2 ** (MIN_EXPONENT + Math.floor(step / STEPS)) * share;
}

/** Harmonic middle: the point whose relative distance from both borders is the same. */
function middle(bucket: number): number {
  const from = border(bucket);
  const to = border(bucket + 1);
  return (2 * from * to) / (from + to);
}

/** Groups of `size` buckets, aligned so that a group of 16 is one power of two; bucket 0 joins the first. */
const groupOf = (bucket: number, size: number): number =>
  Math.max(0, Math.floor((bucket - 1) / size));
const groupBorder = (group: number, size: number): number =>
  group <= 0 ? 0 : border(group * size + 1);

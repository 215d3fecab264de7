import { type QuotaPlan, SUB_BUCKETS } from '../core/quota.ts';

/** What is known of a quota's key: times in microseconds since 1970. */
export interface QuotaState {
  /** No slot before it is free. Only grows. */
  nextUs: number;
  /** Slots of each long window by sub-bucket, oldest first, in the order of the plan. */
  used: readonly (readonly Bucket[])[];
}

/** Number of the sub-bucket since 1970, and its slots. */
export type Bucket = readonly [bucket: number, slots: number];

export interface Taken {
  /** Times of the slots, ascending; each may be used from then on, until its grace is over. */
  slots: number[];
  state: QuotaState;
}

type Limits = Pick<QuotaPlan, 'gapUs' | 'long' | 'marginUs'>;

/**
 * Takes up to `count` slots that are not later than `lastUs`; none, and when the first would be, if there are none.
 *
 * Exact in every rolling window of the true clock: slot s of a worker whose clock is off by at most the skew is
 * counted by the remote between s - skew and s + skew + grace + send time. Slots that lie window + margin apart are
 * therefore never counted in one window, and of those that lie closer there are no more than it allows.
 */
export function takeSlots(
  state: QuotaState,
  plan: Limits,
  { nowUs, count, lastUs }: { nowUs: number; count: number; lastUs: number },
): Taken | { freeUs: number } {
  const used = state.used.map((buckets) => [...buckets]);
  const slots: number[] = [];
  let at = Math.max(Math.ceil(nowUs), state.nextUs);
  while (slots.length < count) {
    for (const [i, window] of plan.long.entries()) {
      at = Math.max(at, freeAt(used[i] ?? [], window, { at, marginUs: plan.marginUs }));
    }
    if (at > lastUs) break;
    for (const [i, window] of plan.long.entries()) {
      used[i] = counted(used[i] ?? [], window, { at, marginUs: plan.marginUs });
    }
    slots.push(at);
    at += plan.gapUs;
  }
  if (slots.length === 0) return { freeUs: at };
  // Without spacing the next slot may share the last one's time, but is never earlier.
  return { slots, state: { nextUs: (slots.at(-1) as number) + plan.gapUs, used } };
}

interface LongWindow {
  calls: number;
  ms: number;
}
interface At {
  at: number;
  marginUs: number;
}

const widthUs = ({ ms }: LongWindow): number => Math.ceil((ms * 1000) / SUB_BUCKETS);
/** From then on a bucket is wholly outside the window of a slot. */
const leavesAt = (bucket: number, window: LongWindow, marginUs: number): number =>
  (bucket + 1) * widthUs(window) + window.ms * 1000 + marginUs;

/** The first time from `at` on at which the window has room for one slot. */
function freeAt(buckets: readonly Bucket[], window: LongWindow, { at, marginUs }: At): number {
  let inside = 0;
  for (const [bucket, slots] of buckets) {
    if (leavesAt(bucket, window, marginUs) > at) inside += slots;
  }
  let free = at;
  for (const [bucket, slots] of buckets) {
    if (inside < window.calls) break;
    const leaves = leavesAt(bucket, window, marginUs);
    if (leaves <= at) continue;
    inside -= slots;
    free = leaves;
  }
  return free;
}

/** The buckets with one slot more; those that are outside are dropped. */
function counted(buckets: readonly Bucket[], window: LongWindow, { at, marginUs }: At): Bucket[] {
  const mine = Math.floor(at / widthUs(window));
  const kept = buckets.filter(([bucket]) => leavesAt(bucket, window, marginUs) > at);
  const last = kept.at(-1);
  return last?.[0] === mine ? [...kept.slice(0, -1), [mine, last[1] + 1]] : [...kept, [mine, 1]];
}

/** `<first bucket>.<slots>,<distance to the next>.<slots>...`, in base 36: 160 buckets stay below 1 KB. */
export function packBuckets(buckets: readonly Bucket[]): string {
  let before = 0;
  return buckets
    .map(([bucket, slots]) => {
      const text = `${(bucket - before).toString(36)}.${slots.toString(36)}`;
      before = bucket;
      return text;
    })
    .join(',');
}

export function unpackBuckets(text: string): Bucket[] {
  let bucket = 0;
  if (text === '') return [];
  return text.split(',').map((one) => {
    const [distance = '', slots = ''] = one.split('.');
    bucket += Number.parseInt(distance, 36);
    return [bucket, Number.parseInt(slots, 36)] as const;
  });
}

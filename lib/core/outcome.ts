import type { ItemError } from './errors.ts';

/** How an item can end. `notRun` occurs only in a batch that was cancelled or stopped. */
export const STATUSES = ['ok', 'skipped', 'failed', 'stalled', 'notRun'] as const;
export type Status = (typeof STATUSES)[number];

/** Items by status; in a finished batch they add up to its total. */
export type Counts = Record<Status, number>;

export const noCounts = (): Counts => ({ ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 0 });

export function addCounts(a: Counts, b: Counts): Counts {
  const sum = noCounts();
  for (const status of STATUSES) sum[status] = a[status] + b[status];
  return sum;
}

export const itemsOf = (counts: Counts): number =>
  STATUSES.reduce((sum, status) => sum + counts[status], 0);

/** What `process` returns: recognised by `status`. With `values`, from `ok.many`, or `json`, from `ok.json`, there is no `value`. */
export type Result<V = unknown> =
  | { status: 'ok'; value: V; values?: readonly unknown[]; json?: string }
  | { status: 'skipped'; reason: string };

/** Values of one item at most: one line of a part holds them all, and whoever reads one of them reads that line. */
export const MAX_VALUES = 100_000;

/**
 * The item is done; `value` goes into its outcome and must survive JSON. To a next stage it is one item;
 * `ok.many(values)` gives it an item for each value, in order: none, or up to 100,000.
 */
export function ok<V>(value: V): Result<V> {
  return { status: 'ok', value };
}
ok.many = <V>(values: readonly V[]): Result<V> =>
  ({ status: 'ok', values }) as unknown as Result<V>;

/** A value whose JSON text is there already, as JSON.stringify gave it: it is checked and stored, and not made again. */
ok.json = <V>(json: string): Result<V> => ({ status: 'ok', json }) as unknown as Result<V>;

/** There is nothing to do for this item, and that is no failure. */
export function skip(reason: string): Result<never> {
  return { status: 'skipped', reason };
}

/**
 * The recorded outcome of one item: one JSON line of a part's first member. Nothing volatile is in it,
 * so that the same input, job, options and `now` give the same bytes on every machine.
 */
export type Outcome = { index: number; key: string | null } & (
  | { status: 'ok'; value?: unknown; values?: readonly unknown[] }
  | { status: 'skipped'; reason: string }
  | { status: 'failed' | 'stalled'; error: ItemError }
  | { status: 'notRun' }
);

/** A record: flat attributes, less than 8 KB in all. A missing attribute is undefined, never null. */
export type StoredRecord = Readonly<Record<string, Value>>;
export type Value = string | number;

/** Version of the records (their attribute `v`) that this code writes, and the newest that it reads. */
export const RECORD_VERSION = 1;

/** `batch` groups a batch's records (`live` for the list of batches); `sort` orders them inside. */
export interface RecordKey {
  batch: string;
  sort: string;
}

/** One conditional change of one record: all clauses of `when` must hold. */
export interface Change {
  when: readonly Clause[];
  set?: Readonly<Record<string, Value>> | undefined;
  /** Added to what is there; a missing attribute counts as 0. */
  add?: Readonly<Record<string, number>> | undefined;
  remove?: readonly string[] | undefined;
}

/** A clause on one attribute, or several of which one must hold. A comparison with a missing attribute is false. */
export type Clause =
  | readonly ['absent' | 'present', string]
  | readonly ['=' | '<' | '<=', string, Value]
  | readonly ['any', ...Clause[]];

export function holds(record: StoredRecord | undefined, clause: Clause): boolean {
  if (clause[0] === 'any') return (clause.slice(1) as Clause[]).some((one) => holds(record, one));
  const value = record?.[clause[1]];
  switch (clause[0]) {
    case 'absent':
      return value === undefined;
    case 'present':
      return value !== undefined;
    default:
      return value !== undefined && compare(value, clause[0], clause[2]);
  }
}

function compare(value: Value, operator: '=' | '<' | '<=', bound: Value): boolean {
  if (typeof value !== typeof bound) return false;
  switch (operator) {
    case '=':
      return value === bound;
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
  }
}

/** The record after the change, undefined when a clause refuses it. Never alters its argument. */
export function applyChange(
  record: StoredRecord | undefined,
  change: Change,
): StoredRecord | undefined {
  if (!change.when.every((clause) => holds(record, clause))) return undefined;
  const next: Record<string, Value> = { ...record, ...change.set };
  for (const [name, amount] of Object.entries(change.add ?? {})) {
    next[name] = ((next[name] as number | undefined) ?? 0) + amount;
  }
  for (const name of change.remove ?? []) delete next[name];
  return next;
}

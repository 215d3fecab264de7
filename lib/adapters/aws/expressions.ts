import type { AttributeValue, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { Change, Clause, StoredRecord, Value } from '../../core/change.ts';

/** The key attributes of the table: partition = RecordKey.batch, sort = RecordKey.sort. */
export const PARTITION = 'pk';
export const SORT = 'sk';

export type Expressions = Pick<
  UpdateItemCommandInput,
  | 'ConditionExpression'
  | 'UpdateExpression'
  | 'ExpressionAttributeNames'
  | 'ExpressionAttributeValues'
>;

/**
 * A change as the expressions of UpdateItem. Every name and value is a placeholder: `status`, `end`, `name` and many
 * other words are reserved, and a dot in a name would be a path (DynamoDB developer guide, "Expression attribute
 * names (aliases)"). DynamoDB refuses two clauses on one attribute, so these are folded first, to what `applyChange`
 * of core gives: set, then add, then remove.
 */
export function compileChange(change: Change): Expressions {
  const names = placeholders<string>('#');
  const values = placeholders<Value>(':');
  const { set, add, remove } = fold(change);
  const update = [
    clauseOf(
      'SET',
      Object.entries(set).map(([name, value]) => `${names.of(name)} = ${values.of(value)}`),
    ),
    clauseOf(
      'ADD',
      Object.entries(add).map(([name, amount]) => `${names.of(name)} ${values.of(amount)}`),
    ),
    clauseOf(
      'REMOVE',
      remove.map((name) => names.of(name)),
    ),
  ].filter((clause) => clause !== '');
  const condition = change.when.map((clause) => conditionOf(clause, names.of, values.of));
  const valuesUsed = values.used().map(([place, value]) => [place, toAttribute(value)] as const);
  return {
    ...(update.length === 0 ? {} : { UpdateExpression: update.join(' ') }),
    ...(condition.length === 0 ? {} : { ConditionExpression: condition.join(' AND ') }),
    ...(names.used().length === 0
      ? {}
      : { ExpressionAttributeNames: Object.fromEntries(names.used()) }),
    ...(valuesUsed.length === 0
      ? {}
      : { ExpressionAttributeValues: Object.fromEntries(valuesUsed) }),
  };
}

/** At most one clause an attribute: a removed one is only removed, an amount added to a set value is part of it. */
export function fold(change: Change): {
  set: Record<string, Value>;
  add: Record<string, number>;
  remove: string[];
} {
  const set = new Map(Object.entries(change.set ?? {}));
  const add = new Map(Object.entries(change.add ?? {}));
  for (const [name, amount] of add) {
    const value = set.get(name);
    if (value === undefined) continue;
    set.set(name, (value as number) + amount);
    add.delete(name);
  }
  const remove = [...new Set(change.remove)];
  for (const name of remove) {
    set.delete(name);
    add.delete(name);
  }
  return { set: Object.fromEntries(set), add: Object.fromEntries(add), remove };
}

function conditionOf(
  clause: Clause,
  name: (text: string) => string,
  value: (bound: Value) => string,
): string {
  switch (clause[0]) {
    case 'any': {
      const [, ...some] = clause;
      return `(${some.map((one) => conditionOf(one, name, value)).join(' OR ')})`;
    }
    case 'absent':
      return `attribute_not_exists(${name(clause[1])})`;
    case 'present':
      return `attribute_exists(${name(clause[1])})`;
    default:
      return `${name(clause[1])} ${clause[0]} ${value(clause[2])}`;
  }
}

const clauseOf = (verb: string, parts: readonly string[]): string =>
  parts.length === 0 ? '' : `${verb} ${parts.join(', ')}`;

/** Short placeholders, one for each different thing: an expression may have 4 KB. */
function placeholders<T>(sign: '#' | ':'): { of(thing: T): string; used(): [string, T][] } {
  const places = new Map<T, string>();
  return {
    of(thing) {
      const place = places.get(thing) ?? `${sign}${places.size}`;
      places.set(thing, place);
      return place;
    },
    used: () => [...places].map(([thing, place]) => [place, thing]),
  };
}

/** A double's shortest text has at most 17 digits, DynamoDB keeps 38: numbers come back exactly. */
const toAttribute = (value: Value): AttributeValue =>
  typeof value === 'string' ? { S: value } : { N: String(value) };

/** The record of an item, without its keys; undefined for an attribute that is neither text nor number. */
export function toRecord(item: Record<string, AttributeValue>): StoredRecord | undefined {
  const record: Record<string, Value> = {};
  for (const [name, value] of Object.entries(item)) {
    if (name === PARTITION || name === SORT) continue;
    if (value.S !== undefined) record[name] = value.S;
    else if (value.N !== undefined) record[name] = Number(value.N);
    else return undefined;
  }
  return record;
}

import { createHash } from 'node:crypto';

/** Groups as they must come: by the SHA-256 of their keys, then by their keys; rows as they were given. */
export function oracleOfGroups<R>(rows: readonly R[], keyOf: (row: R) => string) {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    const key = keyOf(row);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const hash = (key: string): string => createHash('sha256').update(key).digest('hex');
  return [...groups]
    .map(([key, own]) => ({ key, rows: own, order: `${hash(key)}${key}` }))
    .sort((a, b) => (a.order < b.order ? -1 : 1));
}

import type { Row, Rows } from './rows.ts';

/** A shorter text would be taken out of words that have nothing to do with it. */
const MIN_LENGTH = 6;

/**
 * Rows from which the values of secrets are taken out, in everything that an item leaves. The name stands
 * in, so that outcomes are the same wherever the value differs.
 */
export function withoutSecrets(rows: Rows, secrets: Readonly<Record<string, string>>): Rows {
  const clean = secretCleaner(secrets);
  if (clean === undefined) return rows;
  const cleaned = (row: Row): Row => ({
    ...row,
    outcome: clean(row.outcome),
    error: row.error && {
      ...row.error,
      code: clean(row.error.code),
      message: clean(row.error.message),
    },
    extra: clean(row.extra),
    log: clean(row.log),
  });
  return {
    get cursor() {
      return rows.cursor;
    },
    has: (position) => rows.has(position),
    put: (position, row) => rows.put(position, cleaned(row)),
    ended: () => rows.ended(),
    toPart: (...of) => rows.toPart(...of),
    close: () => rows.close(),
  };
}

/** Takes the values of secrets out of a text; undefined where there are none. */
export function secretCleaner(
  secrets: Readonly<Record<string, string>>,
): (<T extends string | undefined>(text: T) => T) | undefined {
  const pairs: [string, string][] = [];
  for (const [name, value] of Object.entries(secrets)) {
    if (value.length < MIN_LENGTH) continue;
    const inJson = JSON.stringify(value).slice(1, -1);
    for (const form of new Set([value, inJson])) pairs.push([form, `[secret ${name}]`]);
  }
  if (pairs.length === 0) return undefined;
  // The longest first: a secret may be part of another one.
  pairs.sort(([a], [b]) => b.length - a.length);
  return <T extends string | undefined>(text: T): T => {
    let out: string | undefined = text;
    for (const [form, name] of pairs) out = out?.replaceAll(form, () => name);
    return out as T;
  };
}

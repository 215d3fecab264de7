/** Which records of a delivery are done with: their messages are deleted; the others come back. */
export type Done = 'all' | 'none' | { failed: ReadonlySet<string> };

/**
 * Reads a function's answer to SQS records as Lambda does (lambda/latest/dg/services-sqs-errorhandling, "Success and
 * failure conditions"): null, {}, an empty or null list are success; an answer that is not JSON or not an object, a
 * list that is none, an identifier that is empty, null, missing or of no record of this delivery are failure of all.
 * `ids` are the records' message ids.
 */
export function readPartialAnswer(answer: string, ids: readonly string[]): Done {
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    return 'none';
  }
  if (value === null) return 'all';
  if (typeof value !== 'object') return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'all' : 'none';
  const { batchItemFailures: list } = value as { batchItemFailures?: unknown };
  if (list === undefined || list === null) return 'all';
  if (!Array.isArray(list)) return 'none';
  const failed = new Set<string>();
  for (const entry of list) {
    const id = (entry as { itemIdentifier?: unknown } | null)?.itemIdentifier;
    if (typeof id !== 'string' || !ids.includes(id)) return 'none';
    failed.add(id);
  }
  return failed.size === 0 ? 'all' : { failed };
}

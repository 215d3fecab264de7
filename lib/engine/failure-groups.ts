import { MAX_KEYS } from '../core/counters.ts';
import type { ItemError } from '../core/errors.ts';
import type { FailureGroup } from '../core/report.ts';

/**
 * Failures by code. A code is whatever a job's author wrote, so a job may have as many as items: beyond
 * 10,000 they count as OTHER, as they do in a part beyond 50.
 */
export type FailureGroups = Map<string, FailureGroup>;

/** Examples of each code, and of all codes together before each gets one alone. */
const EXAMPLES = 5;
const MANY_EXAMPLES = 5_000;
/** Codes that a report lists; the rarest of more are in OTHER. */
const LISTED = 1_000;
const OTHER = 'OTHER';

export function addFailures(
  groups: FailureGroups,
  { code, kind, items }: { code: string; kind: ItemError['kind']; items: number },
): void {
  const name = groups.has(code) || groups.size < MAX_KEYS ? code : OTHER;
  const group = groups.get(name) ?? { code: name, kind, items: 0, examples: [] };
  group.items += items;
  groups.set(name, group);
}

export interface FailureExample {
  index: number;
  key: string | null;
  error: { code: string; message: string };
}

/** Keeps the first few of each code. */
export function addExample(groups: FailureGroups, { index, key, error }: FailureExample): void {
  const group = groups.get(error.code) ?? groups.get(OTHER);
  const most = groups.size * EXAMPLES <= MANY_EXAMPLES ? EXAMPLES : 1;
  if (group === undefined || group.examples.length >= most) return;
  group.examples.push({ index, key, message: error.message });
}

/** As a report lists them: the most frequent first, and what is beyond its list in OTHER. */
export function listFailures(groups: FailureGroups): FailureGroup[] {
  const sorted = [...groups.values()].sort(
    (a, b) => b.items - a.items || (a.code < b.code ? -1 : 1),
  );
  if (sorted.length <= LISTED) return sorted;
  const named = sorted.filter(({ code }) => code !== OTHER);
  const rest = named.slice(LISTED - 1);
  const known = groups.get(OTHER);
  const [first] = rest as [FailureGroup];
  const other: FailureGroup = {
    code: OTHER,
    kind: known?.kind ?? first.kind,
    items: rest.reduce((sum, { items }) => sum + items, known?.items ?? 0),
    examples: (known ?? first).examples,
  };
  return [...named.slice(0, LISTED - 1), other];
}

import { describe, expect, it } from 'vitest';
import {
  addExample,
  addFailures,
  type FailureGroups,
  listFailures,
} from '../../lib/engine/failure-groups.ts';

describe('failures by code', () => {
  it('stay bounded for a million codes, in memory and in the report, and lose no item', () => {
    const groups: FailureGroups = new Map();
    const message = 'x'.repeat(500);
    for (let index = 0; index < 1_000_000; index += 1) {
      const code = index % 4 === 0 ? 'FREQUENT' : `CODE_${index}`;
      addFailures(groups, { code, kind: 'permanent', items: 1 });
      addExample(groups, { index, key: null, error: { code, message } });
    }
    expect(groups.size).toBeLessThanOrEqual(10_001);
    const listed = listFailures(groups);
    expect(listed).toHaveLength(1000);
    expect(listed[0]).toMatchObject({ code: 'FREQUENT', items: 250_000 });
    expect(listed.at(-1)?.code).toBe('OTHER');
    expect(listed.reduce((sum, { items }) => sum + items, 0)).toBe(1_000_000);
    const examples = [...groups.values()].reduce((sum, group) => sum + group.examples.length, 0);
    expect(examples).toBeLessThan(16_000);
    expect(JSON.stringify(listed).length).toBeLessThan(3e6);
  });

  it('lists few codes as they are, the most frequent first', () => {
    const groups: FailureGroups = new Map();
    for (const code of ['B', 'A', 'C', 'C'])
      addFailures(groups, { code, kind: 'timeout', items: 1 });
    expect(listFailures(groups).map(({ code, items }) => `${code}${items}`)).toEqual([
      'C2',
      'A1',
      'B1',
    ]);
  });
});

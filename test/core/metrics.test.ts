import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type MetricSummary, newMetrics } from '../../lib/core/metrics.ts';

describe('the metrics collector', () => {
  it('flushes a burst of 10,000 ten times, with every value in one of them', () => {
    const given: Record<string, MetricSummary>[] = [];
    const metrics = newMetrics((summaries) => given.push(summaries));
    for (let at = 0; at < 10_000; at += 1) metrics.add(at % 2 === 0 ? 'Even' : 'Odd', at);
    expect(given).toHaveLength(10);
    expect(metrics.flushes).toBe(10);
    expect(given[0]?.['Even']).toEqual({ count: 500, sum: 249_500, min: 0, max: 998 });
    const all = given.flatMap((summaries) => Object.values(summaries));
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
    expect(all.reduce((sum, { sum: own }) => sum + own, 0)).toBe((9_999 * 10_000) / 2);
  });

  it('flushes the rest when it is asked to, and nothing when there is nothing', () => {
    const given: Record<string, MetricSummary>[] = [];
    const metrics = newMetrics((summaries) => given.push(summaries));
    metrics.flush();
    metrics.add('Size', -3);
    metrics.add('Size', 8);
    metrics.flush();
    metrics.flush();
    expect(given).toEqual([{ Size: { count: 2, sum: 5, min: -3, max: 8 } }]);
  });

  it('stays below 10 MB however much it is given, and whatever the names are', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    let kept = 0;
    const metrics = newMetrics((summaries) => {
      kept = Math.max(kept, Object.keys(summaries).length);
    });
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let at = 0; at < 10_500; at += 1) metrics.add(`metric ${at}`, at);
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10e6);
    expect(metrics.flushes).toBe(10);
    expect(kept).toBeLessThanOrEqual(1001);
  });
});

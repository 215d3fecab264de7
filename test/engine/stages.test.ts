import { describe, expect, it } from 'vitest';
import { memoryWorld } from '../support/memory-engine.ts';
import { runnableJob } from '../support/staged.ts';

const rows = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

describe('each behind each', () => {
  it('works what the stage before gives, in index order, whatever the chunks and the workers', async () => {
    const seen = new Set<string>();
    for (const [chunk, workers] of [
      [1, 1],
      [3, 2],
      [10, 5],
      [1000, 3],
    ] as const) {
      const world = memoryWorld(runnableJob(), { rows: rows(57), limits: { chunk, workers } });
      await world.start();
      await world.run();
      expect((await world.batch()).status).toBe('done');
      seen.add(await world.outcomes());
      const report = await world.report();
      expect(report.stages?.map(({ name, total }) => [name, total])).toEqual([
        ['spread', 57],
        ['double', 57 + 19],
        ['last', 70],
      ]);
    }
    expect(seen.size).toBe(1);
  });
});

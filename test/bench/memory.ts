import { type Bench, batchVariant } from './support.ts';
import { against, count, perWallSecond, row } from './table.ts';

const BOUNDS = [
  { parallel: 'off', threads: 'one thread', mb: 220 },
  { parallel: 'on', threads: 'two threads', mb: 350 },
] as const;

export const memoryBench: Bench = {
  name: 'memory',
  about: 'peak resident set of the no-op job by items (wanted: < 1 MB more per 100,000 items)',
  async run({ options, scratch, size, measure, table, say }) {
    const most = size(options.items, 5_000_000, 40_000);
    const sizes = options.quick
      ? [Math.ceil(most / 4), most]
      : [...new Set([250_000, 1_000_000, most])].filter((items) => items <= most);
    const job = await scratch.noopJob();
    const variants = [];
    for (const items of sizes) {
      const input = await scratch.lines(items);
      for (const { parallel, threads } of BOUNDS) {
        const spec = { job, input, parallel, items };
        variants.push(batchVariant(scratch, { name: `${threads}, ${count(items)}`, spec }));
      }
    }
    const rows = await measure(variants);
    table(rows, [perWallSecond]);
    const least = sizes[0] as number;
    for (const { threads, mb } of BOUNDS) {
      const peak = (items: number): number => row(rows, `${threads}, ${count(items)}`).rssMb;
      const highest = Math.max(...sizes.map(peak));
      say(`${threads}, highest peak in MB: ${against(highest, '<', mb, 0)}`);
      if (most === least) continue;
      const slope = (peak(most) - peak(least)) / ((most - least) / 100_000);
      say(`${threads}, MB per 100,000 items: ${against(slope, '<', 1)}`);
    }
  },
};

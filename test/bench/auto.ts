import { against, type Bench, batchVariant, figure, type Measured, row } from './support.ts';

const ROUNDS = 9;
/** About 0.25 s of work; above 10,000, from where on a report no longer details each item. */
const DEFAULT_ROWS = 12_000;

export const autoBench: Bench = {
  name: 'auto',
  about: 'parallel auto on less than 0.5 s of work (wanted: no thread, wall within 10 % of off)',
  async run({ options, scratch, size, measure, table, say }) {
    const items = size(options.rows, DEFAULT_ROWS, DEFAULT_ROWS);
    const input = await scratch.odds(items);
    const variants = (['off', 'auto'] as const).map((parallel) =>
      batchVariant(scratch, {
        name: `parallel ${parallel}`,
        spec: { job: 'odds', input, parallel, items },
      }),
    );
    const rows = await measure(variants, ROUNDS);
    table(rows, [figure('work s', 'workS', 2), figure('threads', 'threads')]);
    const [off, auto] = variants.map(({ name }) => row(rows, name)) as [Measured, Measured];
    const started = auto.samples.filter(({ figures }) => (figures['threads'] ?? 0) > 0).length;
    say(`runs of auto that started threads: ${against(started, '<=', 0, 0)}`);
    say(`auto / off, wall: ${against(auto.wallS / off.wallS, '<=', 1.1)}`);
  },
};

import { type Bench, batchVariant, type Measured } from './support.ts';
import { against, figure, row } from './table.ts';

const ROUNDS = 9;

export const autoBench: Bench = {
  name: 'auto',
  about: 'parallel auto on less than 0.5 s of work (wanted: no thread, wall within 10 % of off)',
  async run({ options, scratch, size, measure, table, say }) {
    const rows = size(options.rows, 6000, 6000);
    const items = size(options.items, 20_000, 20_000);
    const jobs = [
      { job: 'odds', input: await scratch.odds(rows), items: rows },
      { job: await scratch.noopJob(), input: await scratch.lines(items), items },
    ];
    const name = (job: string, parallel: string) =>
      `${job === 'odds' ? 'odds' : 'no-op'}, parallel ${parallel}`;
    const variants = jobs.flatMap((spec) =>
      (['off', 'auto'] as const).map((parallel) =>
        batchVariant(scratch, { name: name(spec.job, parallel), spec: { ...spec, parallel } }),
      ),
    );
    const measured = await measure(variants, ROUNDS);
    table(measured, [figure('work s', 'workS', 2), figure('threads', 'threads')]);
    for (const { job } of jobs) {
      const [off, auto] = ['off', 'auto'].map((how) => row(measured, name(job, how))) as [
        Measured,
        Measured,
      ];
      const started = auto.samples.filter(({ figures }) => (figures['threads'] ?? 0) > 0).length;
      say(`${auto.name}: runs that started threads: ${against(started, '<=', 0, 0)}`);
      say(`${auto.name} / off, wall: ${against(auto.wallS / off.wallS, '<=', 1.1)}`);
    }
  },
};

import type { Bench } from './support.ts';
import { figure, perWallSecond } from './table.ts';

export const sampleBench: Bench = {
  name: 'sample',
  about: 'writing the odds sample, and the whole of npm start in a fresh home',
  async run({ options, scratch, size, measure, table }) {
    const rows = size(options.rows, 250_000, 5000);
    const fresh = scratch.newHome;
    const measured = await measure([
      {
        name: 'sample',
        n: rows,
        task: 'sample',
        fresh: () => {
          const { home, done } = fresh();
          return { spec: { home, rows }, done };
        },
      },
      {
        name: 'npm start',
        n: rows,
        argv: ['npm', 'start', '--silent', '--', '--rows', String(rows)],
        fresh: () => {
          const { home, done } = fresh();
          return { argv: ['--home', home], done };
        },
      },
    ]);
    table(measured, [perWallSecond, figure('MB', 'mb', 1)]);
  },
};

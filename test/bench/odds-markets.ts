import { statSync } from 'node:fs';
import { type Bench, batchVariant, type Measured } from './support.ts';
import { against, count, figure, row } from './table.ts';

/** Rows of both files together, a match: some matches are in one of them alone. */
const ROWS_PER_MATCH = 1.86;

export const oddsMarketsBench: Bench = {
  name: 'odds-markets',
  about:
    'two sources read, grouped by the pair of clubs, merged and priced (wanted: on/off >= 1.5, group stage < 350 MB)',
  async run({ options, scratch, size, measure, table, say }) {
    const wanted = size(options.rows, 2_000_000, 20_000);
    const { files, rows, pairs, matches } = await scratch.sources(
      Math.round(wanted / ROWS_PER_MATCH),
    );
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    say(
      `input: ${count(bytes / 1e6, 1)} MB, ${count(rows)} rows, ${count(pairs)} pairs of clubs, ${count(matches)} matches`,
    );
    const spec = {
      job: 'odds-markets',
      input: files[0] as string,
      more: files.slice(1),
      items: rows + pairs + matches,
    };
    const measured = await measure(
      (['off', 'on', 'auto'] as const).map((parallel) => ({
        ...batchVariant(scratch, { name: `parallel ${parallel}`, spec: { ...spec, parallel } }),
        n: rows,
      })),
      1,
    );
    const stages = ['read', 'match', 'price'];
    table(measured, [
      { title: 'rows/s', of: ({ n, wallS }) => count(n / wallS) },
      ...stages.map((name) => figure(`${name} s`, `${name}S`, 2)),
      figure('end s', 'endS', 2),
      figure('match MB', 'matchMb'),
      figure('threads', 'threads'),
    ]);
    const [off, on] = ['parallel off', 'parallel on'].map((name) => row(measured, name)) as [
      Measured,
      Measured,
    ];
    say(`on / off: ${against(off.wallS / on.wallS, '>=', 1.5)}`);
    say(
      `resident set up to the end of the group stage, threads on: ${against(on.figures['matchMb'] ?? Number.NaN, '<', 350, 0)} MB`,
    );
  },
};

import { mkdirSync, statSync } from 'node:fs';
import { compareWithBig } from './big.ts';
import { type Bench, batchVariant, type Measured, type Variant } from './support.ts';
import { against, count, figure, perWallSecond, row } from './table.ts';

export const oddsBench: Bench = {
  name: 'odds',
  about: 'the odds job, and a bare two-thread script (wanted: on/off >= 1.6, on/bare >= 0.7)',
  async run({ options, scratch, size, measure, table, say }) {
    const items = size(options.rows, 2_000_000, 20_000);
    const input = await scratch.odds(items);
    say(`input: ${count(statSync(input).size / 1e6, 1)} MB`);
    const bareOn = (threads: number): Variant => ({
      name: `bare script, threads: ${threads}`,
      n: items,
      argv: [process.execPath, scratch.child('bare-odds'), input],
      fresh: () => {
        const { home, done } = scratch.newHome();
        mkdirSync(home);
        return { argv: [home, String(threads)], done };
      },
    });
    const [bare, alone] = [bareOn(2), bareOn(1)];
    const rows = await measure([
      ...(['off', 'on', 'auto'] as const).map((parallel) =>
        batchVariant(scratch, {
          name: `parallel ${parallel}`,
          spec: { job: 'odds', input, parallel, items },
        }),
      ),
      bare,
      alone,
    ]);
    const bareRows = row(rows, bare.name).figures['rows'];
    if (bareRows !== items) throw new Error(`The bare script saw ${bareRows} rows, not ${items}.`);
    table(rows, [
      perWallSecond,
      figure('start s', 'startS', 2),
      figure('work s', 'workS', 2),
      figure('end s', 'endS', 2),
      figure('threads', 'threads'),
    ]);
    const [off, on, without, single] = ['parallel off', 'parallel on', bare.name, alone.name].map(
      (name) => row(rows, name),
    ) as [Measured, Measured, Measured, Measured];
    const worked = on.wallS - (on.figures['endS'] ?? 0);
    say(`on / off:  ${against(off.wallS / on.wallS, '>=', 1.6)}`);
    say(`bare, two threads / one: ${count(single.wallS / without.wallS, 2)}`);
    say(`on / bare: ${against(without.wallS / on.wallS, '>=', 0.7)}`);
    say(`on / bare without the finaliser: ${count(without.wallS / worked, 2)}`);
    await compareWithBig(say);
  },
};

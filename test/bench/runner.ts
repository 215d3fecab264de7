import { P_MAP, peers, peerUrl } from './peers.ts';
import type { Bench } from './support.ts';
import { against, figure, row } from './table.ts';

export const runnerBench: Bench = {
  name: 'runner',
  about: 'trivial async items, 16 at once, our loops and p-map (wanted: >= 2x per CPU-second)',
  async run({ options, size, measure, table, say }) {
    const items = size(options.items, 1_000_000, 50_000);
    const spec = { items, concurrency: 16 };
    const folder = await peers([P_MAP]);
    const pMap = folder === undefined ? undefined : await peerUrl(folder, 'p-map');
    const rows = await measure([
      { name: 'sluice', n: items, task: 'runner', spec },
      ...(pMap === undefined
        ? []
        : [{ name: P_MAP, n: items, task: 'runner', spec: { ...spec, pMap } }]),
    ]);
    table(rows, [figure('per CPU-s', 'perCpuS')]);
    if (pMap === undefined) return say(`${P_MAP} skipped: needs the npm registry`);
    const ratio = of(rows, 'sluice') / of(rows, P_MAP);
    say(`sluice / p-map: ${against(ratio, '>=', 2)}`);
  },
};

const of = (rows: Parameters<typeof row>[0], name: string): number =>
  row(rows, name).figures['perCpuS'] ?? Number.NaN;

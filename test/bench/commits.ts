import type { Bench, Variant } from './support.ts';
import { against, figure } from './table.ts';

export const commitsBench: Bench = {
  name: 'commits',
  about: 'durable chunk commits through the local store, by how many wait (wanted: >= 2,000 per s)',
  async run({ options, scratch, size, measure, table, say }) {
    const items = size(options.items, 20_000, 500);
    const variants = [1, 8, 32, 128].map(
      (inFlight): Variant => ({
        name: `${inFlight} in flight`,
        n: items,
        task: 'commits',
        spec: { root: scratch.root, items, inFlight },
        fresh: () => {
          const { home, done } = scratch.newHome();
          return { spec: { home }, done };
        },
      }),
    );
    const rows = await measure(variants);
    table(rows, [figure('commits per s', 'perS'), figure('claims per s', 'claimsPerS')]);
    for (const { name, figures } of rows) {
      if (!name.startsWith('1 ')) say(`${name}: ${against(figures['perS'] ?? 0, '>=', 2000, 0)}`);
    }
  },
};

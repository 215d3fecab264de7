import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, batchVariant } from './support.ts';
import { against, count, figure, perWallSecond, row } from './table.ts';

/** Every row is its own group, or all are one: each checks what it has seen. */
const jobOf = (
  key: string,
): string => `import { defineJob, each, groupBy, ndjson, ok } from 'sluice';
export default defineJob(
  { name: 'groups', cpu: true, input: ndjson() },
  each({ name: 'read', process: (row) => ok(row) }),
  groupBy({
    name: 'count',
    key: (row) => ${key},
    async process({ size, rows }) {
      let seen = 0;
      for await (const { pad } of rows) if (pad.startsWith('xxx')) seen += 1;
      if (seen !== size) throw new Error(seen + ' of ' + size);
      return ok(size);
    },
  }),
);
`;

const MOST_MB = 350;

export const groupsBench: Bench = {
  name: 'groups',
  about: `groupBy: as many groups as rows, and one group of all rows (wanted: both end, below ${MOST_MB} MB)`,
  async run({ options, scratch, size, measure, table, say }) {
    const items = size(options.items, 1_000_000, 20_000);
    const input = await scratch.lines(items);
    const kinds = [
      { kind: 'distinct', key: "'k' + row.id", groups: items },
      { kind: 'one', key: "'one'", groups: 1 },
    ];
    const variants = [];
    for (const { kind, key, groups } of kinds) {
      const job = join(scratch.folder, `groups-${kind}.mjs`);
      await writeFile(job, jobOf(key));
      for (const parallel of ['off', 'on'] as const) {
        const spec = { job, input, parallel, items: items + groups };
        const name = `${kind}, ${count(groups)} of ${count(items)} rows, parallel ${parallel}`;
        variants.push(batchVariant(scratch, { name, spec }));
      }
    }
    const rows = await measure(variants);
    table(rows, [perWallSecond, figure('work s', 'workS', 2), figure('failed', 'failed')]);
    const highest = Math.max(...variants.map(({ name }) => row(rows, name).rssMb));
    say(`highest peak in MB: ${against(highest, '<', MOST_MB, 0)}`);
  },
};

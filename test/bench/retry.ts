import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from './support.ts';
import { against, figure, row } from './table.ts';

/** One item of so many fails: 5,000 of 525,000. */
const ONE_OF = 105;

const JOB = `import { defineJob, ndjson, ok, PermanentError } from 'sluice';
export default defineJob({ name: 'failing', input: ndjson(), process(row) {
  if (row.id % ${ONE_OF} === 0) throw new PermanentError('it fails', { code: 'NO' });
  return ok(null);
} });
`;

export const retryBench: Bench = {
  name: 'retry',
  about: 'what failed of a large batch, as its next round (wanted: it begins in < 1 s)',
  async run({ options, scratch, size, measure, table, say }) {
    const items = size(options.items, 525_000, 5_250);
    const { home, done } = scratch.newHome();
    const job = join(scratch.folder, 'failing.mjs');
    await writeFile(job, JOB);
    const spec = { root: scratch.root, home, job, input: await scratch.lines(items), items };
    try {
      await measure([{ name: 'round 0', n: items, task: 'failing', spec }], 1);
      const rows = await measure([{ name: 'retry', n: items / ONE_OF, task: 'retry', spec }]);
      table(rows, [
        figure('items', 'items'),
        figure('begin ms', 'beginMs'),
        figure('first commit ms', 'firstMs'),
        figure('read KB', 'readKb'),
        figure('all s', 'allS', 2),
      ]);
      const begin = row(rows, 'retry').figures['beginMs'] ?? Number.NaN;
      say(`process start to the begin of the round, ms: ${against(begin, '<', 1000, 0)}`);
    } finally {
      done();
    }
  },
};

import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPostgres } from '../support/postgres.ts';
import type { Bench, Context, Variant } from './support.ts';
import { against, figure, perWallSecond, row } from './table.ts';

export const sinksBench: Bench = {
  name: 'sinks',
  about:
    'rows of 100 B to a database, durable (wanted: SQLite / bare loop >= 0.7, PostgreSQL >= 20,000/s)',
  async run(context) {
    await sqlite(context);
    await postgres(context);
  },
};

const GROUPS = [100, 200, 1000];

async function sqlite({ options, scratch, size, measure, table, say }: Context): Promise<void> {
  const items = size(options.items, 500_000, 5000);
  const input = await scratch.lines(items);
  const inHome = (spec: Record<string, unknown>, task: string, name: string): Variant => ({
    name,
    n: items,
    task,
    spec: { root: scratch.root, input, items, ...spec },
    fresh: () => {
      const { home, done } = scratch.newHome();
      mkdirSync(home);
      const db = join(home, 'rows.db');
      return { spec: { home, db, options: { url: `sqlite:${db}` } }, done };
    },
  });
  const variants: Variant[] = [];
  for (const group of GROUPS) {
    variants.push(inHome({ group }, 'bare-sqlite', `bare loop, groups of ${group}`));
    for (const parallel of ['off', 'on']) {
      const job = await sinkJob(scratch.folder, group);
      variants.push(
        inHome({ job, parallel }, 'batch', `sink, groups of ${group}, threads ${parallel}`),
      );
    }
  }
  const rows = await measure(variants);
  table(rows, [perWallSecond, figure('work s', 'workS', 2), figure('failed', 'failed')]);
  for (const group of GROUPS) {
    const bare = row(rows, `bare loop, groups of ${group}`);
    for (const parallel of ['off', 'on']) {
      const own = row(rows, `sink, groups of ${group}, threads ${parallel}`);
      const ratio = bare.wallS / own.wallS;
      say(`groups of ${group}, threads ${parallel}: ${against(ratio, '>=', 0.7)} of the bare loop`);
    }
  }
}

async function postgres({ options, scratch, size, measure, table, say }: Context): Promise<void> {
  const items = size(options.items, 200_000, 2000);
  const input = await scratch.lines(items);
  const db = await openPostgres();
  try {
    const kind =
      db.kind === 'server'
        ? 'a server'
        : 'PGlite, one query at a time (SLUICE_POSTGRES_URL is not set)';
    say(`PostgreSQL: ${kind}`);
    const variants = await Promise.all(
      GROUPS.map(
        async (group): Promise<Variant> => ({
          name: `sink, groups of ${group}`,
          n: items,
          task: 'batch',
          spec: {
            root: scratch.root,
            job: await sinkJob(scratch.folder, group),
            input,
            items,
            parallel: 'off',
            options: { url: db.url },
          },
          fresh: () => {
            const { home, done } = scratch.newHome();
            return { spec: { home }, done };
          },
        }),
      ),
    );
    await db.query('DROP TABLE IF EXISTS rows');
    const rows = await measure(variants);
    table(rows, [perWallSecond, figure('work s', 'workS', 2), figure('failed', 'failed')]);
    if (db.kind === 'server') {
      for (const { name, n, wallS } of rows) say(`${name}: ${against(n / wallS, '>=', 20_000, 0)}`);
    }
    await db.query('DROP TABLE rows');
  } finally {
    await db.stop();
  }
}

async function sinkJob(folder: string, group: number): Promise<string> {
  const file = join(folder, `sink-${group}.mjs`);
  await writeFile(
    file,
    `import { defineJob, ndjson, ok } from 'sluice';
import { tableSink } from 'sluice/sinks';
import * as z from 'zod';
export default defineJob({
  name: 'sink',
  cpu: true,
  input: ndjson(),
  options: z.object({ url: z.string() }),
  limits: { concurrency: 4 },
  steps: [
    tableSink({
      url: (ctx) => ctx.options.url,
      table: 'rows',
      columns: { id: 'integer', pad: 'text' },
      group: ${group},
    }),
    () => ok(null),
  ],
});
`,
  );
  return file;
}

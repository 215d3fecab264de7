import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bundleJobBytes } from '../../../lib/app/job-bundle.ts';
import { newWorld } from '../../support/world.ts';

/** Words of the table's SQL and of PostgreSQL's client. */
const TABLE = 'ON CONFLICT (';
const CLIENT = 'SASL';

const textOf = async (source: string): Promise<string> =>
  Buffer.from(await bundleJobBytes(newWorld().write('mine.ts', source))).toString();

it('a job file carries a database client only when it names a table', async () => {
  const without = await textOf(
    `import { recipesJob } from 'sluice/jobs/recipes'; export default recipesJob({ name: 'mine' });`,
  );
  expect([TABLE, CLIENT].filter((word) => without.includes(word))).toEqual([]);
  // The parser, its entities, the schema and the job: what a function loads at its start.
  expect(without.length).toBeLessThan(200_000);
  const given = await textOf(
    `import { recipesJob, recipeTable } from 'sluice/jobs/recipes';
     import { uniqueTable } from 'sluice/sinks';
     export default recipesJob({ table: uniqueTable({ ...recipeTable, url: (ctx) => ctx.secret('DB') }), secrets: ['DB'] });`,
  );
  expect([TABLE, CLIENT].filter((word) => given.includes(word))).toEqual([TABLE, CLIENT]);
});

it('the built-in one has it, since its table is an option', () => {
  const file = fileURLToPath(new URL('../../../dist/built-in/recipes.mjs', import.meta.url));
  expect(readFileSync(file, 'utf8')).toContain(TABLE);
});

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bundleJobBytes } from '../../../lib/app/job-bundle.ts';
import { newWorld } from '../../support/world.ts';

/** Words of the sinks' SQL and of PostgreSQL's client. */
const SINK = 'ON CONFLICT (';
const CLIENT = 'SASL';

const textOf = async (imports: string, sink: string): Promise<string> => {
  const world = newWorld();
  const file = world.write(
    'mine.ts',
    `import { assessmentJob${imports}
     export default assessmentJob({ framework: { competencies: ['add'] }${sink} });`,
  );
  return Buffer.from(await bundleJobBytes(file)).toString();
};

it('a job file carries a database client only when it names a sink', async () => {
  const without = await textOf(` } from 'sluice/jobs/assessment';`, '');
  expect([SINK, CLIENT].filter((word) => without.includes(word))).toEqual([]);
  const sunk = await textOf(
    `, assessmentTable } from 'sluice/jobs/assessment';
     import { tableSink } from 'sluice/sinks';`,
    `, sink: tableSink({ ...assessmentTable, url: (ctx) => ctx.secret('DB') }), secrets: ['DB']`,
  );
  expect([SINK, CLIENT].filter((word) => sunk.includes(word))).toEqual([SINK, CLIENT]);
});

it('the built-in one has it, since its sink is an option', () => {
  const file = fileURLToPath(new URL('../../../dist/built-in/assessment.mjs', import.meta.url));
  expect(readFileSync(file, 'utf8')).toContain(SINK);
});

import { expect, it } from 'vitest';
import { bundleJobBytes } from '../../../lib/app/job-bundle.ts';
import { newWorld } from '../../support/world.ts';

/** Words of the sinks' SQL and of PostgreSQL's client. */
const [SINK, CLIENT] = ['ON CONFLICT (batch, item)', 'SASL'];

it('a job file carries a database client only when it names a sink', async () => {
  const wordsOf = async (lines: string): Promise<string[]> => {
    const file = newWorld().write('mine.ts', lines);
    const text = Buffer.from(await bundleJobBytes(file)).toString();
    return [SINK, CLIENT].filter((word) => text.includes(word));
  };
  const without = `import { companiesJob } from 'sluice/jobs/companies';
    export default companiesJob({ base: 'https://sirene.example.org' });`;
  const sunk = `import { companiesJob, companyTable } from 'sluice/jobs/companies';
    import { tableSink } from 'sluice/sinks';
    export default companiesJob({
      sink: tableSink({ ...companyTable, url: (ctx) => ctx.secret('DB') }), secrets: ['DB'],
    });`;
  expect(await wordsOf(without)).toEqual([]);
  expect(await wordsOf(sunk)).toEqual([SINK, CLIENT]);
});

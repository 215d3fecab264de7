import { describe, expect, it } from 'vitest';
import type { Job } from '../../lib/core/job.ts';
import type { Result } from '../../lib/core/outcome.ts';
import type { EachStep } from '../../lib/core/step.ts';
import { defineJob, each, groupBy, ndjson, ok } from '../../lib/index.ts';
import { memoryWorld } from '../support/memory-engine.ts';

interface Row {
  n: number;
}
type Give = (value: Row) => Result<Row>;

const rows = Array.from({ length: 23 }, (_, n) => ({ n, text: 'é"\n漢' }));
const asText: Give = (value) => ok.json(JSON.stringify(value));

/** Values that go from step to step, to a groupBy, and to a stage behind that. */
const jobOf = (give: Give): Job =>
  defineJob(
    { name: 'texts', input: ndjson() },
    each({
      name: 'steps',
      steps: [
        give as never,
        ((row: Row) => give({ ...row, n: row.n % 5 })) as EachStep<unknown, Row>,
      ],
    }),
    groupBy({
      name: 'groups',
      key: ({ n }: Row) => `k${n}`,
      process: async ({ rows: own }) => {
        for await (const row of own) return give(row);
        return ok(null);
      },
    }),
    each({ name: 'last', process: (row) => give(row as Row) }),
  ) as Job;

async function run(job: Job) {
  const world = memoryWorld(job, { rows, limits: { chunk: 4, workers: 2 } });
  await world.start();
  await world.run();
  return { digest: await world.outcomes(), report: await world.report() };
}

describe('ok.json', () => {
  it('gives the outcomes of the value that its text is', async () => {
    const plain = await run(jobOf(ok));
    const texts = await run(jobOf(asText));
    expect(texts.report.stages?.map(({ total }) => total)).toEqual([23, 5, 5]);
    expect(texts.digest).toBe(plain.digest);
  });

  it.each(['{', '1\n', '1 2', '', 7])(
    'fails the item of a text that is no line of JSON: %j',
    async (bad) => {
      const broken = (() => ok.json(bad as string)) as never;
      const fine = (() => ok(1)) as never;
      const grouped = groupBy({ name: 'groups', key: () => 'k', process: () => ok(1) });
      const jobs = [
        defineJob({ name: 'last', input: ndjson(), process: broken }),
        defineJob({ name: 'before', input: ndjson(), steps: [broken, fine] }),
        defineJob(
          { name: 'grouped', input: ndjson() },
          each({ name: 'one', process: broken }),
          grouped,
        ),
      ];
      for (const job of jobs as Job[]) {
        const { report } = await run(job);
        const { failures, details } = { details: [], ...report };
        expect([job.name, (report.stages?.[0] ?? report).failed]).toEqual([job.name, 23]);
        expect(JSON.stringify([failures, details])).toContain(
          'ok.json(text) takes one line of JSON, as JSON.stringify gives it',
        );
      }
    },
  );
});

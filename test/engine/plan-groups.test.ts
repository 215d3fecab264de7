import { expect, it } from 'vitest';
import { PermanentError } from '../../lib/core/errors.ts';
import { items } from '../../lib/engine/items.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { defineJob, each, groupBy, type Job, ndjson, ok } from '../../lib/index.ts';
import { memoryWorld } from '../support/memory-engine.ts';

interface Row {
  n: number;
}

it('a retry of a batch that was cancelled groups what ran before the cancel, and what is well now', async () => {
  let round = 0;
  let look: (n: number) => Promise<void> = async () => undefined;
  const job = defineJob(
    { name: 'cancelled', input: ndjson() },
    each({
      name: 'give',
      retry: { tries: 1 },
      async process(row) {
        const { n } = row as Row;
        await look(n);
        if (n === 1 && round === 0) throw new PermanentError('no', { code: 'NO' });
        return ok({ n });
      },
    }),
    groupBy({
      name: 'gather',
      key: ({ n }: Row) => (n % 2 === 0 ? 'even' : 'odd'),
      async process({ key, rows }) {
        const all: number[] = [];
        for await (const { n } of rows) all.push(n);
        return ok({ key, all });
      },
    }),
  ) as unknown as Job;
  const rows = Array.from({ length: 40 }, (_, n) => ({ n }));
  const world = memoryWorld(job, { rows, limits: { chunk: 2, workers: 1, concurrency: 1 } });
  look = async (n) => {
    if (n === 6) await stopBatch(world.engine, world.id, { stop: 'cancel', reason: 'asked to' });
  };
  await world.start();
  await world.run();
  const before = await world.batch();
  expect(before.status).toBe('cancelled');
  const ran: number[] = [];
  for await (const { outcome } of items(world.engine, before, { status: 'ok' }))
    ran.push(outcome.index);
  expect(ran).toContain(0);
  expect(ran.length).toBeLessThan(20);

  ({ round } = await world.retry());
  await world.run();
  const groups: Record<string, number[]> = {};
  for await (const { outcome, facts } of items(world.engine, await world.batch(), {})) {
    if (facts.stage !== 1 || !('value' in outcome)) continue;
    const { key, all } = outcome.value as { key: string; all: number[] };
    groups[key] = all;
  }
  const now = [...ran, 1].sort((a, b) => a - b);
  expect(groups).toEqual({
    even: now.filter((n) => n % 2 === 0),
    odd: now.filter((n) => n % 2 === 1),
  });
});

import { describe, expect, it } from 'vitest';
import { PermanentError, StalledError } from '../../lib/core/errors.ts';
import { type ItemFilter, items } from '../../lib/engine/items.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { defineJob, each, groupBy, type Job, ndjson, ok, skip } from '../../lib/index.ts';
import { memoryWorld, type WorldOptions } from '../support/memory-engine.ts';

interface Row {
  n: number;
  fate?: string;
}

let round = 0;
let look: (() => Promise<void>) | undefined;

const job = defineJob<Row, unknown>({
  name: 'looked-at',
  input: ndjson() as never,
  key: ({ n }) => `k${n % 30}`,
  retry: { tries: 1 },
  process({ n, fate }) {
    if (fate === 'skip') return skip('not wanted');
    if (fate === 'stall') throw new StalledError('silent');
    if (fate !== undefined) throw new PermanentError('no', { code: fate });
    return ok(n);
  },
}) as Job;

const grouped = defineJob(
  { name: 'grouped', input: ndjson(), retry: { tries: 1 } },
  each({ name: 'give', process: (row) => ok(row as Row) }),
  groupBy({
    name: 'gather',
    key: ({ n }: Row) => `g${n % 3}`,
    retry: { tries: 1 },
    async process({ key }) {
      await look?.();
      // Group g0 is never well, g1 in no round but the second.
      if (key === 'g0' || (key === 'g1' && round === 0))
        throw new PermanentError('no', { code: 'NO' });
      return ok(`${key} in ${round}`);
    },
  }),
) as unknown as Job;

async function ended(of: Job, options: WorldOptions) {
  round = 0;
  const world = memoryWorld(of, options);
  await world.start();
  await world.run();
  return world;
}
type World = Awaited<ReturnType<typeof ended>>;

async function found({ engine, batch }: World, filter: ItemFilter = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const { outcome, facts } of items(engine, await batch(), filter)) {
    const value = 'value' in outcome ? `${JSON.stringify(outcome.value)}` : outcome.status;
    all.push(
      `${facts.stage ?? 0}/${outcome.index} ${value}${facts.round ? ` r${facts.round}` : ''}`,
    );
  }
  return all;
}

async function retry(world: World): Promise<void> {
  ({ round } = await world.retry());
  await world.run();
}

describe('items of a batch', () => {
  const FATES: Record<number, string> = {
    3: 'skip',
    12: 'A',
    19: 'A',
    20: 'B',
    44: 'stall',
    59: 'B',
  };
  const rows: Row[] = Array.from({ length: 60 }, (_, n) => {
    const fate = FATES[n];
    return fate === undefined ? { n } : { n, fate };
  });
  const having = (...fates: string[]) =>
    rows.flatMap(({ n, fate }) => (fate !== undefined && fates.includes(fate) ? [n] : []));

  it('are those that a status, a code, a key, an index ask for, and all of these at once', async () => {
    const world = await ended(job, { rows, limits: { chunk: 10 } });
    const at = async (filter: ItemFilter) =>
      (await found(world, filter)).map((one) => Number(one.split(/[/ ]/)[1]));
    expect(await at({})).toEqual(rows.map(({ n }) => n));
    expect(await at({ status: 'failed' })).toEqual(having('A', 'B'));
    expect(await at({ status: 'skipped' })).toEqual([3]);
    expect(await at({ status: 'stalled' })).toEqual([44]);
    expect(await at({ status: 'notRun' })).toEqual([]);
    expect(await at({ code: 'A' })).toEqual(having('A'));
    expect(await at({ code: 'STALLED' })).toEqual([44]);
    expect(await at({ code: 'C' })).toEqual([]);
    expect(await at({ key: 'k12' })).toEqual([12, 42]);
    expect(await at({ status: 'failed', key: 'k12' })).toEqual([12]);
    expect(await at({ status: 'ok', code: 'A' })).toEqual([]);
    // Each first and last of a chunk, and none beyond the end.
    for (const index of [0, 9, 10, 19, 50, 59]) expect(await at({ index })).toEqual([index]);
    expect(await at({ index: 60 })).toEqual([]);
    expect(await at({ index: 19, code: 'B' })).toEqual([]);
  });

  it('have their own code, also where a part has more codes than its trailer tells apart', async () => {
    const many = Array.from({ length: 120 }, (_, n) => ({ n, fate: `C${n}` }));
    const world = await ended(job, { rows: many, limits: { chunk: 120 } });
    for (const n of [0, 119])
      expect(await found(world, { code: `C${n}` })).toEqual([`0/${n} failed`]);
  });
});

describe('items behind a groupBy', () => {
  it('are those of the newest round that came to its end; one that was cancelled leaves them', async () => {
    const rows = Array.from({ length: 9 }, (_, n) => ({ n }));
    const world = await ended(grouped, { rows, limits: { chunk: 3 } });
    const groups = async () => (await found(world)).filter((one) => one.startsWith('1/')).sort();
    const inRound = await groups();
    expect(inRound.filter((one) => one.endsWith('"g2 in 0"'))).toHaveLength(1);
    expect(inRound.filter((one) => one.endsWith('failed'))).toHaveLength(2);
    await retry(world);
    const second = await groups();
    expect(second.map((one) => one.slice(4)).sort()).toEqual([
      '"g1 in 1" r1',
      '"g2 in 1" r1',
      'failed r1',
    ]);
    let asked = false;
    look = async () => {
      if (asked) return;
      asked = true;
      await stopBatch(world.engine, world.id, { stop: 'cancel', reason: 'asked to' });
    };
    await retry(world);
    look = undefined;
    expect(await world.batch()).toMatchObject({ round: 2, status: 'cancelled' });
    expect(await groups()).toEqual(second);
  });
});

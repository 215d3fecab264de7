import { PermanentError, RetryableError } from '../../lib/core/errors.ts';
import type { Job } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import { type EachStep, inBatches } from '../../lib/core/step.ts';
import type { SimPorts } from './engine-of.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** Rows go through groups of `size`; with `behind` a step of single rows follows. */
export interface SimGroups {
  size: number;
  behind: boolean;
}

/** From a source of its own: worlds without them stay what they were. */
export function drawGroups(seed: number): SimGroups | undefined {
  const random = seededRandom(`sluice sim groups ${seed}`);
  if (random() >= 0.2) return undefined;
  return { size: 1 + Math.floor(random() * 6), behind: random() < 0.3 };
}

/** What the store behind the groups of a world has taken, as `round/index`. */
const stores = new WeakMap<World, Set<string>>();
const storeOf = (world: World): Set<string> => {
  const there = stores.get(world) ?? new Set();
  stores.set(world, there);
  return there;
};

interface Value {
  id: number;
}

interface GroupPorts {
  world: World;
  process: SimProcess;
  round: number;
  /** Whether the group refuses the row. */
  isBad(index: number): boolean;
}

/** The job's own function, and the groups behind it. */
export function withGroups(
  first: EachStep,
  { world, process, round, isBad }: GroupPorts,
): Pick<Job, 'process' | 'steps'> {
  const { groups } = world.config;
  if (groups === undefined) return { process: first };
  const group = inBatches<Value, Value>(groups.size, async (rows, context) => {
    const ids = rows.map(({ id }) => id);
    world.hit('groupCall');
    world.trace(process.id, `group of ${ids} (try ${context.attempt})`);
    await process.clock.sleep(world.between(1, Math.min(500, world.config.itemMs)));
    if (context.attempt === 1 && world.random() < 0.1) throw new RetryableError('busy');
    const bad = ids.filter(isBad);
    // Some stores say which row they refuse, others refuse the call: by the row, so that it is the same each time.
    const whole = bad.some((id) => id % 2 > 0);
    if (whole && rows.length > 1) throw new PermanentError('a row is bad');
    const good = rows.filter(({ id }) => !bad.includes(id));
    if (!process.dead) for (const { id } of good) storeOf(world).add(`${round}/${id}`);
    return rows.map((row) =>
      bad.includes(row.id) ? new PermanentError(`no ${row.id}`, { code: 'NO' }) : ok(row),
    );
  });
  const behind: EachStep = async (row) => {
    await process.clock.sleep(world.between(1, 100));
    return ok(row);
  };
  return { steps: [first, group, ...(groups.behind ? [behind] : [])] as NonNullable<Job['steps']> };
}

/** Sink, then part, then commit: what is recorded as ok was in a call that took it. */
export function checkGroups({ world, truth, invariants }: SimPorts): void {
  if (world.config.groups === undefined) return;
  const store = storeOf(world);
  const newest = (truth.batch()?.['round'] ?? 0) as number;
  for (let round = 0; round <= newest; round += 1) {
    for (const line of invariants.rows(round).split('\n')) {
      if (line === '') continue;
      const { index, status } = JSON.parse(line) as { index: number; status: string };
      if (status !== 'ok' || store.has(`${round}/${index}`)) continue;
      world.violate(`item ${index} of round ${round} is ok, no group's call took it`);
    }
  }
}

import { seededRandom } from '../../lib/core/rng.ts';
import type { SimConfig } from './config.ts';
import type { Invariants } from './invariants.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** A slow remote, which knows work by its idempotency key: whatever happens, the same work is begun once. */
export interface SimRemote {
  submit(process: SimProcess, of: { index: number; round: number; key: string }): Promise<string>;
  check(
    process: SimProcess,
    of: { index: number; round: number; id: string },
  ): Promise<{ done: true } | { progress: number }>;
}

export function newRemote(world: World, invariants: Invariants): SimRemote {
  const begun = new Map<string, number>();
  const travel = (process: SimProcess): Promise<void> => process.clock.sleep(world.between(1, 400));
  return {
    async submit(process, { index, round, key }) {
      await travel(process);
      invariants.submits(process, { index, round });
      if (!begun.has(key)) begun.set(key, world.now());
      else world.hit('submittedAgain');
      world.trace(process.id, `submits item ${index}`);
      await travel(process);
      return `work of ${key}`;
    },
    async check(process, { index, round, id }) {
      await travel(process);
      invariants.asks(process, { index, round, id });
      world.hit('pollChecked');
      const key = id.slice('work of '.length);
      const age = world.now() - (begun.get(key) ?? Number.POSITIVE_INFINITY);
      const needs = 1_000 + ((index * 7_919) % (world.config.polls?.ms ?? 1));
      await travel(process);
      return age >= needs ? { done: true } : { progress: Math.floor(age / 10_000) };
    },
  };
}

/** Some of the items that end well wait for a remote first. */
export const waitsForRemote = ({ polls, killer }: SimConfig, index: number): boolean =>
  polls !== undefined && index % 3 === 0 && index !== killer;

/** From a source of its own: worlds without one stay what they were. */
export function drawPolls(seed: number): SimConfig['polls'] {
  const random = seededRandom(`sluice sim polls ${seed}`);
  return random() < 0.15 ? { ms: 1 + Math.floor(random() * 180_000) } : undefined;
}

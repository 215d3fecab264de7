import { startCloud } from './cloud.ts';
import { BOUND_MS, drawConfig, HEAL_MS, type SimConfig, type Tune } from './config.ts';
import { checkEnd } from './final-checks.ts';
import { checkGroups } from './groups.ts';
import { newInvariants } from './invariants.ts';
import { startLocal } from './local.ts';
import { checkOpenFailures } from './open-failures.ts';
import { newRemote } from './remote.ts';
import { newTruth } from './truth.ts';
import { newWorld, type WorldOptions } from './world.ts';

export interface SeedResult {
  seed: number;
  config: SimConfig;
  violations: string[];
  hits: Record<string, number>;
  events: number;
  /** SHA-256 of the trace. */
  hash: string;
  /** Virtual ms until the batch had ended. */
  endedMs: number | undefined;
}

/** After the end the world goes on: zombies wake after ten minutes and must change nothing. */
const AFTERMATH_MS = 900_000;

/** Plays one seed to its end and checks everything. */
export async function runSeed(
  seed: number,
  tune: Tune = {},
  options: WorldOptions = {},
): Promise<SeedResult> {
  const config = drawConfig(seed, tune);
  const world = newWorld(config, options);
  const truth = newTruth();
  const invariants = newInvariants(world, truth);
  const remote = newRemote(world, invariants);
  const ports = { world, truth, invariants, remote };
  truth.retryDue = config.retry !== undefined;
  if (config.shape === 'cloud') startCloud(ports);
  else startLocal(ports);
  const over = (): boolean => {
    const endedAt = invariants.endedAt();
    const until = endedAt === undefined ? HEAL_MS + BOUND_MS : endedAt + AFTERMATH_MS;
    return world.now() > until;
  };
  await world.run(over);
  if (world.violations.length === 0) checkEnd(ports);
  if (world.violations.length === 0) checkGroups(ports);
  if (world.violations.length === 0) await checkOpenFailures(ports);
  return {
    seed,
    config,
    violations: world.violations,
    hits: world.hits,
    events: world.events,
    hash: world.hash(),
    endedMs: invariants.endedAt(),
  };
}

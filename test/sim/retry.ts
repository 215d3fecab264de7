import type { RetryFilter } from '../../lib/core/retry.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import { hasEnded } from '../../lib/core/transitions.ts';
import { type Batch, readBatch } from '../../lib/engine/batch.ts';
import type { Engine } from '../../lib/engine/engine.ts';
import { planRetry, type RetryPlan } from '../../lib/engine/plan-retry.ts';
import { startNextRound } from '../../lib/engine/start-round.ts';
import type { SimPorts } from './engine-of.ts';
import { BATCH } from './truth.ts';
import type { World } from './world.ts';

/** What failed is retried, as round 1, and in some worlds once more. */
export interface Retry {
  rounds: number;
  /** Ms after the end of round 0: zombies of it wake within ten minutes. */
  afterMs: number;
  filter: RetryFilter;
  /** Somebody else asks for another choice a little later. */
  rival: boolean;
  /** Round 1 is cancelled so long after it began. */
  cancelAfterMs: number | undefined;
}

/** From a source of its own: worlds without one stay what they were. */
export function drawRetry(seed: number): Retry | undefined {
  const random = seededRandom(`sluice sim retry ${seed}`);
  if (random() >= 0.3) return undefined;
  const afterMs = Math.floor(random() * (random() < 0.5 ? 5_000 : 600_000));
  const stalled = random() < 0.5;
  const first = random() < 0.2 ? 1 + Math.floor(random() * 5) : undefined;
  const drawn = {
    afterMs,
    filter: { ...(stalled ? { stalled } : {}), ...(first === undefined ? {} : { first }) },
    rival: random() < 0.3,
    cancelAfterMs: random() < 0.15 ? Math.floor(random() * 15_000) : undefined,
  };
  return { ...drawn, rounds: random() < 0.3 ? 2 : 1 };
}

/** As `sluice retry`: returns whether there is nothing more to ask for. */
export async function retryOnce(
  world: World,
  engine: Engine,
  filter: RetryFilter,
): Promise<'begun' | 'nothing to retry'> {
  const { rounds = 0 } = world.config.retry ?? {};
  const batch = await readBatch(engine.store, BATCH);
  if (batch === undefined || batch.round >= rounds || !hasEnded(batch.status)) return 'begun';
  const plan = await planned(engine, batch, filter);
  if (plan.eligible === 0) return 'nothing to retry';
  world.hit('retry');
  try {
    await startNextRound(engine, batch, { plan, digest: engine.jobDigest });
  } catch (error) {
    // The rival was first.
    if ((error as { code?: string }).code !== 'STATE') throw error;
  }
  return 'begun';
}

/** Where groups have stalled a retry wants to be told that they may run again. */
async function planned(engine: Engine, batch: Batch, filter: RetryFilter): Promise<RetryPlan> {
  try {
    return await planRetry(engine, batch, filter);
  } catch (error) {
    if (filter.stalled === true || !(error as Error).message.includes('stalled')) throw error;
    return planRetry(engine, batch, { ...filter, stalled: true });
  }
}

/** How long a person waits before asking again for what did not work. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 1_000;

/** Calls `ask` some time after the end of each round that is to be retried, again until there is nothing to ask for, and `begun` once round 1 is there. */
export function whenRetried(
  { world, truth }: SimPorts,
  { ask, begun }: { ask(): void; begun(): void },
): void {
  const { afterMs = 0, rounds = 0 } = world.config.retry ?? {};
  const asking = (round: number, waited: number): void => {
    if (truth.batch()?.['round'] === round) {
      if (round === 1) begun();
      if (round < rounds) world.at(LOOK_MS, () => look(round + 1));
      return;
    }
    if (!truth.retryDue) return;
    const again = waited % PATIENCE_MS === 0;
    if (again) ask();
    world.at(LOOK_MS, () => asking(round, waited + LOOK_MS));
  };
  const look = (round: number): void => {
    if (hasEnded(truth.batch()?.['status'])) world.at(afterMs, () => asking(round, 0));
    else world.at(LOOK_MS, () => look(round));
  };
  world.at(LOOK_MS, () => look(1));
}

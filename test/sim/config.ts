import { seededRandom } from '../../lib/core/rng.ts';
import { drawGroupAt } from './group-stage.ts';
import { drawGroups, type SimGroups } from './groups.ts';
import { drawPolls } from './remote.ts';
import { drawRetry, type Retry } from './retry.ts';
import { drawUpgrade, type Upgrade } from './upgrade.ts';

/** What may go wrong, by name; the value in a world's `rates` is the chance at each opportunity. */
export const FAULT_KINDS = [
  // every call of a port
  'crashBefore',
  'crashAfter',
  'requestLost',
  'ackLost',
  'lateRequest',
  'throttle',
  'slow',
  'stall',
  'storeError',
  // the queue
  'messageLost',
  'messageDuplicated',
  'messageDelayed',
  'sendHalfFailed',
  'receiveBurnt',
  'deleteLost',
  'deadLettered',
  // the platform
  'lambdaTimeout',
  'sigterm',
  'handBack',
  'deferral',
  'killerItem',
  'clockSkew',
  'triggerDuplicated',
  'triggerLost',
  'deploy',
  'newerMessage',
  'olderMessage',
  'newerRecord',
  'inputChanged',
  // people
  'pause',
  'resume',
  'cancel',
  'threshold',
  'retry',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type Shape = 'cloud' | 'local';

/** Everything that a seed decides before the first event. */
export interface SimConfig {
  seed: number;
  shape: Shape;
  /** Nobody dies, nothing is lost, and the sweeper is off: a missing wake-up is not hidden by the repair. */
  gentle: boolean;
  items: number;
  chunk: number;
  workers: number;
  prefetch: number;
  concurrency: number;
  /** Failed items that are tolerated; undefined = all. */
  tolerate: number | undefined;
  /** `process` answers differently at each call: counters and rows must still agree. */
  fickle: boolean;
  /** Index of an item that ends its process each time. */
  killer: number | undefined;
  /** Some items never answer and run into their time-out. */
  hangs: boolean;
  /** Longest that an ordinary item takes, ms. */
  itemMs: number;
  /** Chunks that planning finds before it waits, for a slow source; 0 = all at once. */
  planMs: number;
  /** When the input is replaced, ms from the start. */
  changedAt: number | undefined;
  /** When other code is deployed. */
  deployAt: number | undefined;
  /** When a newer Sluice is deployed. */
  upgrade: Upgrade | undefined;
  /** What failed is run again as round 1. */
  retry: Retry | undefined;
  /** Stages of the job, each behind the other. */
  stages: number;
  /** The stage whose items are groups. */
  groupAt: number | undefined;
  /** Items call a remote that allows this many calls in any window of so many ms. */
  quota: { calls: number; ms: number } | undefined;
  /** Some items wait for a remote, so long at most. */
  polls: { ms: number } | undefined;
  /** Rows go through groups. */
  groups: SimGroups | undefined;
  pauseAt: number | undefined;
  resumeAfter: number;
  cancelAt: number | undefined;
  /** Records of finished batches expire. */
  keepMs: number | undefined;
  /** Reserved concurrency, beside the event source's maximum. */
  reserve: boolean;
  triggers: number;
  /** Local: how many processes are started at once or a little later. */
  processes: number;
  rates: Partial<Record<FaultKind, number>>;
  /** The process that makes this call dies in it: an even number before its effect, an odd one after. */
  crashAt?: number;
}

/** Faults stop here (virtual ms): from then on the batch must end within `BOUND_MS`. */
export const HEAL_MS = 3_600_000;
export const BOUND_MS = 6 * 3_600_000;

/** Chance of the kind in a seed, and its largest rate there: each seed has some kinds and not others. */
const MENU: readonly (readonly [FaultKind, number, number])[] = [
  ['crashBefore', 0.5, 0.02],
  ['crashAfter', 0.5, 0.02],
  ['requestLost', 0.5, 0.06],
  ['ackLost', 0.5, 0.08],
  ['lateRequest', 0.25, 0.03],
  ['throttle', 0.5, 0.12],
  ['slow', 0.3, 0.05],
  ['stall', 0.5, 0.015],
  ['storeError', 0.2, 0.01],
  ['messageLost', 0.4, 0.2],
  ['messageDuplicated', 0.6, 0.4],
  ['messageDelayed', 0.4, 0.3],
  ['sendHalfFailed', 0.4, 0.3],
  ['receiveBurnt', 0.4, 0.5],
  ['deleteLost', 0.4, 0.2],
  ['sigterm', 0.4, 0.1],
  ['deferral', 0.4, 0.5],
  ['triggerLost', 0.1, 1],
];

/** Kinds that a gentle seed may have, with a bound of their own. */
const GENTLE: Partial<Record<FaultKind, number>> = {
  ackLost: 0.05,
  messageDuplicated: 0.4,
  messageDelayed: 0.3,
  deleteLost: 0.1,
};

/** Draws the world of a seed; `tune` overrides what was drawn (a shrunk world, a directed test). */
export function drawConfig(seed: number, tune: Tune = {}): SimConfig {
  const random = seededRandom(`sluice sim ${seed}`);
  const upTo = (most: number): number => Math.floor(random() * most);
  const maybe = <T>(chance: number, value: T): T | undefined =>
    random() < chance ? value : undefined;
  const drawnShape: Shape = random() < 0.65 ? 'cloud' : 'local';
  const shape = tune.shape ?? drawnShape;
  const drawnGentle = random() < 0.2;
  const gentle = tune.gentle ?? drawnGentle;
  const rates: SimConfig['rates'] = {};
  for (const [kind, chance, most] of MENU) {
    // Locally every call of a long life may be its last: deaths as rare as this let it get somewhere.
    const rarer = shape === 'local' && kind.startsWith('crash') ? 0.3 : 1;
    const rate = random() < chance ? random() * most * rarer : 0;
    const bound = gentle ? (GENTLE[kind] ?? 0) : 1;
    if (Math.min(rate, bound) > 0) rates[kind] = Math.min(rate, bound);
  }
  const items = random() < 0.04 ? 0 : 1 + upTo(random() < 0.5 ? 24 : 60);
  const workers = random() < 0.35 ? 1 : 2 + upTo(3);
  const drawn: SimConfig = {
    seed,
    shape,
    gentle,
    items,
    chunk: 1 + upTo(7),
    workers,
    prefetch: upTo(4),
    concurrency: 1 + upTo(3),
    tolerate: maybe(0.15, upTo(5)),
    fickle: random() < 0.2,
    killer: gentle ? undefined : maybe(0.15, upTo(Math.max(1, items))),
    hangs: random() < 0.15,
    itemMs: random() < 0.25 ? 9_000 : 50 + upTo(1_500),
    planMs: random() < 0.3 ? 1 + upTo(20_000) : 0,
    changedAt: gentle ? undefined : maybe(0.06, upTo(120_000)),
    deployAt: gentle ? undefined : maybe(0.08, upTo(90_000)),
    upgrade: gentle || shape === 'local' ? undefined : drawUpgrade(seed),
    retry: drawRetry(seed),
    stages: drawStages(seed),
    groupAt: drawGroupAt(seed, tune.stages ?? drawStages(seed)),
    quota: drawQuota(seed),
    polls: drawPolls(seed),
    groups: drawGroups(seed),
    pauseAt: gentle ? undefined : maybe(0.2, upTo(90_000)),
    resumeAfter: 2_000 + upTo(random() < 0.5 ? 20_000 : 900_000),
    cancelAt: maybe(0.15, upTo(120_000)),
    keepMs: maybe(0.2, 86_400_000),
    reserve: random() < 0.5,
    triggers: random() < 0.4 ? 2 + upTo(2) : 1,
    processes: 1 + upTo(3),
    rates,
  };
  const tuned = { ...drawn, ...tune, rates: { ...drawn.rates, ...tune.rates } };
  // A process that stands still lets the item's own time-out pass, which would then be its outcome.
  if (tuned.hangs) delete tuned.rates.stall;
  // Nor must tries that wait for slots use up an item's short time-out.
  if (tuned.hangs) tuned.quota = undefined;
  if (tuned.stages > 1) {
    // Later stages answer by what the first one gave.
    tuned.quota = undefined;
    tuned.polls = undefined;
    tuned.groups = undefined;
    tuned.fickle = false;
    tuned.hangs = false;
  }
  // A group that is halved has a part of it; and groups take no slots before they are called.
  if (tuned.hangs || tuned.quota !== undefined) tuned.groups = undefined;
  return tuned;
}

/** From a source of its own: worlds of one stage stay what they were. */
function drawStages(seed: number): number {
  const random = seededRandom(`sluice sim stages ${seed}`);
  const draw = random();
  if (draw < 0.75) return 1;
  return draw < 0.88 ? 2 : 3;
}

/** From a source of its own: worlds without one stay what they were. */
function drawQuota(seed: number): SimConfig['quota'] {
  const random = seededRandom(`sluice sim quota ${seed}`);
  if (random() >= 0.12) return undefined;
  const calls = 1 + Math.floor(random() * 12);
  return { calls, ms: calls * (500 + Math.floor(random() * 3_000)) };
}

export type Tune = Partial<Omit<SimConfig, 'seed'>>;

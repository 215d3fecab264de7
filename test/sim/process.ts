import { sleepBy } from '../../lib/pool/sleep.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Host } from '../../lib/ports/host.ts';
import type { Shape } from './config.ts';
import type { SluiceVersion } from './upgrade.ts';
import { EPOCH_MS, type Owner, type World } from './world.ts';

/** One process, or one invocation of a function: what dies, stops, and wakes at once. */
export interface SimProcess extends Owner {
  /** Stalled for so long that the platform has given it up; it may wake and go on. */
  zombie: boolean;
  /** Its work is done: no fault reaches it any more. */
  ended: boolean;
  readonly clock: Clock;
  readonly host: Host;
  /** SHA-256 of the job file that it loaded. */
  digest: string;
  /** Of Sluice. */
  version: SluiceVersion;
  /** When the platform ends it, virtual ms. */
  endsAt: number;
  /** When a call last failed, had to be repeated or took long, virtual ms. */
  troubledAt: number;
  /** How often each function was invoked by the chain of messages that led here. */
  lineage: Readonly<Record<string, number>>;
  kill(why: string): void;
  /** Nothing of it runs for `ms`. */
  stop(ms: number): void;
  /** Called once, when it died or the platform gave it up. */
  onGone(call: () => void): void;
  /** One call of a port, with its request, its effect, its answer, and all that may go wrong between. */
  call<T>(label: string, effect: () => T): Promise<Answered<T>>;
}

export interface Answered<T> {
  value: T;
  /** An earlier try got no answer. */
  retried: boolean;
}

export interface ProcessOptions {
  id: string;
  /** The host's name: what a report shows. */
  hostId?: string;
  skewMs?: number;
  /** Ms until the platform ends it. */
  lifeMs?: number;
  digest: string;
  version?: SluiceVersion;
  lineage?: Readonly<Record<string, number>>;
  isDead?: (owner: string) => boolean;
}

/** Thrown when a call failed although it was tried three times. */
export class Transient extends Error {}

/** The longest stall after which a zombie goes on, as in PROTOCOL section 2. */
const ZOMBIE_MS = 600_000;
/** Standard retry mode of the AWS SDK: three attempts. */
const ATTEMPTS: Record<Shape, number> = { cloud: 3, local: 1 };
const NO_ANSWER_MS = 1_000;

export function newProcess(world: World, options: ProcessOptions): SimProcess {
  const { id, skewMs = 0, lifeMs = Number.POSITIVE_INFINITY, digest, lineage = {} } = options;
  const { version = 1 } = options;
  let owners = 0;
  let gone: (() => void) | undefined;
  const leave = (): void => {
    const call = gone;
    gone = undefined;
    call?.();
  };
  const process: SimProcess = {
    id,
    dead: false,
    zombie: false,
    ended: false,
    stoppedUntil: 0,
    digest,
    version,
    endsAt: world.now() + lifeMs,
    troubledAt: Number.NEGATIVE_INFINITY,
    lineage,
    clock: newClock(world, skewMs, () => process),
    host: {
      id: options.hostId ?? id,
      newOwner() {
        owners += 1;
        return `${id}/${owners}`;
      },
      isDead: options.isDead ?? (() => false),
      usage: () => ({ cpuMs: 0, rssBytes: 0 }),
      random: world.random,
    },
    kill(why) {
      if (process.dead) return;
      process.dead = true;
      world.trace(id, `dies: ${why}`);
      leave();
    },
    stop(ms) {
      process.stoppedUntil = Math.max(process.stoppedUntil, world.now() + ms);
      process.troubledAt = process.stoppedUntil;
      world.trace(id, `stops for ${ms} ms`);
      // One that hangs until the platform ends it never wakes.
      if (ms < GIVEN_UP_MS || process.stoppedUntil === process.endsAt) return;
      process.zombie = true;
      leave();
    },
    onGone(call) {
      gone = call;
    },
    call: (label, effect) => callPort(world, process, { label, effect }),
  };
  if (skewMs !== 0) world.hit('clockSkew');
  return process;
}

/** Shorter stops end before a lease of 30 s does: its holder is still the only one. */
const GIVEN_UP_MS = 25_000;

function newClock(world: World, skewMs: number, process: () => SimProcess): Clock {
  const after = (ms: number, call: () => void): (() => void) => {
    let cancelled = false;
    world.at(ms, () => !cancelled && call(), process());
    return () => {
      cancelled = true;
    };
  };
  return {
    now: () => EPOCH_MS + world.now() + skewMs,
    monotonic: () => world.now(),
    after,
    sleep: sleepBy(after),
    yield: () => new Promise((resolve) => after(0, resolve)),
  };
}

interface PortCall<T> {
  label: string;
  effect: () => T;
}

function callPort<T>(
  world: World,
  process: SimProcess,
  { label, effect }: PortCall<T>,
): Promise<Answered<T>> {
  const { shape, gentle } = world.config;
  return new Promise((resolve, reject) => {
    const again = (attempt: number, ms: number): void => {
      process.troubledAt = world.now() + ms;
      if (attempt < ATTEMPTS[shape]) {
        world.at(ms + 50 * 2 ** attempt, () => request(attempt + 1), process);
      } else world.at(ms, () => reject(new Transient(`${label} failed`)), process);
    };
    const land = (): T | undefined => {
      const value = effect();
      const who = process.zombie ? `${process.id}(z)` : process.id;
      // What was read shows in what is done next; writing it down each time cost a fifth of a seed.
      if (label.startsWith('change')) world.trace(who, `${label} ${brief(value)}`);
      else world.trace(who, label, () => brief(value));
      return value;
    };
    const request = (attempt: number): void => {
      // The last attempt of a gentle world always gets its answer.
      const safe = gentle && attempt === ATTEMPTS[shape];
      if (process.dead) return;
      if (world.strikes('stall')) process.stop(stallMs(world, process));
      if (world.crashesNow() || world.strikes('crashBefore')) {
        process.kill(`before ${label}`);
        return;
      }
      if (shape === 'local' && world.strikes('storeError')) {
        const failed = new Transient(`${label}: the disk refuses`);
        world.at(5, () => reject(failed), process);
        return;
      }
      if (shape === 'cloud' && !safe) {
        const lostMs = lostFor(world, land);
        if (lostMs !== undefined) {
          again(attempt, lostMs);
          return;
        }
      }
      const slowMs = world.strikes('slow') ? world.between(500, 5_000) : 0;
      if (slowMs > 0) process.troubledAt = world.now() + slowMs;
      world.at(world.between(1, 20) + slowMs, () => {
        const value = land() as T;
        if (world.crashesNow() || world.strikes('crashAfter')) {
          process.kill(`after ${label}`);
          return;
        }
        if (shape === 'cloud' && !safe && world.strikes('ackLost')) {
          again(attempt, NO_ANSWER_MS);
          return;
        }
        world.at(world.between(1, 20), () => resolve({ value, retried: attempt > 1 }), process);
      });
    };
    request(1);
  });
}

/** After how many ms the client tries again, because of what became of its request; undefined when it goes through. */
function lostFor(world: World, land: () => void): number | undefined {
  if (world.strikes('throttle')) return 10;
  if (world.strikes('requestLost')) return NO_ANSWER_MS;
  if (!world.strikes('lateRequest')) return undefined;
  world.at(world.between(1_500, 20_000), land);
  return NO_ANSWER_MS;
}

/** Up to ten minutes as a zombie, or until the platform ends the function. */
function stallMs(world: World, process: SimProcess): number {
  if (world.config.shape === 'local') {
    return world.random() < 0.5 ? world.between(1_000, 20_000) : world.between(40_000, ZOMBIE_MS);
  }
  // Half of them hang in item code: alive, and holding all they have, until their time is up.
  const left = process.endsAt - world.now();
  if (left > 0 && world.random() < 0.5) return left;
  return world.between(90_000, ZOMBIE_MS);
}

function brief(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? '';
  return text.length <= 160 ? text : `${text.slice(0, 160)}…`;
}

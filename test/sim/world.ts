import { createHash } from 'node:crypto';
import { seededRandom } from '../../lib/core/rng.ts';
import { type FaultKind, HEAL_MS, type SimConfig } from './config.ts';

/** 2023-11-14: not 0, since a record that was never leased has a lease of 0. */
export const EPOCH_MS = 1_700_000_000_000;

/** Whoever an event belongs to: the dead get no events, the stopped get them when they wake. */
export interface Owner {
  id: string;
  dead: boolean;
  stoppedUntil: number;
}

export interface World {
  readonly config: SimConfig;
  /** Virtual ms since the start. */
  now(): number;
  random(): number;
  /** A whole number in [from, to]. */
  between(from: number, to: number): number;
  /** Draws a fault of this kind, and counts it when it strikes; never after faults stopped. */
  strikes(kind: FaultKind): boolean;
  hit(kind: string): void;
  /** Numbers the moments at which the one planned crash may come; true at the one that was asked for. */
  crashesNow(): boolean;
  /** Calls after `ms`; events of one moment in the order they were asked for. */
  at(ms: number, call: () => void, owner?: Owner): void;
  /** A line of the trace; `detail` is only for whoever reads it, and no part of the hash. */
  trace(who: string, what: string, detail?: () => string): void;
  violate(what: string): void;
  /** Runs events until `over` says so or none is left. */
  run(over: () => boolean): Promise<void>;
  readonly violations: string[];
  readonly hits: Record<string, number>;
  readonly events: number;
  /** SHA-256 of every traced line. */
  hash(): string;
}

export interface WorldOptions {
  /** Told of each traced line, for a readable replay. */
  onLine?: ((line: string) => void) | undefined;
}

interface Event {
  at: number;
  order: number;
  call: () => void;
  owner: Owner | undefined;
}

const MAX_VIOLATIONS = 20;
/** A world that makes more events than this for each stage is in an endless loop: one of three stages made 439,829 and ended. */
const MAX_EVENTS = 400_000;
/** Events asked of the event loop at once: between two of them all microtasks run. */
const TURN = 64;

export function newWorld(config: SimConfig, { onLine }: WorldOptions = {}): World {
  const random = seededRandom(`sluice sim schedule ${config.seed}`);
  const mostEvents = MAX_EVENTS * config.stages;
  const heap = newHeap();
  const digest = createHash('sha256');
  let lines: string[] = [];
  let [time, order, events, moments] = [0, 0, 0, 0];
  const violations: string[] = [];
  const hits: Record<string, number> = {};
  const hit = (kind: string): void => {
    hits[kind] = (hits[kind] ?? 0) + 1;
  };
  const flush = (): void => {
    digest.update(lines.join('\n'));
    lines = [];
  };

  const world: World = {
    config,
    now: () => time,
    random,
    between: (from, to) => from + Math.floor(random() * (to - from + 1)),
    strikes(kind) {
      const rate = config.rates[kind] ?? 0;
      if (rate === 0 || time >= HEAL_MS || random() >= rate) return false;
      hit(kind);
      return true;
    },
    hit,
    crashesNow() {
      moments += 1;
      if (moments - 1 !== config.crashAt) return false;
      hit('plannedCrash');
      return true;
    },
    at(ms, call, owner) {
      order += 1;
      heap.push({ at: time + Math.max(0, ms), order, call, owner });
    },
    trace(who, what, detail) {
      const line = `${(time / 1000).toFixed(3)} ${who} ${what}`;
      lines.push(line);
      if (lines.length >= 256) flush();
      onLine?.(detail === undefined ? line : `${line} ${detail()}`);
    },
    violate(what) {
      world.trace('!!', what);
      if (violations.length < MAX_VIOLATIONS) violations.push(`at ${time / 1000} s: ${what}`);
    },
    run: (over) =>
      new Promise((resolve, reject) => {
        let ended = false;
        const step = (): void => {
          if (ended) return;
          const event = over() || violations.length > 0 ? undefined : heap.pop();
          if (event === undefined) {
            ended = true;
            resolve();
            return;
          }
          time = Math.max(time, event.at);
          const { owner } = event;
          if (owner?.dead) return;
          if (owner !== undefined && owner.stoppedUntil > time) {
            heap.push({ ...event, at: owner.stoppedUntil });
            return;
          }
          events += 1;
          if (events > mostEvents) world.violate(`more than ${mostEvents} events: an endless loop`);
          try {
            event.call();
          } catch (error) {
            ended = true;
            reject(error);
          }
        };
        const turn = (): void => {
          for (let n = 0; n < TURN; n += 1) setImmediate(step);
          setImmediate(() => {
            if (!ended) turn();
          });
        };
        turn();
      }),
    violations,
    hits,
    get events() {
      return events;
    },
    hash() {
      flush();
      return digest.copy().digest('hex');
    },
  };
  return world;
}

/** A binary heap by time, then by order. */
function newHeap(): { push(event: Event): void; pop(): Event | undefined } {
  const heap: Event[] = [];
  const before = (a: Event, b: Event): boolean =>
    a.at < b.at || (a.at === b.at && a.order < b.order);
  return {
    push(event) {
      let at = heap.push(event) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(event, heap[parent] as Event)) break;
        heap[at] = heap[parent] as Event;
        at = parent;
      }
      heap[at] = event;
    },
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return first;
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= heap.length) break;
        const right = heap[child + 1];
        if (right !== undefined && before(right, heap[child] as Event)) child += 1;
        if (!before(heap[child] as Event, last)) break;
        heap[at] = heap[child] as Event;
        at = child;
      }
      heap[at] = last;
      return first;
    },
  };
}

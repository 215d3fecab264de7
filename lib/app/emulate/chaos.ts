import { SluiceError } from '../../core/errors.ts';
import { seededRandom } from '../../core/rng.ts';

/** What may go wrong on purpose, and how often: shares from 0 to 1, but for `skew` and `seed`. */
export interface ChaosSpec {
  /** A message is delivered twice. */
  duplicate: number;
  /** An invocation from a queue is throttled although there is room. */
  throttle: number;
  /** An environment is killed at a random moment of an invocation. */
  kill: number;
  /** The event of an upload never comes. */
  lose: number;
  /** The event of an upload comes after later ones. */
  reorder: number;
  /** Most that the clock of an environment is off, either way, ms; each is off by an amount of its own. */
  skew: number;
  seed: number;
}

/** More than any clock that is kept in time is off. */
const MAX_SKEW_MS = 60_000;

const KINDS = ['duplicate', 'throttle', 'kill', 'lose', 'reorder'] as const;
export type ChaosKind = (typeof KINDS)[number];

export interface Chaos {
  spec: ChaosSpec;
  /** Whether this one is hit. */
  draw(kind: ChaosKind): boolean;
  /** From 0 to 1, for a moment. */
  random(kind: ChaosKind): number;
  /** How far the clock of the next environment is off, whole ms. */
  clockOffsetMs(): number;
  /** Counts what really happened: a kill may come after its invocation has ended. */
  landed(kind: ChaosKind): void;
  report(): Record<ChaosKind, number>;
}

/**
 * `duplicate=0.1,throttle=0.05,kill=0.02,skew=500,seed=7`. Throws a SluiceError `USAGE` that names the wrong entry.
 */
export function parseChaos(text: string): ChaosSpec {
  const none = { duplicate: 0, throttle: 0, kill: 0, lose: 0, reorder: 0 };
  const spec: ChaosSpec = { ...none, skew: 0, seed: 1 };
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = ''] = entry.split('=').map((part) => part.trim());
    const number = value === '' ? Number.NaN : Number(value);
    const rule = RULES[name] ?? (KINDS.includes(name as ChaosKind) ? SHARE : undefined);
    if (rule === undefined) {
      throw new SluiceError(
        'USAGE',
        `--chaos has no '${name}'; it knows: ${KINDS.join(', ')}, ${Object.keys(RULES).join(', ')}.`,
      );
    }
    if (!rule.fits(number)) {
      throw new SluiceError('USAGE', `--chaos ${name} must be ${rule.wanted}; got '${value}'.`);
    }
    spec[name as keyof ChaosSpec] = number;
  }
  return spec;
}

interface Rule {
  wanted: string;
  fits(number: number): boolean;
}
const SHARE: Rule = {
  wanted: 'a share from 0 to 1',
  fits: (number) => number >= 0 && number <= 1,
};
const RULES: Readonly<Record<string, Rule>> = {
  skew: {
    wanted: `whole milliseconds from 0 to ${MAX_SKEW_MS}`,
    fits: (number) => Number.isInteger(number) && number >= 0 && number <= MAX_SKEW_MS,
  },
  seed: { wanted: 'a whole number', fits: Number.isSafeInteger },
};

/** Each kind draws from a stream of its own, so that more of one does not move the others. */
export function newChaos(spec: ChaosSpec): Chaos {
  const streams = Object.fromEntries(
    KINDS.map((kind) => [kind, seededRandom(`${spec.seed}/${kind}`)]),
  ) as Record<ChaosKind, () => number>;
  const clocks = seededRandom(`${spec.seed}/skew`);
  const done: Record<ChaosKind, number> = {
    duplicate: 0,
    throttle: 0,
    kill: 0,
    lose: 0,
    reorder: 0,
  };
  return {
    spec,
    draw: (kind) => spec[kind] > 0 && streams[kind]() < spec[kind],
    random: (kind) => streams[kind](),
    clockOffsetMs: () => Math.round((2 * clocks() - 1) * spec.skew),
    landed(kind) {
      done[kind] += 1;
    },
    report: () => ({ ...done }),
  };
}

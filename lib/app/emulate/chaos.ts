import { SluiceError } from '../../core/errors.ts';
import { seededRandom } from '../../core/rng.ts';

/** What may go wrong on purpose, and how often: shares from 0 to 1. */
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
  seed: number;
}

const KINDS = ['duplicate', 'throttle', 'kill', 'lose', 'reorder'] as const;
export type ChaosKind = (typeof KINDS)[number];

export interface Chaos {
  spec: ChaosSpec;
  /** Whether this one is hit. */
  draw(kind: ChaosKind): boolean;
  /** From 0 to 1, for a moment. */
  random(kind: ChaosKind): number;
  /** Counts what really happened: a kill may come after its invocation has ended. */
  landed(kind: ChaosKind): void;
  report(): Record<ChaosKind, number>;
}

/**
 * `duplicate=0.1,throttle=0.05,kill=0.02,seed=7`. Throws a SluiceError `USAGE` that names the wrong entry.
 */
export function parseChaos(text: string): ChaosSpec {
  const spec: ChaosSpec = { duplicate: 0, throttle: 0, kill: 0, lose: 0, reorder: 0, seed: 1 };
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = ''] = entry.split('=').map((part) => part.trim());
    const number = value === '' ? Number.NaN : Number(value);
    const isSeed = name === 'seed';
    if (!isSeed && !KINDS.includes(name as ChaosKind)) {
      throw new SluiceError(
        'USAGE',
        `--chaos has no '${name}'; it knows: ${KINDS.join(', ')}, seed.`,
      );
    }
    const fits = isSeed ? Number.isSafeInteger(number) : number >= 0 && number <= 1;
    if (!fits) {
      const wanted = isSeed ? 'a whole number' : 'a share from 0 to 1';
      throw new SluiceError('USAGE', `--chaos ${name} must be ${wanted}; got '${value}'.`);
    }
    spec[name as ChaosKind | 'seed'] = number;
  }
  return spec;
}

/** Each kind draws from a stream of its own, so that more of one does not move the others. */
export function newChaos(spec: ChaosSpec): Chaos {
  const streams = Object.fromEntries(
    KINDS.map((kind) => [kind, seededRandom(`${spec.seed}/${kind}`)]),
  ) as Record<ChaosKind, () => number>;
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
    landed(kind) {
      done[kind] += 1;
    },
    report: () => ({ ...done }),
  };
}

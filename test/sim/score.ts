/** Plants each bug of the table in the engine, and plays seeds until one exposes it. */
import { parseArgs } from 'node:util';
import { BUGS, type Bug } from './bugs.ts';
import { newBundle, playInChild, type SimBundle } from './play.ts';
import type { Told } from './worker.ts';

export interface Score {
  bug: Bug;
  /** The first seed that exposes it; undefined = it escaped. */
  first: number | undefined;
  violation: string | undefined;
  /** Seeds played until then. */
  played: number;
  /** Share of the seeds that expose it, in its own world if it has one. */
  share?: number;
}

/** A bug that no seed up to here exposes has escaped. */
export const MOST_SEEDS = 2_000;

interface ScoreOptions {
  /** The simulator with nothing planted. */
  right: SimBundle;
  seeds: number;
  shares: number;
}

export async function scoreBug(bug: Bug, { right, seeds, shares }: ScoreOptions): Promise<Score> {
  const bundle = await newBundle(bug.edits);
  const { tune } = bug;
  const failing = (told: readonly Told[]) => told.filter(({ violations }) => violations.length > 0);
  try {
    const ask = { to: seeds + 1, step: 1, tune };
    let [from, played] = [1, 0];
    let found: Told | undefined;
    while (found === undefined && from <= seeds) {
      const told = await playInChild(bundle, { ...ask, from, first: true });
      played += told.length;
      const [suspect] = failing(told);
      if (suspect === undefined) break;
      from = suspect.seed + 1;
      // Where nothing sweeps and functions die, some worlds cannot end: those say nothing about the bug.
      const [sound] = await playInChild(right, { ...ask, from: suspect.seed, to: from });
      if (sound?.violations.length === 0) found = suspect;
    }
    const score: Score = {
      bug,
      first: found?.seed,
      violation: found?.violations[0],
      played,
    };
    if (shares === 0) return score;
    const all = await playInChild(bundle, { ...ask, from: 1, to: shares + 1 });
    return { ...score, share: failing(all).length / shares };
  } finally {
    bundle.remove();
  }
}

/** All bugs, two at a time. */
export async function scoreAll(
  bugs: readonly Bug[],
  numbers: { seeds: number; shares: number },
  onScore: (score: Score) => void = () => undefined,
): Promise<Score[]> {
  const left = [...bugs];
  const right = await newBundle();
  const scores: Score[] = [];
  const loop = async (): Promise<void> => {
    for (let bug = left.shift(); bug !== undefined; bug = left.shift()) {
      const score = await scoreBug(bug, { right, ...numbers });
      scores.push(score);
      onScore(score);
    }
  };
  await Promise.all([loop(), loop()]).finally(right.remove);
  return scores;
}

function line({ bug, first, violation, played, share }: Score): string {
  const found = first === undefined ? `ESCAPED ${played} seeds` : `seed ${first}`;
  const part = share === undefined ? '' : ` ${(share * 100).toFixed(1)} %`;
  const world = bug.tune === undefined ? '' : ' (own world)';
  return `${found.padEnd(10)}${part.padStart(8)}  ${bug.name}${world}: ${violation?.slice(0, 110) ?? ''}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: String(MOST_SEEDS) },
      shares: { type: 'string', default: '0' },
      bug: { type: 'string' },
    },
  });
  const bugs = BUGS.filter(({ name }) => values.bug === undefined || name.includes(values.bug));
  const numbers = { seeds: Number(values.seeds), shares: Number(values.shares) };
  const started = performance.now();
  const scores = await scoreAll(bugs, numbers, (score) => console.log(line(score)));
  const escaped = scores.filter(({ first }) => first === undefined);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${scores.length - escaped.length} of ${scores.length} bugs exposed, ${seconds} s`);
  if (escaped.length > 0) process.exitCode = 1;
}

if (process.argv[1]?.endsWith('score.ts')) await main();

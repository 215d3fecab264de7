import { expect, it } from 'vitest';
import { BUGS } from '../sim/bugs.ts';
import { runSeed } from '../sim/run-seed.ts';

/** Worlds of all kinds, then those in which rare bugs show. */
const SEEDS = 40;
const SEEDS_IN_TUNED_WORLDS = 2;

async function isSound(seeds: readonly number[], tune = {}): Promise<void> {
  for (const seed of seeds) {
    const { violations } = await runSeed(seed, tune);
    expect(violations, `seed ${seed}`).toEqual([]);
  }
}

const from = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first + at);

for (let first = 1; first <= SEEDS; first += 10) {
  it(`keeps every promise in seeds ${first} to ${first + 9}`, () => isSound(from(first, 10)));
}

const tunes = new Map(BUGS.map(({ tune, name }) => [JSON.stringify(tune), { tune, name }]));
for (const { tune, name } of tunes.values()) {
  if (tune === undefined) continue;
  it(`keeps every promise in the world of: ${name}`, () =>
    isSound(from(1, SEEDS_IN_TUNED_WORLDS), tune));
}

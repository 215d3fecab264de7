/** The bundled side of the simulator: plays the seeds that it is told to, and answers a line of JSON for each. */
import type { Tune } from './config.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import { shrink } from './shrink.ts';

/** What a worker is asked for, as the JSON text of its first argument. */
export interface Ask {
  from: number;
  /** The seed after the last. */
  to: number;
  /** Play every `step`-th seed. */
  step: number;
  tune?: Tune | undefined;
  /** Stop at the first seed that fails. */
  first?: boolean;
  /** Play each seed twice: the traces must have one hash. */
  twice?: boolean;
  /** Print every event of the seeds. */
  trace?: boolean;
  /** Play each seed once for every moment of it, with a crash at that moment. */
  everyCrash?: boolean;
  /** Make the world of a seed that fails smaller. */
  shrink?: boolean;
}

export interface Told extends Omit<SeedResult, 'config'> {
  /** The smaller world in which it fails. */
  tune?: Tune | undefined;
}

async function play(ask: Ask, seed: number): Promise<Told> {
  const onLine = ask.trace ? (line: string) => process.stdout.write(`${line}\n`) : undefined;
  const { config, ...told } = await runSeed(seed, ask.tune, { onLine });
  if (ask.trace) process.stdout.write(`the world: ${JSON.stringify(config, null, 1)}\n`);
  if (ask.twice) {
    const again = await runSeed(seed, ask.tune);
    if (again.hash !== told.hash) told.violations.push('played twice, its traces differ');
  }
  if (!ask.shrink || told.violations.length === 0) return told;
  return { ...told, tune: await shrink(seed, ask.tune ?? {}) };
}

/** Until a moment that the world does not come to any more. */
async function playCrashes(ask: Ask, seed: number): Promise<Told> {
  const sums: Told = { seed, violations: [], hits: {}, events: 0, hash: '', endedMs: undefined };
  for (let crashAt = 0; ; crashAt += 1) {
    const { violations, hits, events } = await runSeed(seed, { ...ask.tune, crashAt });
    if (violations.length > 0) sums.violations.push(`crash ${crashAt}: ${violations[0]}`);
    sums.events += events;
    if (hits['plannedCrash'] === undefined) return sums;
    sums.hits['plannedCrash'] = crashAt + 1;
  }
}

const ask = JSON.parse(process.argv[2] ?? '{}') as Ask;
for (let seed = ask.from; seed < ask.to; seed += ask.step) {
  const played = ask.everyCrash ? playCrashes(ask, seed) : play(ask, seed);
  const told = await played.catch(
    (error: Error): Told => ({
      ...{ seed, hits: {}, events: 0, hash: '', endedMs: undefined },
      violations: [`the simulator itself failed: ${error.stack}`],
    }),
  );
  process.stdout.write(`${JSON.stringify(told)}\n`);
  if (ask.first && told.violations.length > 0) break;
}

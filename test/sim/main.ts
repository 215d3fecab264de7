/** The simulator's door: `npm run sim -- --seeds 500`, `--from N`, `--seed N --trace`, `--tune '{"items":3}'`. */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type Tune } from './config.ts';
import { newBundle, playInChild, playSeeds, sumHits } from './play.ts';
import type { Told } from './worker.ts';

/** Fewer seeds than this need not have every kind of fault. */
const ALL_KINDS_FROM = 500;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    tune: { type: 'string' },
    twice: { type: 'boolean', default: false },
  },
});
const tune = values.tune === undefined ? undefined : (JSON.parse(values.tune) as Tune);

/** How to see a failure again, in the smallest world in which it was found. */
function describe({ seed, violations, tune: found }: Told): string {
  const small = JSON.stringify(found ?? tune ?? {});
  const command = `npm run sim -- --seed ${seed} --trace${small === '{}' ? '' : ` --tune '${small}'`}`;
  return `seed ${seed}: ${violations.join('\n  ')}\n  replay: ${command}`;
}

async function playOne(seed: number): Promise<number> {
  const bundle = await newBundle();
  const ask = { from: seed, to: seed + 1, step: 1, tune, trace: values.trace };
  const told = await playInChild(bundle, ask, (line) => console.log(line));
  bundle.remove();
  const [one] = told;
  const verdict = one?.violations.length === 0 ? 'nothing wrong' : one?.violations.join('\n');
  console.log(`seed ${seed}: ${verdict}; ${one?.events} events, trace ${one?.hash}`);
  return one?.violations.length === 0 ? 0 : 1;
}

async function playMany(from: number, seeds: number): Promise<number> {
  const started = performance.now();
  const bundle = await newBundle();
  const ask = { from, seeds, tune, twice: values.twice, shrink: true };
  const told = await playSeeds(bundle, { ...ask, workers: Number(values.workers) });
  bundle.remove();
  const failed = told.filter(({ violations }) => violations.length > 0);
  for (const one of failed.slice(0, 5)) console.log(describe(one));
  const hits = sumHits(told);
  const events = told.reduce((sum, one) => sum + one.events, 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(JSON.stringify(hits));
  console.log(`${seeds} seeds, ${events} events, ${failed.length} with violations, ${seconds} s`);
  const silent = FAULT_KINDS.filter((kind) => (hits[kind] ?? 0) === 0);
  if (seeds < ALL_KINDS_FROM || tune !== undefined || silent.length === 0) {
    return failed.length === 0 ? 0 : 1;
  }
  console.log(`Kinds of fault that never struck: ${silent.join(', ')}`);
  return 1;
}

process.exitCode = await (values.seed === undefined
  ? playMany(Number(values.from), Number(values.seeds))
  : playOne(Number(values.seed)));

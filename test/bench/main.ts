import { cpus, loadavg } from 'node:os';
import { buildAll } from '../../build.mjs';
import { autoBench } from './auto.ts';
import { bundlesBench } from './bundles.ts';
import { cloudBench } from './cloud.ts';
import { commitsBench } from './commits.ts';
import { csvBench } from './csv.ts';
import { groupsBench } from './groups.ts';
import { httpBench } from './http.ts';
import { memoryBench } from './memory.ts';
import { musicBench } from './music.ts';
import { noopBench } from './noop.ts';
import { oddsBench } from './odds.ts';
import { oddsMarketsBench } from './odds-markets.ts';
import { benchOddsProcess } from './odds-process.ts';
import { type BenchOptions, parseOptions } from './options.ts';
import { benchReaders } from './readers.ts';
import { recipesBench } from './recipes.ts';
import { retryBench } from './retry.ts';
import { runnerBench } from './runner.ts';
import { sampleBench } from './sample.ts';
import { openScratch } from './scratch.ts';
import { sinksBench } from './sinks.ts';
import { statusBench } from './status.ts';
import { type Bench, newContext } from './support.ts';
import { walkBench } from './walk.ts';

const BENCHES: readonly Bench[] = [
  runnerBench,
  csvBench,
  commitsBench,
  noopBench,
  oddsBench,
  oddsMarketsBench,
  memoryBench,
  groupsBench,
  statusBench,
  retryBench,
  sinksBench,
  httpBench,
  autoBench,
  sampleBench,
  recipesBench,
  musicBench,
  cloudBench,
  bundlesBench,
  walkBench,
];

/** Loops in this very process: for finding what a change costs, only run by name. */
const PROFILES: readonly Bench[] = [
  {
    name: 'readers',
    about: 'loops of the readers, MB per CPU-second',
    run: async () => void (await benchReaders()),
  },
  {
    name: 'odds-process',
    about: 'loops of the odds path, CPU time of each',
    run: async () => void (await benchOddsProcess()),
  },
];

async function main(options: BenchOptions): Promise<void> {
  const all = [...BENCHES, ...PROFILES];
  const unknown = options.names.filter((name) => !all.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    const known = all.map(({ name }) => name).join(', ');
    throw new Error(`There is no bench ${unknown.join(', ')}. There are: ${known}.`);
  }
  const chosen =
    options.names.length === 0 ? BENCHES : all.filter(({ name }) => options.names.includes(name));
  await buildAll();
  console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`);
  if (options.quick) console.log('--quick: only to see that all of it works; judge nothing by it.');
  const scratch = await openScratch();
  let failed = 0;
  try {
    for (const { name, about, run } of chosen) {
      const load = loadavg()[0]?.toFixed(2) ?? '?';
      console.log(`\n${name}: ${about}\n  npm run bench -- ${commandOf(name)}, load ${load}`);
      try {
        await run(newContext(name, options, scratch));
      } catch (error) {
        failed += 1;
        console.log(`  failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    scratch.close();
  }
  if (failed > 0) process.exitCode = 1;
}

/** The command that repeats this one bench. */
function commandOf(name: string): string {
  const flags = process.argv
    .slice(2)
    .filter((word) => ![...BENCHES, ...PROFILES].some((bench) => bench.name === word));
  return [name, ...flags].join(' ');
}

const options = parseOptions(process.argv.slice(2));
if ('help' in options) console.log(options.help);
else await main(options);

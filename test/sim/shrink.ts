import { drawConfig, type FaultKind, type SimConfig, type Tune } from './config.ts';
import { runSeed } from './run-seed.ts';

/** What happens once in a world, or not at all. */
const SINGLE = [
  ...(['killer', 'changedAt', 'deployAt', 'upgrade', 'retry'] as const),
  ...(['pauseAt', 'cancelAt'] as const),
];

/** Smaller worlds than this one, the boldest first. */
function smaller(config: SimConfig): Tune[] {
  const { items, chunk, workers, concurrency, rates } = config;
  const kinds = Object.keys(rates) as FaultKind[];
  const found: Tune[] = [];
  for (const less of [0, Math.floor(items / 2), items - 1]) {
    if (less >= 0 && less < items) found.push({ items: less });
  }
  for (const kind of kinds) if ((rates[kind] ?? 0) > 0) found.push({ rates: { [kind]: 0 } });
  for (const name of SINGLE) {
    if (config[name] !== undefined) found.push({ [name]: undefined });
  }
  for (const name of ['tolerate', 'keepMs'] as const) {
    if (config[name] !== undefined) found.push({ [name]: undefined });
  }
  if (chunk > 1) found.push({ chunk: chunk - 1 });
  if (workers > 1) found.push({ workers: workers - 1 });
  if (concurrency > 1) found.push({ concurrency: concurrency - 1 });
  if (config.prefetch > 0) found.push({ prefetch: config.prefetch - 1 });
  if (config.processes > 1) found.push({ processes: config.processes - 1 });
  if (config.triggers > 1) found.push({ triggers: config.triggers - 1 });
  if (config.planMs > 0) found.push({ planMs: 0 });
  if (config.fickle) found.push({ fickle: false });
  if (config.hangs) found.push({ hangs: false });
  return found;
}

/** Worlds that are tried before the smallest so far is taken. */
const MOST_TRIES = 400;

/** The smallest world found, of the same seed, in which something still is wrong. */
export async function shrink(seed: number, start: Tune): Promise<Tune> {
  let best = start;
  let tries = 0;
  for (let better = true; better && tries < MOST_TRIES; ) {
    better = false;
    for (const step of smaller(drawConfig(seed, best))) {
      tries += 1;
      const tune = { ...best, ...step, rates: { ...best.rates, ...step.rates } };
      const { violations } = await runSeed(seed, tune);
      if (violations.length === 0) continue;
      best = tune;
      better = true;
      break;
    }
  }
  return best;
}

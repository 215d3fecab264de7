import { runBounded } from '../../../lib/pool/run-bounded.ts';
import type { Figures } from '../child.ts';

interface Spec {
  items: number;
  concurrency: number;
  /** URL of p-map; absent = our own runner. */
  pMap?: string;
}

type PMap = (
  items: Iterable<number>,
  work: (item: number) => Promise<unknown>,
  options: { concurrency: number },
) => Promise<unknown[]>;

/** Trivial async items; `perCpuS` counts the loop alone, after a tenth as warm-up. */
export async function runnerTask({ items, concurrency, pMap }: Spec): Promise<Figures> {
  let sum = 0;
  const work = async (item: number): Promise<void> => {
    sum += item;
  };
  const run = await runner(pMap, concurrency, work);
  await run(Math.ceil(items / 10));
  sum = 0;
  const before = process.cpuUsage();
  await run(items);
  const { user, system } = process.cpuUsage(before);
  if (sum !== (items * (items - 1)) / 2) throw new Error('Not every item was worked once.');
  return { perCpuS: items / ((user + system) / 1e6) };
}

async function runner(
  pMap: string | undefined,
  concurrency: number,
  work: (item: number) => Promise<void>,
): Promise<(items: number) => Promise<unknown>> {
  if (pMap === undefined) return (items) => runBounded(upTo(items), concurrency, work);
  const { default: map } = (await import(pMap)) as { default: PMap };
  return (items) => map(upTo(items), work, { concurrency });
}

function* upTo(items: number): Generator<number> {
  for (let i = 0; i < items; i++) yield i;
}

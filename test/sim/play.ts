import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleSim, type Edit } from './bundle.ts';
import type { Ask, Told } from './worker.ts';

export interface SimBundle {
  file: string;
  remove(): void;
}

/** The simulator with the engine in one file, in a folder of its own. */
export async function newBundle(edits: readonly Edit[] = []): Promise<SimBundle> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sim-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, 'sim.mjs');
  try {
    await bundleSim(file, edits);
  } catch (error) {
    remove();
    throw error;
  }
  return { file, remove };
}

/** Plays what is asked for in a child process; lines that are no answers go to `onText`. */
export function playInChild(
  { file }: SimBundle,
  ask: Ask,
  onText: (line: string) => void = () => undefined,
): Promise<Told[]> {
  const child = spawn(process.execPath, ['--enable-source-maps', file, JSON.stringify(ask)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told: Told[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    if (line.startsWith('{"seed":')) told.push(JSON.parse(line) as Told);
    else onText(line);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    let code: number | null = 0;
    child.on('exit', (with_) => {
      code = with_;
    });
    lines.on('close', () => {
      if (code === 0 || code === null) resolve(told);
      else reject(new Error(`A simulator process ended with ${code}.`));
    });
  });
}

/** Seeds [from, from + seeds), split over `workers` child processes, in order of their seeds. */
export async function playSeeds(
  bundle: SimBundle,
  { from, seeds, workers, ...rest }: Omit<Ask, 'to' | 'step'> & { seeds: number; workers: number },
): Promise<Told[]> {
  const shares = Array.from({ length: workers }, (_, at) =>
    playInChild(bundle, { ...rest, from: from + at, to: from + seeds, step: workers }),
  );
  return (await Promise.all(shares)).flat().sort((a, b) => a.seed - b.seed);
}

/** How often each kind of event was seen, over all seeds. */
export function sumHits(told: readonly Told[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { hits } of told) {
    for (const [kind, times] of Object.entries(hits)) sums[kind] = (sums[kind] ?? 0) + times;
  }
  return sums;
}

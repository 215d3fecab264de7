import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { median } from './median.ts';
import type { BenchOptions } from './options.ts';
import type { Scratch } from './scratch.ts';
import { type Column, printTable } from './table.ts';
import type { BatchSpec } from './tasks/batch.ts';

/** One benchmark by name. */
export interface Bench {
  name: string;
  /** What is measured and what is hoped for, in a line. */
  about: string;
  run(context: Context): Promise<void>;
}

/** One way of doing the work: a task of child.ts in a fresh process, or a command of its own. */
export interface Variant {
  name: string;
  /** Items, rows or whatever the bench counts. */
  n: number;
  task?: string;
  spec?: Record<string, unknown>;
  /** In place of a task: program and arguments. */
  argv?: readonly string[];
  /** Right before each process starts; its answer goes over `spec`, or is put behind `argv` as they stand. */
  fresh?(): { spec?: Record<string, unknown>; argv?: string[]; done?(): void };
}

/** One process: all of it, from its start to its end. */
export interface Sample {
  wallS: number;
  /** User and system time of all its threads. */
  cpuS: number;
  /** Peak resident set in MB (10^6). */
  rssMb: number;
  /** What the task itself measured. */
  figures: Record<string, number>;
}

export interface Measured extends Sample {
  name: string;
  n: number;
  samples: Sample[];
}

export interface Context {
  options: BenchOptions;
  scratch: Scratch;
  /** A size: the person's own, else the small one when `--quick`, else the one that the docs show. */
  size(own: number | undefined, normal: number, quick: number): number;
  /** All variants once a round, each time in a fresh process; the medians of each figure. */
  measure(variants: readonly Variant[], defaultRounds?: number): Promise<Measured[]>;
  table(rows: readonly Measured[], columns: readonly Column[]): void;
  say(line: string): void;
}

export function newContext(name: string, options: BenchOptions, scratch: Scratch): Context {
  const record = (variant: Variant, round: number, sample: Sample): void => {
    if (options.out === undefined) return;
    const line = {
      bench: name,
      variant: variant.name,
      n: variant.n,
      round,
      ...sample,
      load: loadavg()[0],
      node: process.version,
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      at: new Date().toISOString(),
      quick: options.quick,
    };
    appendFileSync(options.out, `${JSON.stringify(line)}\n`);
  };
  return {
    options,
    scratch,
    size: (own, normal, quick) => own ?? (options.quick ? quick : normal),
    async measure(variants, defaultRounds = 3) {
      const rounds = options.rounds ?? (options.quick ? 1 : defaultRounds);
      const samples = variants.map((): Sample[] => []);
      for (let round = 0; round < rounds; round++) {
        for (const [at, variant] of variants.entries()) {
          const sample = await runVariant(variant, scratch);
          samples[at]?.push(sample);
          record(variant, round, sample);
        }
      }
      return variants.map(({ name: variant, n }, at) => {
        const all = samples[at] as Sample[];
        return { name: variant, n, samples: all, ...medians(all) };
      });
    },
    table: (rows, columns) => printTable(rows, columns),
    say: (line) => console.log(`  ${line}`),
  };
}

/** A whole batch in a home of its own, which is removed after the process has ended. */
export const batchVariant = (
  scratch: Scratch,
  { name, spec }: { name: string; spec: Omit<BatchSpec, 'root' | 'home'> },
): Variant => ({
  name,
  n: spec.items,
  task: 'batch',
  spec: { ...spec, root: scratch.root },
  fresh: () => {
    const { home, done } = scratch.newHome();
    return { spec: { home }, done };
  },
});

async function runVariant(variant: Variant, scratch: Scratch): Promise<Sample> {
  const fresh = variant.fresh?.();
  const argv =
    variant.argv === undefined
      ? [
          process.execPath,
          scratch.child('child'),
          variant.task ?? '',
          JSON.stringify({ ...variant.spec, ...fresh?.spec }),
        ]
      : [...variant.argv, ...(fresh?.argv ?? [])];
  try {
    return await runMeasured(argv, scratch);
  } finally {
    fresh?.done?.();
  }
}

/**
 * Runs a command and counts all Node processes of it: their CPU time is added up, the largest resident
 * set is kept. The last line of its output is taken as figures when it is a JSON object.
 * @throws Error with its stderr when it does not end with 0
 */
export async function runMeasured(argv: readonly string[], scratch: Scratch): Promise<Sample> {
  const [program = '', ...args] = argv;
  const usage = join(scratch.folder, `usage-${process.pid}.jsonl`);
  rmSync(usage, { force: true });
  const from = performance.now();
  const child = spawn(program, args, {
    cwd: scratch.root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: `--import ${scratch.childUrl('usage')}`,
      SLUICE_BENCH_USAGE: usage,
    },
  });
  const [out, err] = [tailOf(child.stdout), tailOf(child.stderr)];
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const wallS = (performance.now() - from) / 1000;
  if (code !== 0) throw new Error(`${args.slice(0, 2).join(' ')} ended with ${code}:\n${err()}`);
  const used = readFileSync(usage, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { cpuS: number; rssMb: number });
  rmSync(usage);
  return {
    wallS,
    cpuS: used.reduce((sum, { cpuS }) => sum + cpuS, 0),
    rssMb: Math.max(...used.map(({ rssMb }) => rssMb)),
    figures: figuresIn(out()),
  };
}

function tailOf(stream: Readable): () => string {
  let tail = '';
  stream.on('data', (bytes: Buffer) => {
    tail = `${tail}${bytes.toString()}`.slice(-65_536);
  });
  return () => tail;
}

function figuresIn(out: string): Record<string, number> {
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? (JSON.parse(last) as Record<string, number>) : {};
}

function medians(samples: readonly Sample[]): Sample {
  const names = new Set(samples.flatMap(({ figures }) => Object.keys(figures)));
  return {
    wallS: median(samples.map(({ wallS }) => wallS)),
    cpuS: median(samples.map(({ cpuS }) => cpuS)),
    rssMb: median(samples.map(({ rssMb }) => rssMb)),
    figures: Object.fromEntries(
      [...names].map((name) => [
        name,
        median(samples.map(({ figures }) => figures[name] ?? Number.NaN)),
      ]),
    ),
  };
}

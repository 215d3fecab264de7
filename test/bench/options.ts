import { parseArgs } from 'node:util';

/** What a person asks the benchmarks for. */
export interface BenchOptions {
  names: string[];
  rounds: number | undefined;
  quick: boolean;
  out: string | undefined;
  /** Sizes; each bench has its own default. */
  items: number | undefined;
  rows: number | undefined;
  mb: number | undefined;
  jobs: number | undefined;
}

const HELP = `npm run bench -- [names...] [flags]

  --rounds <n>   interleaved rounds, of which the medians are shown (default 3; auto: 9)
  --quick        small sizes and one round: only to see that it works
  --out <file>   appends every sample as a JSON line
  --items <n>    size of runner, commits, noop, memory (the largest), status, auto
  --rows <n>     rows of odds, odds-markets (of both files together, about), auto, sample
  --mb <n>       size of each file of csv
  --jobs <n>     jobs of BullMQ, one an item
`;

/** @throws Error that names the flag, for an unknown flag or a size that is no whole number above 0. */
export function parseOptions(argv: string[]): BenchOptions | { help: string } {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      rounds: text,
      quick: flag,
      out: text,
      items: text,
      rows: text,
      mb: text,
      jobs: text,
      help: flag,
    },
  });
  if (values.help) return { help: HELP };
  const number = (name: 'rounds' | 'items' | 'rows' | 'mb' | 'jobs'): number | undefined => {
    const given = values[name];
    if (given === undefined) return undefined;
    if (/^[1-9]\d{0,9}$/.test(given)) return Number(given);
    throw new Error(`--${name} must be a whole number above 0; got '${given}'.`);
  };
  return {
    names: positionals,
    rounds: number('rounds'),
    quick: values.quick === true,
    out: values.out,
    items: number('items'),
    rows: number('rows'),
    mb: number('mb'),
    jobs: number('jobs'),
  };
}
